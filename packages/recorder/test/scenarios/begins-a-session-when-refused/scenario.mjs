import assert from 'node:assert/strict';

const refused = { status: 403, body: { status: 403, field: 'token' } };

export async function run({ page, site, collector, errors }) {
  collector.answer = (nth) => (nth === 1 ? refused : { status: 202, body: { token: `token-${nth}` } });
  await page.goto(site.origin);
  const first = await collector.until(({ segments }) => segments[0], 'the snapshot');
  await page.click('#button');
  const next = await collector.until(({ segments }) => segments[1], 'the snapshot of the next session');
  assert.notEqual(next.header.session_id, first.header.session_id);
  assert.equal(next.header.previous_id, first.header.session_id);
  assert.equal(next.header.token, undefined);
  assert.deepEqual(
    next.events.slice(0, 2).map(({ type }) => type),
    [4, 2]
  );
  assert.equal(await page.evaluate(() => window.playhead.sessionId()), next.header.session_id);
  await page.click('#button');
  const later = await collector.until(({ segments }) => segments[2], 'a click in the next session');
  assert.equal(later.header.session_id, next.header.session_id);
  assert.equal(later.header.token, 'token-2');

  // A server that refuses every session is left alone.
  collector.answer = () => refused;
  await page.click('#button');
  await page.waitForFunction(() => /native code/.test(window.fetch.toString()));
  const sessions = new Set(collector.requests.map(({ header }) => header.session_id));
  assert.equal(sessions.size, 3, 'one more session was tried');
  assert.deepEqual(errors, []);
}
