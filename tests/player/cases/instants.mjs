import assert from 'node:assert/strict';

import { PlayerDriver } from '../driver.mjs';
import { FIRST, one } from '../sessions.mjs';

export async function instantsTests({ test }) {
  await test('a link to an instant shows that instant, paused', [one('session-instant', FIRST)], async (player) => {
    // The last one is after the last event, where there is nothing more to show.
    for (const { ts, text } of FIRST.truth.slice(0, -1)) {
      assert.equal(await player.open('session-instant', ts), 'paused');
      assert.equal(await player.timestamp(), ts);
      assert.equal(await player.text(), text);
    }
  });

  await test('an instant includes the events of that millisecond', [one('session-edges', FIRST)], async (player) => {
    const message = FIRST.events.find(({ data }) => JSON.stringify(data).includes('Please give your name'));
    await player.open('session-edges', message.timestamp - 1);
    assert.ok(!(await player.text()).includes('Please give your name'));
    await player.open('session-edges', message.timestamp);
    assert.ok((await player.text()).includes('Please give your name'));
  });

  await test(
    'the clock of the window is corrected',
    [one('session-clock', FIRST, { clockOffsetMs: 3_600_000 })],
    async (player) => {
      const { ts, text } = FIRST.truth[2];
      await player.open('session-clock', ts + 3_600_000);
      assert.equal(await player.text(), text);
    }
  );

  await test(
    'without an instant it begins at the first full snapshot, paused',
    [one('session-start', FIRST)],
    async (player) => {
      assert.equal(await player.open('session-start'), 'paused');
      const snapshot = FIRST.events.find(({ type }) => type === 2);
      assert.equal(await player.timestamp(), snapshot.timestamp);
      assert.ok((await player.text()).includes('Nothing yet'));
    }
  );

  await test('playing to the end shows the last page', [one('session-play', FIRST)], async (player) => {
    await player.open('session-play');
    await player.setSpeed(8);
    await player.play();
    assert.equal(await player.waitForStatus('ended', 'error'), 'ended');
    assert.equal(await player.text(), FIRST.truth.at(-1).text);
    assert.equal(await player.timestamp(), (await player.bounds()).end);
  });

  await test(
    'pausing while playing shows what a link to that instant shows',
    [one('session-pause', FIRST)],
    async (player) => {
      await player.open('session-pause');
      await player.play();
      for (let round = 0; round < 4; round++) {
        await player.page.waitForTimeout(300); // Somewhere in the middle: where does not matter.
        await player.page.getByRole('button', { name: 'Pause', exact: true }).click();
        const [ts, text] = [await player.timestamp(), await player.text()];
        const other = new PlayerDriver(await player.page.context().newPage(), player.origin);
        await other.open('session-pause', ts);
        assert.equal(text, await other.text(), `at ${ts}`);
        await other.page.close();
        await player.play();
      }
    }
  );

  await test('seeking forward and backward shows the same', [one('session-seek', FIRST)], async (player) => {
    await player.open('session-seek');
    for (const index of [4, 0, 3, 1, 2]) {
      const { ts, text } = FIRST.truth[index];
      await player.seek(ts);
      // The timeline has fewer pixels than the session milliseconds; nothing happens around the truth's instants.
      assert.ok(Math.abs((await player.timestamp()) - ts) < 60);
      assert.equal(await player.text(), text);
    }
  });
}
