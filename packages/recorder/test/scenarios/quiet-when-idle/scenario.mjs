import assert from 'node:assert/strict';

export async function run({ page, site, collector }) {
  await page.clock.install();
  await page.goto(site.origin);
  await collector.until(({ segments }) => segments[0], 'the snapshot');
  await page.clock.runFor(6_000);
  await collector.until((all) => all.custom('state').length === 1, 'the started event');
  const before = collector.requests.length;
  await page.clock.runFor(20 * 60_000);
  // Whatever had been sent would arrive before this does.
  await page.evaluate((origin) => fetch(origin + '/playhead.js'), collector.origin);
  assert.equal(collector.requests.length, before);
}
