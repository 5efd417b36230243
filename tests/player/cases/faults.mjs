import assert from 'node:assert/strict';

import { makeSession } from '../recordings.mjs';
import { FIRST, one, repeated } from '../sessions.mjs';

export async function faultsTests({ test }) {
  await test(
    'a missing segment is a gap with its cause',
    [withGap('session-gap', 'missing')],
    async (player, server) => {
      const [gap] = server.byId.get('session-gap').manifest.windows[0].gaps;
      await player.open('session-gap', Math.round((gap.start + gap.end) / 2));
      assert.match(await player.said(), /a segment never arrived/);
      await player.open('session-gap', gap.start - 1);
      assert.doesNotMatch(await player.said(), /a segment never arrived/);
    }
  );

  await test(
    'a segment that cannot be read is a gap, and the rest plays',
    [withGap('session-unreadable', 'unreadable')],
    async (player, server) => {
      const segment = server.byId.get('session-unreadable').manifest.windows[0].segments[2];
      await player.open('session-unreadable', segment.start);
      assert.match(await player.said(), /checksum does not match/);
      await player.setSpeed(16);
      await player.play();
      assert.equal(await player.waitForStatus('ended', 'error'), 'ended');
    }
  );

  await test('a session that is not there says so', [], async (player) => {
    assert.equal(await player.open('session-nowhere'), 'error');
    assert.match(await player.said(), /no such session/);
  });

  await test(
    'a connection cut in the middle of a segment can be tried again',
    [one('session-cut', FIRST)],
    async (player, server) => {
      const session = server.byId.get('session-cut');
      session.fault = () => 'cut';
      assert.equal(await player.open('session-cut'), 'error');
      session.fault = undefined;
      await player.page.getByRole('button', { name: 'Try again' }).click();
      assert.equal(await player.waitForStatus('paused'), 'paused');
      assert.ok((await player.text()).includes('Nothing yet'));
    }
  );

  await test('an event that is no JSON is a gap', [one('session-corrupt', FIRST)], async (player, server) => {
    server.byId.get('session-corrupt').fault = () => 'corrupt';
    const { ts, text } = FIRST.truth[1];
    assert.equal(await player.open('session-corrupt', ts), 'paused');
    assert.equal(await player.text(), text);
    assert.match(await player.said(), /1 unreadable event/);
  });

  const snapshotless = { events: FIRST.events.filter(({ type }) => type !== 2) };
  await test('a recording without a full snapshot says so', [one('session-blank', snapshotless)], async (player) => {
    assert.equal(await player.open('session-blank'), 'error');
    assert.match(await player.said(), /no full snapshot/);
  });
}

function withGap(id, kind) {
  return makeSession(id, [{ windowId: 'window-00000001', events: repeated(FIRST, 4), [kind]: [2] }]);
}
