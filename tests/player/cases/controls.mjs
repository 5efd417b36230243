import assert from 'node:assert/strict';

import { makeSession, moment } from '../recordings.mjs';
import { FIRST, one } from '../sessions.mjs';

export async function controlsTests({ test }) {
  await test('keys play, pause and seek', [one('session-keys', FIRST)], async (player) => {
    const { ts } = FIRST.truth[2];
    await player.open('session-keys', ts);
    await player.page.getByRole('slider', { name: 'Timeline' }).focus();
    await player.page.keyboard.press('ArrowLeft');
    assert.ok((await player.timestamp()) < ts);
    await player.page.keyboard.press('End');
    await player.page.keyboard.press('ArrowLeft');
    const { end } = await player.bounds();
    assert.equal(await player.timestamp(), end - 5000);
    await player.page.keyboard.press('Space');
    assert.equal(await player.status(), 'playing');
    await player.page.keyboard.press('Space');
    assert.equal(await player.status(), 'paused');
  });

  await test(
    'thousands of moments are listed a screen at a time',
    [manyMoments('session-many', 5000)],
    async (player) => {
      await player.open('session-many');
      const list = player.page.getByTestId('playhead-player-moments');
      assert.ok((await list.getByRole('listitem').count()) < 80);
      await player.page.getByRole('textbox', { name: 'Search moments' }).fill('orders/4321');
      const row = list.getByRole('listitem');
      assert.equal(await row.count(), 1);
      assert.match(await row.innerText(), /GET \/orders\/4321[\s\S]*500[\s\S]*21 ms/);
      await row.getByRole('button').first().click();
      await player.settle();
      assert.equal(await player.timestamp(), momentTime(4321, 5000));
      await player.page.getByRole('button', { name: /^Requests/ }).click();
      assert.match(await player.said(), /No moment matches/);
    }
  );
}

function momentTime(index, count) {
  const { start, end } = one('session-bounds', FIRST).manifest.session;
  return Math.round(start + 100 + ((end - start - 100) * index) / count);
}

function manyMoments(id, count) {
  const moments = Array.from({ length: count }, (_, index) =>
    moment({
      ts: momentTime(index, count),
      window_id: 'window-00000001',
      kind: 'request',
      name: 'GET',
      url: `https://shop.example/orders/${index}`,
      status: 500,
      duration_ms: 21,
      trace_id: '0af7651916cd43dd8448eb211c80319c',
    })
  );
  return makeSession(id, [{ windowId: 'window-00000001', events: FIRST.events }], moments);
}
