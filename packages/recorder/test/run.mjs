// Runs the scenarios in a real browser: node packages/recorder/test/run.mjs [NAME…]
// Prints JSON lines on standard output, details on standard error.
import { readdir } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { Collector } from './collector.mjs';
import { Site } from './site.mjs';

const SCENARIOS = new URL('scenarios/', import.meta.url);
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const SCENARIO_MS = 60_000;
/** Scenarios mostly wait for the recorder's five seconds to pass. */
const AT_ONCE = 4;
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Gives a scenario its own servers and browser profile, and takes them down again. */
async function runScenario(browser, name) {
  const folder = new URL(name + '/', SCENARIOS);
  const { run } = await import(new URL('scenario.mjs', folder).href);
  const collector = new Collector();
  const api = new Site(folder);
  const site = new Site(folder);
  const context = await browser.newContext();
  try {
    await Promise.all([collector.listen(), api.listen(), site.listen()]);
    site.variables = { collector: collector.origin, api: api.origin };
    const page = await context.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await run({ browser, context, page, site, api, collector, errors });
  } finally {
    await context.close();
    await Promise.all([collector.close(), api.close(), site.close()]);
  }
}

/** A page that never answers would keep all others waiting. */
async function deadline() {
  await setTimeout(SCENARIO_MS, undefined, { ref: false });
  throw new Error(`not done after ${SCENARIO_MS} ms`);
}

async function main(wanted) {
  const all = (await readdir(SCENARIOS)).sort();
  const names = wanted.length > 0 ? wanted : all;
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ARGS,
    // Playwright switches off what one of the scenarios is about.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
  let failed = 0;
  const waiting = [...names];
  const work = async () => {
    for (let name = waiting.shift(); name; name = waiting.shift()) {
      const startedAt = performance.now();
      try {
        await Promise.race([runScenario(browser, name), deadline()]);
        console.error(`ok   ${name} (${Math.round(performance.now() - startedAt)} ms)`);
      } catch (error) {
        failed++;
        console.error(`FAIL ${name}\n${error.stack}`);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify({ name: 'recorder.scenarios', value: names.length, unit: 'count' }));
  console.log(JSON.stringify({ name: 'recorder.scenarios_failed', value: failed, unit: 'count' }));
  // No scenario at all proves nothing.
  process.exitCode = failed > 0 || names.length === 0 ? 1 : 0;
}

await main(process.argv.slice(2));
