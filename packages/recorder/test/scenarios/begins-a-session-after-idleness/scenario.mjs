import assert from 'node:assert/strict';

export async function run({ context, page, site, collector }) {
  await context.clock.install();
  await page.goto(site.origin);
  const [first] = await collector.until(({ segments }) => segments.length > 0 && segments, 'the first session');
  const second = await context.newPage();
  await second.goto(site.origin);
  await collector.until(
    ({ segments }) => new Set(segments.map(({ header }) => header.window_id)).size === 2,
    'two tabs'
  );

  // Somebody who is active in one tab keeps the session alive in the other.
  for (let minutes = 0; minutes < 40; minutes += 20) {
    await context.clock.fastForward('20:00');
    await second.click('#button');
  }
  await page.click('#button');
  await context.clock.runFor(6_000);
  await collector.until((all) => all.custom('click').length === 3, 'the clicks');
  assert.equal(sessions(collector).size, 1);

  await context.clock.fastForward('31:00');
  await page.evaluate(() => {
    document.querySelector('#text').textContent = 'changed by nobody';
  });
  await page.click('#button');
  await context.clock.runFor(6_000);
  const next = await collector.until(
    ({ segments }) => segments.find(({ header }) => header.session_id !== first.header.session_id),
    'the next session'
  );
  assert.equal(next.header.previous_id, first.header.session_id);
  assert.equal(next.header.seq, 0);
  assert.deepEqual(
    next.events.map(({ type }) => type),
    [4, 2]
  );
  const old = collector.segments.filter(({ header }) => header.session_id === first.header.session_id);
  assert.equal(
    old.some(({ text }) => text.includes('changed by nobody')),
    false
  );

  // The other tab joins it, with a snapshot of its own, instead of beginning a third one.
  await second.bringToFront();
  await second.click('#button');
  await context.clock.runFor(6_000);
  await collector.until(
    ({ segments }) =>
      new Set(
        segments
          .filter(({ header }) => header.session_id === next.header.session_id)
          .map(({ header }) => header.window_id)
      ).size === 2,
    'the second tab in the next session'
  );
  assert.equal(sessions(collector).size, 2);
}

function sessions({ segments }) {
  return new Set(segments.map(({ header }) => header.session_id));
}
