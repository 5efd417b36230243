// Drives Chromium for the smoke test. Two errands:
//   drive.mjs record SHOP     acts as a user in the three scenarios
//   drive.mjs replay PAGE     opens recordings in the standalone page
// Both read JSON lines on standard input and write JSON lines on standard
// output; tests/smoke/main.go is at the other end.
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [errand, address] = process.argv.slice(2);
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const hear = async () => JSON.parse((await input.next()).value);

// What a person reads, however the white space is laid out.
const textOf = (frame) => frame.evaluate(() => document.body.innerText.replace(/\s+/g, ' ').trim());

async function scenario(browser, name, act) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 720 } });
  const page = await context.newPage();
  const instants = [];
  // An instant between two changes: the page is still on both sides of it.
  const look = async () => {
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 40))));
    const instant = await page.evaluate(() => ({ t: Date.now(), text: document.body.innerText.replace(/\s+/g, ' ').trim() }));
    await page.evaluate(() => new Promise((done) => setTimeout(done, 40)));
    instants.push(instant);
  };
  await act(page, look);
  const sessionId = await page.evaluate(() => window.playhead.sessionId());
  // Leaving the page makes the recorder send its tail.
  await page.goto('about:blank');
  await context.close();
  say({ scenario: name, session_id: sessionId, instants });
}

const acted = (page) => page.waitForFunction(() => window.playhead?.sessionId());

async function vanishedMessage(page, look) {
  await page.goto(`${address}/`);
  await acted(page);
  await look();
  await page.getByLabel('Name').fill('Kim');
  await page.getByLabel('E-mail').fill('kim@example.com');
  await look();
  // In the middle of this session the smoke kills and restarts ingest.
  await page.waitForResponse((r) => r.url().includes('/v1/segments') && r.status() === 202);
  say({ at: 'kill' });
  await hear();
  await look();
  for (let press = 0; press < 2; press++) {
    await page.getByRole('button', { name: 'Place order' }).click();
    await page.getByText('Please choose a delivery date').waitFor();
    await look();
    await look();
    await page.getByText('Please choose a delivery date').waitFor({ state: 'detached' });
    await look();
  }
  await page.getByRole('link', { name: 'Sale' }).click();
  await page.getByRole('heading', { name: 'Summer sale' }).waitFor();
  await look();
}

async function doubleOrder(page, look) {
  await page.goto(`${address}/`);
  await acted(page);
  await look();
  await page.getByLabel('Delivery date').selectOption('friday');
  await look();
  const button = page.getByRole('button', { name: 'Place order' });
  await button.click();
  await button.click({ delay: 20 });
  await look();
  await page.getByText('Something went wrong').waitFor();
  await page.getByText(/Order \d+ placed/).waitFor();
  for (let i = 0; i < 4; i++) {
    await look();
  }
  await page.getByLabel('Name').fill('Lee');
  await look();
  await page.getByRole('link', { name: 'Sale' }).click();
  await page.getByRole('heading', { name: 'Summer sale' }).waitFor();
  await look();
  await look();
}

async function layoutThrash(page, look) {
  await page.goto(`${address}/sale`);
  await acted(page);
  for (let i = 0; i < 3; i++) {
    await look();
  }
  await page.getByRole('button', { name: 'Show the offers' }).click();
  await page.getByText('Three offers for you').waitFor();
  for (let i = 0; i < 4; i++) {
    await look();
  }
  await page.getByRole('link', { name: 'Checkout' }).click();
  await page.getByRole('heading', { name: 'Your basket' }).waitFor();
  for (let i = 0; i < 3; i++) {
    await look();
  }
}

async function record(browser) {
  await scenario(browser, 'vanished-message', vanishedMessage);
  await scenario(browser, 'double-order', doubleOrder);
  await scenario(browser, 'layout-thrash', layoutThrash);
  say({ done: true });
}

async function replay(browser) {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  page.on('pageerror', (error) => process.stderr.write(`page error: ${error}\n`));
  for (;;) {
    const request = await hear();
    if (request.done) {
      return;
    }
    const { session_id: sessionId, t } = request;
    await page.goto(`${address}/sessions/${sessionId}?t=${t}`);
    const player = page.locator('[data-timestamp]').first();
    try {
      await page.waitForFunction(
        (want) => {
          const root = document.querySelector('[data-timestamp]');
          return root && ['paused', 'ended'].includes(root.dataset.status) && Math.abs(Number(root.dataset.timestamp) - want) < 1;
        },
        t,
        { timeout: 20000 }
      );
    } catch {
      const status = await player.getAttribute('data-status').catch(() => 'no player');
      const at = await player.getAttribute('data-timestamp').catch(() => '');
      say({ text: '', problem: `player is ${status} at ${at}, want paused at ${t}` });
      continue;
    }
    // The recording is in the innermost frame.
    const frames = page.frames();
    say({ text: await textOf(frames[frames.length - 1]) });
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  await (errand === 'record' ? record(browser) : replay(browser));
} finally {
  await browser.close();
  process.stdin.destroy();
}
