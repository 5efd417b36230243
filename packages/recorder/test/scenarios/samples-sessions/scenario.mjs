import assert from 'node:assert/strict';

export async function run({ page, site, collector }) {
  await page.addInitScript(() => {
    Math.random = () => 0.5;
  });
  site.variables.rate = '0.4';
  await page.goto(site.origin);
  const sessionId = await page.evaluate(() => window.playhead.sessionId());
  await page.click('#button');
  await page.evaluate(() => fetch('/api/one'));
  const [{ headers }] = site.requests;
  assert.equal(headers['x-session-id'], sessionId, 'a session that is not recorded has an id all the same');
  assert.equal(headers.traceparent, undefined);

  // The decision holds for the session, not for the page.
  site.variables.rate = '1';
  await page.reload();
  assert.equal(await page.evaluate(() => window.playhead.sessionId()), sessionId);
  await page.click('#button');
  await page.goto('about:blank');
  assert.equal(collector.requests.length, 0);
}
