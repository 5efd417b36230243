// Records the scenarios of pages in testdata/pages with the built recorder in a real browser:
//   node tests/signals/record.mjs [NAME…]
// Each becomes testdata/signals/NAME.ndjson: a line {"segment":{…}} before the events of each segment. pkg/moments
// tests what is found in them. A name with a dot is a near miss: what looks like the signal and is none.
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

import { chromium } from 'playwright-core';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** What the recordings call the server: its port differs each time. */
const ORIGIN = 'http://127.0.0.1:8080';
const AT_ONCE = 2;

const press = async (page, name, times = 1, gap = 150) => {
  const button = page.getByRole('button', { name, exact: true });
  const box = await button.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  for (let i = 0; i < times; i++) {
    await page.mouse.down();
    await page.mouse.up();
    await pause(gap);
  }
};

/** The user is still there: what follows a click shows only when events follow. */
const stay = async (page, ms) => {
  for (let left = ms; left > 0; left -= 1000) {
    await pause(Math.min(left, 1000));
    await page.mouse.move(300 + (left % 7), 300);
  }
};

const swing = async (page, times, gap) => {
  for (let i = 0; i < times; i++) {
    const [from, to] = i % 2 ? [600, 200] : [200, 600];
    for (let step = 0; step <= 3; step++) {
      await page.mouse.move(from + ((to - from) * step) / 3, 200 + step);
      await pause(gap);
    }
  }
};

const scenarios = {
  rage_click: ['rage-click', async (page) => (await press(page, 'Apply coupon', 4), await stay(page, 1500))],
  'rage_click.counter': ['rage-click', async (page) => (await press(page, 'Add one', 5), await stay(page, 1500))],
  'rage_click.text': [
    'rage-click',
    async (page) => (await page.locator('#words').click({ clickCount: 3, delay: 20 }), await stay(page, 1500)),
  ],
  dead_click: ['dead-click', async (page) => (await press(page, 'Show details'), await stay(page, 4000))],
  'dead_click.slow': ['dead-click', async (page) => (await press(page, 'Load orders'), await stay(page, 4500))],
  error_click: ['errors', async (page) => (await press(page, 'Export report'), await stay(page, 1500))],
  'error_click.later': ['errors', async (page) => (await press(page, 'Refresh report'), await stay(page, 4500))],
  error: ['errors', async (page) => (await press(page, 'Refresh report'), await stay(page, 4500))],
  'error.logged': ['errors', async (page) => (await press(page, 'Log it'), await stay(page, 1500))],
  error_loop: ['errors', async (page) => (await press(page, 'Start clock'), await stay(page, 5000))],
  'error_loop.thrice': ['errors', async (page) => (await press(page, 'Try three times'), await stay(page, 4000))],
  double_submit: ['double-submit', async (page) => (await press(page, 'Pay now', 2), await stay(page, 1500))],
  'double_submit.again': [
    'double-submit',
    async (page) => {
      await press(page, 'Pay now');
      await stay(page, 30_000);
      await press(page, 'Pay now');
      await stay(page, 1500);
    },
  ],
  'double_submit.text': [
    'double-submit',
    async (page) => (await page.locator('#words').dblclick(), await stay(page, 1500)),
  ],
  vanished_message: ['vanished-message', async (page) => (await press(page, 'Save address'), await stay(page, 3000))],
  'vanished_message.stays': [
    'vanished-message',
    async (page) => (await press(page, 'Save phone'), await stay(page, 12_000)),
  ],
  'vanished_message.good': [
    'vanished-message',
    async (page) => (await press(page, 'Save name'), await stay(page, 3000)),
  ],
  validation_error: ['validation-error', async (page) => (await press(page, 'Sign up'), await stay(page, 2000))],
  'validation_error.hint': [
    'validation-error',
    async (page) => (await page.getByLabel('Note').click(), await stay(page, 2000)),
  ],
  form_abandoned: [
    'form-abandoned',
    async (page) => {
      await page.getByLabel('Name').pressSequentially('Kim', { delay: 60 });
      await page.getByLabel('City').pressSequentially('Bern', { delay: 60 });
      await stay(page, 1500);
      await page.getByRole('link').click();
      await stay(page, 1000);
    },
  ],
  'form_abandoned.sent': [
    'form-abandoned',
    async (page) => {
      await page.getByLabel('Name').pressSequentially('Kim', { delay: 60 });
      await page.getByLabel('City').pressSequentially('Bern', { delay: 60 });
      await stay(page, 1500);
      await press(page, 'Send application');
      await stay(page, 1000);
    },
  ],
  failed_request: ['requests', async (page) => (await press(page, 'Reserve'), await stay(page, 1500))],
  'failed_request.aborted': ['requests', async (page) => (await press(page, 'Search'), await stay(page, 1500))],
  slow_request: ['requests', async (page) => (await press(page, 'Count stock'), await stay(page, 5500))],
  'slow_request.quick': ['requests', async (page) => (await press(page, 'Show stock'), await stay(page, 1500))],
  frozen_page: ['frames', async (page) => (await press(page, 'Draw chart'), await stay(page, 5000))],
  'frozen_page.short': ['frames', async (page) => (await press(page, 'Draw axis'), await stay(page, 4000))],
  layout_thrash: ['frames', async (page) => (await press(page, 'Animate'), await stay(page, 5000))],
  'layout_thrash.smooth': ['frames', async (page) => (await press(page, 'Animate gently'), await stay(page, 4000))],
  thrashed_cursor: ['error-free', async (page) => (await swing(page, 12, 25), await stay(page, 1000))],
  'thrashed_cursor.calm': ['error-free', async (page) => (await swing(page, 6, 150), await stay(page, 1000))],
  quick_back: [
    'requests',
    async (page) => {
      await stay(page, 2000);
      await page.getByRole('link').click();
      await stay(page, 2000);
      await page.goBack();
      await stay(page, 1000);
    },
  ],
  'quick_back.read': [
    'requests',
    async (page) => {
      await stay(page, 2000);
      await page.getByRole('link').click();
      await stay(page, 8000);
      await page.goBack();
      await stay(page, 1000);
    },
  ],
  blank_page: ['blank-page', (page) => stay(page, 6000)],
  'blank_page.late': ['blank-page.html?late', (page) => stay(page, 6000)],
};

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript' };

/** Serves the pages, a small API, and takes the segments. */
class Site {
  segments = [];
  #server = createServer((request, response) => void this.#handle(request, response));

  async listen() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.origin = `http://127.0.0.1:${this.#server.address().port}`;
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #handle(request, response) {
    const { pathname, searchParams } = new URL(request.url, 'http://site');
    const chunks = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    if (pathname === '/v1/segments') {
      const body = Buffer.concat(chunks);
      const gzip = searchParams.get('enc') === 'gzip' || request.headers['content-encoding'] === 'gzip';
      this.segments.push((gzip ? gunzipSync(body) : body).toString());
      response.writeHead(202, { 'Content-Type': 'application/json' }).end('{"accepted":1}');
    } else if (pathname.startsWith('/api/')) {
      await pause(Number(searchParams.get('ms') ?? 50));
      const status = Number(searchParams.get('status') ?? 200);
      response.writeHead(status, { 'Content-Type': 'application/json' }).end('{"number":7}');
    } else if (pathname === '/thanks') {
      await this.#file(response, 'testdata/pages/error-free.html');
    } else if (pathname === '/playhead.js') {
      await this.#file(response, 'packages/recorder/dist/playhead.js');
    } else {
      await this.#file(response, `testdata/pages${pathname}`);
    }
  }

  async #file(response, name) {
    try {
      const content = await readFile(path.join(root, name));
      response.writeHead(200, { 'Content-Type': TYPES[path.extname(name)] ?? 'application/octet-stream' }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  }

  /** Lines of all segments in the order of their seq, with nothing that differs from run to run but time. */
  lines() {
    const pages = new Map();
    return this.segments
      .map((text) => text.trimEnd().split('\n'))
      .map(([header, ...events]) => ({ header: JSON.parse(header), events }))
      .sort((a, b) => a.header.seq - b.header.seq)
      .flatMap(({ header, events }) => {
        pages.set(header.page_id, pages.get(header.page_id) ?? `page-${pages.size + 1}`);
        const segment = { page: pages.get(header.page_id), seq: header.seq, url: header.page.url, final: header.final };
        return [JSON.stringify({ segment }), ...events];
      })
      .map((line) => line.replaceAll(this.origin, ORIGIN));
  }
}

async function record(browser, name) {
  const [file, act] = scenarios[name];
  const site = new Site();
  await site.listen();
  const context = await browser.newContext({ viewport: { width: 900, height: 600 } });
  try {
    const page = await context.newPage();
    await page.goto(`${site.origin}/${file.includes('.') ? file : `${file}.html`}`);
    await pause(1200);
    await act(page);
    await page.goto('about:blank');
    for (let tries = 0; tries < 100 && !site.segments.some((text) => text.includes('"state":"hidden"')); tries++) {
      await pause(100);
    }
    await pause(500);
    const lines = site.lines();
    await writeFile(path.join(root, 'testdata/signals', `${name}.ndjson`), lines.join('\n') + '\n');
    process.stderr.write(`${name}: ${lines.length} lines\n`);
  } finally {
    await context.close();
    await site.close();
  }
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(scenarios);
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (names.length > 0) {
      await record(browser, names.shift());
    }
  })
);
await browser.close();
