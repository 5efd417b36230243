// Compares pkg/dom with rrweb's Replayer in Chromium: `node tests/conformance/run.mjs [FOLDER…]`. Every JSON file of
// the folders is a recording; without a folder, those of the corpus, of the demo, and of testdata, which pkg/dom's tests
// make. bin/conformance is the Go side.
// Standard output has JSON lines; the exit code is 1 when documents differ.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const INSTANTS = 50;
const KEYFRAMES = 20;

const META = 4;
const FULL_SNAPSHOT = 2;
const INCREMENTAL = 3;
// Mouse moves and interactions, touch moves, drags: they move rrweb's cursor and mark what is under it as hovered.
const POINTER_SOURCES = [1, 2, 6, 12];

const folder = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(folder, '../..');

function folders() {
  const named = process.argv.slice(2);
  if (named.length > 0) {
    return named;
  }
  const corpus = process.env.PLAYHEAD_CORPUS ?? path.resolve(root, '../shared/corpus');
  return [
    path.join(corpus, 'sessions'),
    path.join(corpus, 'fixtures'),
    path.join(root, 'examples/shop/recordings'),
    path.join(folder, 'testdata/cases'),
    path.join(folder, 'testdata/random'),
  ];
}

function recordings() {
  return folders()
    .filter((name) => existsSync(name) || console.error(`${name} is not there: skipped`))
    .flatMap((name) =>
      readdirSync(name)
        .filter((file) => file.endsWith('.json'))
        .sort()
        .map((file) => path.join(name, file))
    );
}

/** Instants spread over what a recording changes, and those at its full snapshots and just before its pages. */
function instantsOf(events) {
  const times = events
    .filter(
      ({ type, data }) => type === FULL_SNAPSHOT || (type === INCREMENTAL && !POINTER_SOURCES.includes(data.source))
    )
    .map(({ timestamp }) => timestamp)
    .sort((a, b) => a - b);
  const spread = Array.from(
    { length: Math.min(INSTANTS, times.length) },
    (_, i) => times[Math.floor(((i + 1) * times.length) / Math.min(INSTANTS, times.length)) - 1]
  );
  const snapshots = events.filter(({ type }) => type === FULL_SNAPSHOT).map(({ timestamp }) => timestamp);
  const first = Math.min(...events.map(({ timestamp }) => timestamp));
  const pages = events
    .filter(({ type, timestamp }) => type === META && timestamp > first)
    .map(({ timestamp }) => timestamp - 0.5);
  return Array.from(new Set([...spread, ...snapshots, ...pages])).sort((a, b) => a - b);
}

class Documents {
  constructor() {
    this.process = spawn(path.join(root, 'bin/conformance'), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async *of(request) {
    this.process.stdin.write(`${JSON.stringify(request)}\n`);
    for (let i = 0; i <= request.instants.length; i++) {
      const { value, done } = await this.lines.next();
      if (done) {
        throw new Error('bin/conformance ended');
      }
      yield JSON.parse(value);
    }
  }

  close() {
    this.process.stdin.end();
  }
}

function hash(text) {
  let h = 0;
  for (let i = 0; i < text.length; i++) {
    h = (Math.imul(h, 31) + text.charCodeAt(i)) | 0;
  }
  return h;
}

async function openPage(browser) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
  const page = await context.newPage();
  const files = {
    '/': ['text/html', '<!doctype html><body><script type="module" src="/page.mjs"></script>'],
    '/page.mjs': ['text/javascript', readFileSync(path.join(folder, 'page.mjs'), 'utf8')],
    '/words.mjs': ['text/javascript', readFileSync(path.join(folder, 'words.mjs'), 'utf8')],
    '/replay.js': [
      'text/javascript',
      readFileSync(path.join(root, 'node_modules/@rrweb/replay/dist/replay.js'), 'utf8'),
    ],
  };
  // Nothing of a recording is fetched.
  await page.route('**', (route) => {
    const url = new URL(route.request().url());
    const file = url.host === 'conformance.test' ? files[url.pathname] : undefined;
    return file ? route.fulfill({ contentType: file[0], body: file[1] }) : route.abort();
  });
  await page.goto('http://conformance.test/');
  await page.waitForFunction(() => globalThis.compareKeyframe !== undefined);
  return { context, page };
}

async function compareRecording(browser, documents, file) {
  const events = JSON.parse(readFileSync(file, 'utf8')).filter(
    ({ type, data }) => type !== INCREMENTAL || !POINTER_SOURCES.includes(data?.source)
  );
  const result = { instants: 0, keyframes: 0, keyframeDifferences: 0, differences: [], explained: {} };
  if (events.length < 2) {
    return result; // rrweb plays no fewer
  }
  const instants = instantsOf(events);
  const step = Math.max(1, Math.floor(instants.length / KEYFRAMES));
  const keyframe = instants.map((_, i) => i).filter((i) => i % step === step - 1);
  const { context, page } = await openPage(browser);
  try {
    const played = await page.evaluate(
      ([list, at, frames]) => globalThis.play(list, at, frames),
      [events, instants, keyframe]
    );
    if (played.error) {
      result.differences.push(`rrweb: ${played.error}`);
    }
    let index = 0;
    for await (const document of documents.of({ file, instants, keyframe })) {
      result.failed = document.failed ?? result.failed;
      if (index < played.hashes.length && !document.stats) {
        await compareInstant(page, document, { index, at: instants[index], hash: played.hashes[index] }, result);
      }
      index++;
    }
    return result;
  } finally {
    await context.close();
  }
}

async function compareInstant(page, { tree, keyframe }, instant, result) {
  result.instants++;
  if (hash(tree) !== instant.hash) {
    add(result, instant.at, await page.evaluate(([i, t]) => globalThis.compare(i, t), [instant.index, tree]));
  }
  if (keyframe) {
    result.keyframes++;
    const found = await page.evaluate(([i, t]) => globalThis.compareKeyframe(i, t), [instant.index, keyframe]);
    result.keyframeDifferences += found.differences.length;
    add(result, `keyframe ${instant.at}`, found);
  }
}

function add(result, instant, { differences, explained }) {
  result.differences.push(...differences.map((difference) => `${instant} ${difference}`));
  for (const [reason, count] of Object.entries(explained)) {
    result.explained[reason] = (result.explained[reason] ?? 0) + count;
  }
}

const say = (name, value, more = {}) => console.log(JSON.stringify({ name, value, unit: 'count', ...more }));
const sum = { files: 0, instants: 0, keyframes: 0, differences: 0, keyframe_differences: 0, explained: 0 };

function report(file, { instants, keyframes, keyframeDifferences, differences, explained, failed }) {
  const name = path.relative(root, file);
  const reasons = Object.values(explained).reduce((a, b) => a + b, 0);
  sum.files++;
  sum.instants += instants;
  sum.keyframes += keyframes;
  sum.differences += differences.length;
  sum.keyframe_differences += keyframeDifferences;
  sum.explained += reasons;
  say('conformance.file', differences.length, {
    file: name,
    instants,
    keyframes,
    explained,
    ...(failed && { failed }),
  });
  differences.slice(0, 8).forEach((difference) => console.error(`${name} ${difference}`));
}

const documents = new Documents();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
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
try {
  for (const file of recordings()) {
    report(file, await compareRecording(browser, documents, file));
  }
} finally {
  documents.close();
  await browser.close();
}
for (const [name, value] of Object.entries(sum)) {
  say(`conformance.${name}`, value);
}
process.exitCode = sum.differences === 0 && sum.files > 0 ? 0 : 1;
