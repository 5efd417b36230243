// Tests of the player in a real Chromium: `node tests/player/run.mjs [NAME]` runs those whose name contains NAME.
// The built standalone page is read from dist-standalone, or from $PLAYHEAD_STANDALONE; recordings of other projects
// from ../shared/corpus, or from $PLAYHEAD_CORPUS.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { controlsTests } from './cases/controls.mjs';
import { corpusTests } from './cases/corpus.mjs';
import { faultsTests } from './cases/faults.mjs';
import { hostileTests } from './cases/hostile.mjs';
import { instantsTests } from './cases/instants.mjs';
import { loadingTests } from './cases/loading.mjs';
import { panesTests } from './cases/panes.mjs';
import { PlayerDriver } from './driver.mjs';
import { Report } from './report.mjs';
import { startServer } from './server.mjs';

const folder = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(folder, '../..');
const pageFolder = process.env.PLAYHEAD_STANDALONE ?? path.join(root, 'dist-standalone');
const corpus = process.env.PLAYHEAD_CORPUS ?? path.resolve(root, '../shared/corpus');
const filter = process.argv[2] ?? '';
const report = new Report();

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

for (const tests of [instantsTests, loadingTests, faultsTests, controlsTests, panesTests, hostileTests, corpusTests]) {
  await tests({ test, report, corpus });
}

await browser.close();
process.exitCode = report.finish();
