import assert from 'node:assert/strict';

export async function run({ page, site, collector }) {
  await page.goto(site.origin);
  await collector.until(({ segments }) => segments[0], 'the snapshot');
  await page.evaluate(() => {
    // More than a keepalive request can carry: its beginning must arrive.
    for (let index = 0; index < 60; index++) {
      window.playhead.track('step ' + index, { filler: String(index).padEnd(1000, 'x') });
    }
  });
  await page.click('#next');
  await page.waitForURL('**/next.html');
  await collector.until(({ segments }) => segments.length >= 2, 'the tail');
  const steps = collector.custom('custom').map(({ name }) => name);
  assert.ok(steps.length >= 40, `${steps.length} of 60 events arrived`);
  assert.deepEqual(
    steps,
    steps.map((_, index) => 'step ' + index)
  );
}
