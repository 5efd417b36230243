// Records testdata/pages/visibility.html step by step with rrweb in Chromium, and what the browser's checkVisibility
// says after each step: `node tests/conformance/visibility.mjs` writes pkg/dom/testdata/visibility.json, which a test of
// pkg/dom plays.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
/** What rrweb may take to record a change. */
const SETTLED_MS = 100;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const page = await browser.newPage({ viewport: { width: 900, height: 600 } });
await page.route('**', (route) =>
  route.fulfill({ contentType: 'text/html', body: readFileSync(path.join(root, 'testdata/pages/visibility.html')) })
);
await page.goto('http://visibility.test/');
await pause(SETTLED_MS); // animations end
await page.addScriptTag({ path: path.join(root, 'node_modules/@rrweb/record/dist/record.umd.min.cjs') });
await page.evaluate(() => {
  globalThis.events = [];
  globalThis.rrwebRecord.record({ emit: (event) => globalThis.events.push(event) });
});
const steps = [];
for (const [index, name] of (await page.evaluate(() => globalThis.steps.map(([name]) => name))).entries()) {
  await page.evaluate((i) => globalThis.steps[i][1](), index);
  await pause(SETTLED_MS);
  const [events, visible] = await page.evaluate(() => [globalThis.events.splice(0), globalThis.visible()]);
  steps.push({ name, events, visible });
}
const lines = steps.map((step) => JSON.stringify(step)).join(',\n');
writeFileSync(path.join(root, 'pkg/dom/testdata/visibility.json'), `[\n${lines}\n]\n`);
console.error(`${steps.length} steps, Chromium ${browser.version()}`);
await browser.close();
