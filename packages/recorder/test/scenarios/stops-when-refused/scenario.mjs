import assert from 'node:assert/strict';

export async function run({ page, site, collector, errors }) {
  for (const status of [401, 403, 410, 415]) {
    collector.requests.length = 0;
    collector.answer = () => ({ status });
    await page.clock.install();
    await page.goto(site.origin);
    await collector.until(({ requests }) => requests.length === 1, `the answer ${status}`);
    await page.waitForFunction(
      () => window.playhead.sessionId() === undefined || !/playhead/.test(window.fetch.toString())
    );
    await page.waitForFunction(() => /native code/.test(window.fetch.toString()));
    await page.click('#button');
    await page.clock.runFor(10 * 60_000);
    await page.evaluate(() => fetch('/api/after'));
    assert.equal(collector.requests.length, 1, `nothing is sent after ${status}`);
    assert.equal(site.requests.at(-1).headers['x-session-id'], undefined);
  }
  assert.deepEqual(errors, []);
}
