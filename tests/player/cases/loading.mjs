import assert from 'node:assert/strict';

import { makeSession } from '../recordings.mjs';
import { FIRST, one, repeated, roundMs, SECOND } from '../sessions.mjs';

const segmentRequests = (server) => server.requests.filter((entry) => entry.path.includes('/segments?'));

export async function loadingTests({ test, report }) {
  const HOUR = repeated(FIRST, 360);
  await test('an hour loads by parts', [one('session-hour', { events: HOUR })], async (player, server) => {
    const { windows } = server.byId.get('session-hour').manifest;
    const total = windows[0].segments.reduce((sum, segment) => sum + segment.bytes, 0);
    const { start, end } = windows[0];
    const middle = Math.round((start + end) / 2);
    await player.open('session-hour', middle);
    const firstFrameMs = await player.sinceManifest();
    const api = server.requests.filter((entry) => entry.path.startsWith('/api/'));
    const bytes = segmentRequests(server).reduce((sum, entry) => sum + entry.bytes, 0);
    assert.equal(api.length, 2, 'a manifest and one request for segments');
    assert.ok(bytes <= total * 0.02, `${bytes} of ${total} bytes`);
    report.measure('player.first_frame', Math.round(firstFrameMs), 'ms');
    report.measure('player.first_frame_bytes_share', bytes / total, 'ratio');

    server.requests.length = 0;
    await player.setSpeed(16);
    await player.play();
    await player.page.waitForFunction(
      (ts) => Number(document.querySelector('[data-testid=playhead-player]').dataset.timestamp) > ts,
      middle + 30_000
    );
    await player.page.getByRole('button', { name: 'Pause', exact: true }).click();
    const ahead = segmentRequests(server).reduce((sum, entry) => sum + entry.bytes, 0);
    assert.ok(ahead > 0 && ahead < total / 2, `${ahead} of ${total} bytes while playing 30 s`);

    server.requests.length = 0;
    await player.seek(start + (end - start) * 0.9);
    assert.equal(segmentRequests(server).length, 1);
  });

  const ROUNDS = 60;
  const keyframed = (id) => one(id, { events: repeated(FIRST, ROUNDS) }, { keyframed: true });
  await test('a seek begins at the nearest keyframe', [keyframed('session-keyframes')], async (player, server) => {
    const { windows } = server.byId.get('session-keyframes').manifest;
    const total = windows[0].segments.reduce((sum, segment) => sum + segment.bytes, 0);
    for (const round of [ROUNDS - 1, 20, 40]) {
      for (const { ts, text } of [FIRST.truth[1], FIRST.truth[4]]) {
        server.requests.length = 0;
        await player.open('session-keyframes', ts + round * roundMs(FIRST));
        assert.equal(await player.text(), text, `round ${round}`);
        const [asked, ...more] = segmentRequests(server);
        assert.match(asked.path, /keyframe=\d+/);
        assert.deepEqual(more, []);
        assert.ok(asked.bytes < total * 0.06, `${asked.bytes} of ${total} bytes`);
      }
    }
    await player.setSpeed(8);
    await player.play();
    await player.page.waitForTimeout(1500); // Somewhere beyond the keyframe: where does not matter.
    await player.page.getByRole('button', { name: 'Pause', exact: true }).click();
    assert.notEqual(await player.status(), 'error');
  });

  await test(
    'a keyframe that cannot be read is gone around',
    [keyframed('session-bad-keyframe')],
    async (player, server) => {
      const { ts, text } = FIRST.truth[1];
      const session = server.byId.get('session-bad-keyframe');
      const at = ts + 30 * roundMs(FIRST);
      const before = session.windows[0].keyframes.filter((keyframe) => keyframe.ts <= at);
      before.at(-1).unreadable = true;
      session.windows[0].keyframes.splice(before.length - 2, 1); // The one before is not there any more.
      await player.open('session-bad-keyframe', at);
      const asked = segmentRequests(server).map(({ path }) => /keyframe=(\d+)/.exec(path)?.[1]);
      const [last, gone, next] = before.map(({ afterSeq }) => String(afterSeq)).reverse();
      assert.deepEqual(asked, [last, gone, next]);
      assert.equal(await player.status(), 'paused');
      assert.ok(text.length > 0 && (await player.text()).length > 0);
      assert.doesNotMatch(await player.said(), /Missing/);
    }
  );

  await test(
    'skip inactivity jumps over a pause',
    [one('session-idle', { events: withPause(FIRST, 60_000) })],
    async (player) => {
      const { ts } = FIRST.truth[4];
      await player.open('session-idle', ts - 100);
      await player.page.getByRole('switch', { name: 'Skip inactivity' }).check({ force: true });
      await player.play();
      const begun = performance.now();
      assert.equal(await player.waitForStatus('ended', 'error'), 'ended');
      assert.ok(performance.now() - begun < 15_000, 'took as long as the pause');
    }
  );

  await test('two windows: the player follows the user', [twoWindows('session-two')], async (player) => {
    for (const { ts, text } of [FIRST.truth[1], SECOND.truth[1], SECOND.truth[2], FIRST.truth.at(-1)]) {
      await player.open('session-two', ts);
      assert.equal(await player.text(), text, `at ${ts}`);
    }
    await player.open('session-two', FIRST.truth[4].ts);
    await player.setSpeed(4);
    await player.play();
    assert.equal(await player.waitForStatus('ended', 'error'), 'ended');
    assert.equal(await player.text(), FIRST.truth.at(-1).text);
    await player.page.getByRole('radio', { name: 'Window 2' }).check({ force: true });
    await player.settle();
    assert.equal(await player.text(), SECOND.truth.at(-1).text);
  });
}

function withPause({ events, truth }, ms) {
  return events.map((event) => (event.timestamp > truth[4].ts ? { ...event, timestamp: event.timestamp + ms } : event));
}

function twoWindows(id) {
  return makeSession(id, [
    { windowId: 'window-00000001', events: FIRST.events },
    { windowId: 'window-00000002', events: SECOND.events },
  ]);
}
