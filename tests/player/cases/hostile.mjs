import assert from 'node:assert/strict';
import net from 'node:net';

import { hostileEvents } from '../hostile.mjs';
import { makeSession } from '../recordings.mjs';

export async function hostileTests({ test }) {
  await test('hostile events run nothing and call nobody', [], hostile);

  // The page around the player may have no policy at all, as Grafana by default.
  await test('hostile events are held by the frame alone', [], hostile, { policy: '' });
}

async function hostile(player, server) {
  const heard = [];
  const evil = net.createServer((socket) => {
    heard.push('a connection');
    socket.on('data', (data) => heard.push(data.toString('latin1').split('\r\n')[0]));
    socket.on('error', () => undefined);
  });
  await new Promise((resolve) => evil.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${evil.address().port}`;
  try {
    const begin = Date.UTC(2026, 0, 1);
    server.byId.set(
      'session-hostile',
      makeSession('session-hostile', [{ windowId: 'window-00000001', events: hostileEvents(origin, begin) }])
    );
    const dialogs = [];
    player.page.on('dialog', (dialog) => dialogs.push(dialog.message()));
    assert.equal(await player.open('session-hostile', begin + 20), 'paused');
    assert.match(await player.text(), /Recorded text/);
    await player.play();
    assert.equal(await player.waitForStatus('ended', 'error'), 'ended');
    assert.equal(await player.open('session-hostile', begin + 1900), 'paused');
    await player.seek(begin + 100);
    await player.seek(begin + 1950);
    await player.page.waitForTimeout(1500); // Time for what must not happen.
    assert.match(await player.text(), /Nothing to see/);
    assert.equal(await player.page.evaluate(() => window.hacked), undefined);
    assert.deepEqual(heard, []);
    assert.deepEqual(dialogs, []);
    const asked = server.requests
      .map((entry) => entry.path)
      .filter((asked) => !/^\/(api|img|public|sessions)\/|^\/[\w.-]+\.(js|css)$|^\/favicon/.test(asked));
    assert.deepEqual(asked, [], 'requests to the site around the player');
    assert.match(await player.said(), /are not shown/);
  } finally {
    evil.close();
  }
}
