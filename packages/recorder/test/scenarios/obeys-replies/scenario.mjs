import assert from 'node:assert/strict';

export async function run({ page, site, collector }) {
  collector.answer = (nth) => ({
    status: 202,
    body:
      [
        { accepted: 2, token: 'token-of-the-session' },
        { accepted: 1, snapshot: true },
      ][nth] ?? {},
  });
  await page.goto(site.origin);
  await collector.until(({ segments }) => segments.length === 1, 'the snapshot');
  await page.click('#button');
  const third = await collector.until(({ segments }) => segments[2], 'the snapshot that was asked for');
  assert.deepEqual(
    third.events.map(({ type }) => type),
    [4, 2]
  );
  assert.equal(third.header.page_id, collector.segments[0].header.page_id);
  assert.deepEqual(
    collector.segments.map(({ header }) => header.token),
    [undefined, 'token-of-the-session', 'token-of-the-session']
  );

  collector.answer = () => ({ status: 202, body: { stop: true } });
  await page.click('#button');
  await page.waitForFunction(() => /native code/.test(window.fetch.toString()));
  const before = collector.requests.length;
  await page.click('#button');
  await page.reload();
  await collector.until(
    ({ segments }) => segments.some(({ header }) => header.page_id !== third.header.page_id),
    'the reload'
  );
  assert.equal(collector.requests.length, before + 1, 'nothing more was sent of the stopped page');
}
