// Makes the recordings of the three scenarios anew, with a running demo:
//   go tool mage demo            (in another terminal, with -seed=false)
//   node examples/shop/record.mjs http://127.0.0.1:8090 http://127.0.0.1:8081
// It acts as an unhurried person would, waits until the sessions are stored,
// and writes examples/shop/recordings/*.json.
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const [shop, playback] = process.argv.slice(2);

const moveTo = async (page, locator) => {
  const box = await locator.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 25 });
  await pause(250);
};

const click = async (page, locator) => {
  await moveTo(page, locator);
  await page.mouse.down();
  await pause(60);
  await page.mouse.up();
};

const fillIn = async (page) => {
  await click(page, page.getByLabel('Name'));
  await page.keyboard.type('Kim Example', { delay: 90 });
  await click(page, page.getByLabel('E-mail'));
  await page.keyboard.type('kim@example.com', { delay: 80 });
};

const scenarios = {
  'vanished-message': async (page) => {
    await page.goto(`${shop}/`);
    await pause(1500);
    await fillIn(page);
    for (let press = 0; press < 3; press++) {
      await click(page, page.getByRole('button', { name: 'Place order' }));
      await pause(3500);
    }
    await moveTo(page, page.getByRole('link', { name: 'Sale' }));
    await pause(1000);
  },
  'double-order': async (page) => {
    await page.goto(`${shop}/`);
    await pause(1200);
    await fillIn(page);
    await page.getByLabel('Delivery date').selectOption('friday');
    await pause(900);
    const button = page.getByRole('button', { name: 'Place order' });
    await moveTo(page, button);
    for (let press = 0; press < 2; press++) {
      await page.mouse.down();
      await pause(30);
      await page.mouse.up();
      await pause(120);
    }
    await page.getByText('Something went wrong').waitFor();
    await pause(2500);
  },
  'layout-thrash': async (page) => {
    await page.goto(`${shop}/sale`);
    await pause(1500);
    await click(page, page.getByRole('button', { name: 'Show the offers' }));
    await page.getByText('Three offers for you').waitFor();
    await pause(2000);
  },
};

async function eventsOf(sessionId) {
  const base = `${playback}/api/sessions/${sessionId}`;
  for (let tries = 0; tries < 60; tries++) {
    const manifest = await fetch(`${base}/manifest`);
    const { windows = [] } = manifest.ok ? await manifest.json() : {};
    const last = windows[0]?.segments.at(-1);
    // The segment in which the window was hidden is the last one.
    if (last && windows[0].gaps.length === 0) {
      const body = await (await fetch(`${base}/segments?window=${windows[0].window_id}&from_seq=0&to_seq=${last.seq}`)).text();
      if (body.includes('"state":"hidden"')) {
        return body.trimEnd().split('\n').filter((line) => !line.startsWith('{"segment":'));
      }
    }
    await pause(500);
  }
  throw new Error(`session ${sessionId} is not stored whole`);
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
for (const [name, act] of Object.entries(scenarios)) {
  const page = await (await browser.newContext({ viewport: { width: 1200, height: 760 } })).newPage();
  await act(page);
  const sessionId = await page.evaluate(() => window.playhead.sessionId());
  await page.goto('about:blank');
  const events = await eventsOf(sessionId);
  writeFileSync(new URL(`recordings/${name}.json`, import.meta.url), `[\n${events.join(',\n')}\n]\n`);
  process.stderr.write(`${name}: ${events.length} events\n`);
}
await browser.close();
