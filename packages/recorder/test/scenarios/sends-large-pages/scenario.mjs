import assert from 'node:assert/strict';

/** As a server with a body limit would. */
const LIMIT_BYTES = 200_000;

export async function run({ page, site, collector }) {
  await page.addInitScript(() => {
    document.addEventListener('DOMContentLoaded', () => {
      const list = document.createElement('ul');
      // Text that gzip cannot make small.
      const random = () => Array.from(crypto.getRandomValues(new Uint32Array(20)), (n) => n.toString(36)).join('');
      for (let index = 0; index < 8000; index++) {
        list.append(Object.assign(document.createElement('li'), { textContent: random() }));
      }
      document.body.append(list);
    });
  });
  await page.goto(site.origin);
  const first = await collector.until(({ segments }) => segments[0], 'the snapshot');
  assert.deepEqual(
    first.events.map(({ type }) => type),
    [4, 2]
  );
  assert.ok(first.text.length > 1024 * 1024, `${first.text.length} bytes`);

  // Many events at once are cut into segments of 256 KiB, and a segment that is too large into two.
  collector.answer = (_, { text }) => ({ status: text.length > LIMIT_BYTES ? 413 : 202 });
  await page.evaluate(() => {
    for (let index = 0; index < 400; index++) {
      window.playhead.track('step ' + index, { filler: ''.padEnd(1000, 'x') });
    }
  });
  await collector.until((all) => all.custom('custom').length === 400, 'all events');
  assert.deepEqual(
    collector.custom('custom').map(({ name }) => name),
    Array.from({ length: 400 }, (_, index) => 'step ' + index)
  );
  assert.deepEqual(
    collector.segments.map(({ header }) => header.seq),
    collector.segments.map((_, index) => index)
  );
  assert.ok(collector.requests.every(({ text }, index) => index === 0 || text.length < 300 * 1024));
  assert.ok(collector.requests.length > collector.segments.length, 'a segment was too large');
}
