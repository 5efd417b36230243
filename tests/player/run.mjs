// Tests of the player in a real Chromium: `node tests/player/run.mjs [NAME]` runs those whose name contains NAME.
// The built standalone page is read from dist-standalone, or from $PLAYHEAD_STANDALONE; recordings of other projects
// from ../shared/corpus, or from $PLAYHEAD_CORPUS.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { PlayerDriver } from './driver.mjs';
import { hostileEvents } from './hostile.mjs';
import { makeSession, moment } from './recordings.mjs';
import { Report } from './report.mjs';
import { startServer } from './server.mjs';

const folder = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(folder, '../..');
const pageFolder = process.env.PLAYHEAD_STANDALONE ?? path.join(root, 'dist-standalone');
const corpus = process.env.PLAYHEAD_CORPUS ?? path.resolve(root, '../shared/corpus');
const filter = process.argv[2] ?? '';
const report = new Report();

const FIRST = readRecording('first');
const SECOND = readRecording('second');

function readRecording(name) {
  return JSON.parse(readFileSync(path.join(folder, 'testdata', `${name}.json`), 'utf8'));
}

/** Runs one test with a server for its sessions and a fresh page. */
async function test(name, sessions, run, options = {}) {
  if (!name.includes(filter)) {
    return;
  }
  await report.test(name, async () => {
    const server = await startServer({ pageFolder, sessions, ...options });
    const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
    const page = await context.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    try {
      await run(new PlayerDriver(page, server.origin), server);
      assert.deepEqual(errors, [], 'errors of the page');
    } finally {
      await context.close();
      await server.close();
    }
  });
}

const one = (id, recording, more = {}) =>
  makeSession(id, [{ windowId: 'window-00000001', events: recording.events, ...more }]);
const segmentRequests = (server) => server.requests.filter((entry) => entry.path.includes('/segments?'));

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

if (!existsSync(path.join(pageFolder, 'index.html'))) {
  console.error(`${pageFolder} has no built standalone page: run npm run build`);
  process.exit(1);
}

await test('a link to an instant shows that instant, paused', [one('session-instant', FIRST)], async (player) => {
  for (const { ts, text } of FIRST.truth) {
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

function twoWindows(id) {
  return makeSession(id, [
    { windowId: 'window-00000001', events: FIRST.events },
    { windowId: 'window-00000002', events: SECOND.events },
  ]);
}

await test('a missing segment is a gap with its cause', [withGap('session-gap', 'missing')], async (player, server) => {
  const [gap] = server.byId.get('session-gap').manifest.windows[0].gaps;
  await player.open('session-gap', Math.round((gap.start + gap.end) / 2));
  assert.match(await player.said(), /a segment never arrived/);
  await player.open('session-gap', gap.start - 1);
  assert.doesNotMatch(await player.said(), /a segment never arrived/);
});

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

/** The recording over and over, each time from a new full snapshot, in more than one segment each. */
function repeated(recording, times) {
  const { events } = recording;
  const lengthMs = events.at(-1).timestamp - events[0].timestamp + 1000;
  return Array.from({ length: times }, (_, round) =>
    events.map((event) => ({ ...event, timestamp: event.timestamp + round * lengthMs }))
  ).flat();
}

function withGap(id, kind) {
  return makeSession(id, [{ windowId: 'window-00000001', events: repeated(FIRST, 4), [kind]: [2] }]);
}

const HOUR = repeated(FIRST, 360);
await test('an hour loads by parts', [one('session-hour', { events: HOUR })], async (player, server) => {
  const { windows } = server.byId.get('session-hour').manifest;
  const total = windows[0].segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const { start, end } = windows[0];
  const middle = Math.round((start + end) / 2);
  const begun = performance.now();
  await player.open('session-hour', middle);
  const api = server.requests.filter((entry) => entry.path.startsWith('/api/'));
  const bytes = segmentRequests(server).reduce((sum, entry) => sum + entry.bytes, 0);
  assert.equal(api.length, 2, 'a manifest and one request for segments');
  assert.ok(bytes <= total * 0.02, `${bytes} of ${total} bytes`);
  report.measure('player.first_frame', Math.round(performance.now() - begun), 'ms');
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

function withPause({ events, truth }, ms) {
  return events.map((event) => (event.timestamp > truth[4].ts ? { ...event, timestamp: event.timestamp + ms } : event));
}

await test('hostile events run nothing and call nobody', [], hostile);

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

// The page around the player may have no policy at all, as Grafana by default.
await test('hostile events are held by the frame alone', [], hostile, { policy: '' });

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

const AWKWARD = [
  'rrweb-recordings-5cfdc5c5.json', // out of order by 40 s, incrementals before the first full snapshot
  'misc-bard-rr.json', // out of order by 20 s
  'posthog-player-docs.json', // nine full snapshots, the first at event 61
  'posthog-player-wide-layout.json',
  'posthog-perf-snapshot-key0.json', // shadow DOM, plugin events
  'misc-ooking-demo.json', // adopted style sheets
  'highlight-css-inline-events.json', // 481 style sheet rules
  'himanshu-zldN4S.json',
  'misc-mida-mobile.json', // custom elements
  'chalk-08463d03.json',
];

for (const file of AWKWARD) {
  const name = `corpus: seeking in ${file} shows what a link to the instant shows`;
  const source = path.join(corpus, 'sessions', file);
  if (!existsSync(source)) {
    report.skip(name, `${corpus} is not there`);
    continue;
  }
  await test(name, [one('session-corpus', { events: JSON.parse(readFileSync(source, 'utf8')) })], async (player) => {
    await player.open('session-corpus');
    const { start, end } = await player.bounds();
    const seen = [];
    for (const share of [0.9, 0.2, 0.5, 0.35, 0.99, 0.05]) {
      assert.equal(await player.seek(start + (end - start) * share), 'paused');
      seen.push({ ts: await player.timestamp(), text: await player.text() });
    }
    for (const { ts, text } of seen) {
      assert.equal(await player.open('session-corpus', ts), 'paused');
      assert.equal(await player.timestamp(), ts);
      assert.equal(await player.text(), text, `at ${ts - start} ms`);
    }
  });
}

await browser.close();
process.exitCode = report.finish();
