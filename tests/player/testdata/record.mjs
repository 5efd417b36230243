// Makes the recordings in this folder: a visitor in shop.html, recorded with rrweb in Chromium, in two windows.
// `node tests/player/testdata/record.mjs` writes them anew; the tests only read them.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { textOf } from '../text.mjs';

const folder = path.dirname(fileURLToPath(import.meta.url));
const rrweb = path.join(path.dirname(createRequire(import.meta.url).resolve('@rrweb/record')), 'record.umd.min.cjs');
const shop = readFileSync(path.join(folder, 'shop.html'), 'utf8');

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
try {
  const context = await browser.newContext({ viewport: { width: 1000, height: 640 } });
  await context.route('https://shop.example/**', (route) => route.fulfill({ contentType: 'text/html', body: shop }));
  const first = await openWindow(context, 'https://shop.example/apples');
  await visitFirst(first);
  const second = await openWindow(context, 'https://shop.example/pears');
  await visitSecond(second);
  await first.bringToFront();
  await click(first, '#add');
  await pause(first, 800);
  await write('first', first);
  await write('second', second);
} finally {
  await browser.close();
}

async function openWindow(context, url) {
  const page = await context.newPage();
  await page.goto(url);
  await page.addScriptTag({ content: readFileSync(rrweb, 'utf8') });
  await page.evaluate((source) => {
    window.textOf = new Function(`return (${source})`)();
    window.events = [];
    window.truth = [];
    rrwebRecord.record({ emit: (event) => window.events.push(event), sampling: { mousemove: 50 } });
  }, textOf.toString());
  return page;
}

async function visitFirst(page) {
  await pause(page, 600);
  await page.mouse.move(200, 200, { steps: 20 });
  await click(page, '#add');
  await pause(page, 700);
  await click(page, '#order');
  await pause(page, 500);
  await pause(page, 2000); // the message has gone
  await page.locator('#name').pressSequentially('Ada', { delay: 80 });
  await click(page, '#add');
  await pause(page, 600);
}

async function visitSecond(page) {
  await pause(page, 500);
  await page.locator('h1').evaluate((heading) => (heading.textContent = 'Pears'));
  await pause(page, 500);
  await click(page, '#add');
  await click(page, '#add');
  await pause(page, 900);
}

async function click(page, selector) {
  const box = await page.locator(selector).boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 8 });
  await page.mouse.down();
  await page.mouse.up();
}

/** Lets time pass and notes what is on the page in the middle of it, when nothing changes. */
async function pause(page, ms) {
  await page.waitForTimeout(ms / 2);
  await page.evaluate(() => window.truth.push({ ts: Date.now(), text: window.textOf(document.body) }));
  await page.waitForTimeout(ms / 2);
}

async function write(name, page) {
  const recording = await page.evaluate(() => ({ events: window.events, truth: window.truth }));
  const lines = recording.events.map((event) => JSON.stringify(event)).join(',\n');
  writeFileSync(
    path.join(folder, `${name}.json`),
    `{"truth":${JSON.stringify(recording.truth, null, 1)},\n"events":[\n${lines}\n]}\n`
  );
}
