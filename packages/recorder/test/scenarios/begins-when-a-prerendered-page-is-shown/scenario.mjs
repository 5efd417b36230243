import assert from 'node:assert/strict';

/** Milliseconds in a UUIDv7. */
const timeOf = (id) => parseInt(id.replace('-', '').slice(0, 12), 16);

export async function run({ page, site, collector }) {
  await page.goto(site.origin);
  await page.waitForFunction(() => window.playhead !== undefined);
  await page.waitForFunction((since) => Date.now() > since + 50, await page.evaluate(() => Date.now()));
  assert.equal(collector.segments.length, 0);
  const shownMs = await page.evaluate(() => {
    window.hidden = false;
    const now = Date.now();
    document.dispatchEvent(new Event('prerenderingchange'));
    return now;
  });
  const { header, events } = await collector.until(({ segments }) => segments[0], 'the snapshot');
  assert.deepEqual(
    events.slice(0, 2).map(({ type }) => type),
    [4, 2]
  );
  assert.ok(timeOf(header.page_id) >= shownMs, 'the page began before it was shown');
}
