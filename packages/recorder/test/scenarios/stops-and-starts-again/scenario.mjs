import assert from 'node:assert/strict';

export async function run({ page, site, collector, errors }) {
  await page.addInitScript(() => {
    window.natives = () =>
      [
        window.fetch,
        XMLHttpRequest.prototype.open,
        XMLHttpRequest.prototype.send,
        console.log,
        history.pushState,
      ].every((fn) => /native code/.test(Function.prototype.toString.call(fn)));
  });
  await page.goto(site.origin);
  await collector.until(({ segments }) => segments[0], 'the first snapshot');
  const sessionId = await page.evaluate(() => window.playhead.sessionId());
  for (let round = 1; round <= 2; round++) {
    await page.evaluate(() => {
      window.playhead.track('before');
      window.playhead.stop();
      // None of these may throw or do anything.
      window.playhead.stop();
      window.playhead.track('while stopped');
      window.playhead.identify({ id: 'u' });
      document.querySelector('#text').textContent = 'while stopped';
    });
    assert.equal(await page.evaluate(() => window.natives()), true, 'everything patched is as before');
    assert.equal(await page.evaluate(() => window.playhead.sessionId()), undefined);
    await collector.until(
      (all) => all.custom('state').filter(({ state }) => state === 'stopped').length === round,
      'the end'
    );

    await page.evaluate((endpoint) => window.playhead.start({ key: 'pk_test', endpoint }), collector.origin);
    assert.equal(await page.evaluate(() => window.playhead.sessionId()), sessionId);
    await page.evaluate(() => window.playhead.track('after'));
    await collector.until(
      (all) => all.custom('custom').filter(({ name }) => name === 'after').length === round,
      'events of the next start'
    );
  }
  assert.equal(collector.events.filter(({ type }) => type === 2).length, 3);
  assert.deepEqual(
    collector.segments.map(({ header }) => header.seq),
    collector.segments.map((_, index) => index)
  );
  assert.equal(
    collector.custom('custom').some(({ name }) => name === 'while stopped'),
    false
  );
  assert.deepEqual(errors, []);
}
