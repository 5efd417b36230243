// The journeys between traces, logs, dashboards and replays, in a real Grafana
// with a real Tempo and Loki: node tests/e2e/run.mjs with
//   GRAFANA_URL  a Grafana as `playhead demo` starts it when TEMPO_URL and
//                LOKI_URL are set; also under a path, and with a content
//                security policy
//   TEMPO_URL, LOKI_URL  what the demo shop reports to
//                (with OTEL_EXPORTER_OTLP_ENDPOINT, or two endpoints of
//                OpenTelemetry's, in the demo's environment)
//   JAEGER_URL   a Jaeger that gets the shop's spans too
//   CLICKHOUSE_URL  a ClickHouse that gets them into otel_traces, and the log
//                lines into otel_logs: http://user:password@host:port/database.
//                Grafana needs grafana-clickhouse-datasource
//   SHOP_URL     the demo shop; http://127.0.0.1:8090 without it
//   GRAFANA_ADMINISTRATOR  name:password, to make users; admin:admin without it
//   E2E_SCREENSHOTS  a folder for pictures of every journey's end
//   E2E_ONLY     runs the journeys whose name has this text
// A journey whose server is not named is skipped. Standard output has JSON
// lines only.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

import { journeys } from './journeys.mjs';
import { Backends } from './pages/Backends.mjs';
import { Shop } from './pages/Shop.mjs';

const address = (name, otherwise) => (process.env[name] ?? otherwise)?.replace(/\/$/, '');
const at = {
  grafana: address('GRAFANA_URL'),
  tempo: address('TEMPO_URL'),
  loki: address('LOKI_URL'),
  jaeger: address('JAEGER_URL'),
  clickhouse: address('CLICKHOUSE_URL'),
  shop: address('SHOP_URL', 'http://127.0.0.1:8090'),
  administrator: process.env.GRAFANA_ADMINISTRATOR ?? 'admin:admin',
};
const pictures = process.env.E2E_SCREENSHOTS;
const only = process.env.E2E_ONLY ?? '';

const results = { journeys: 0, passed: 0, failed: 0, skipped: 0 };

function finish() {
  for (const [name, value] of Object.entries(results)) {
    process.stdout.write(`${JSON.stringify({ name: `e2e.${name}`, value, unit: 'count' })}\n`);
  }
  process.exit(results.failed ? 1 : 0);
}

const chosen = journeys.filter(({ name }) => name.includes(only));
results.journeys = chosen.length;
if (!at.grafana) {
  process.stderr.write('skipped: no GRAFANA_URL\n');
  results.skipped = chosen.length;
  finish();
}
if (pictures) {
  mkdirSync(pictures, { recursive: true });
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
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

async function newContext() {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 } });
  context.setDefaultTimeout(20_000);
  return context;
}

async function travel({ name, needs = [], run }, seen) {
  const missing = needs.filter((need) => !at[need]);
  if (missing.length > 0) {
    results.skipped++;
    process.stderr.write(`skip  ${name}: no ${missing.map((need) => `${need.toUpperCase()}_URL`).join(', ')}\n`);
    return;
  }
  const context = await newContext();
  const page = await context.newPage();
  try {
    await run({ page, context, at, seen, backends });
    results.passed++;
    process.stderr.write(`ok    ${name}\n`);
  } catch (error) {
    results.failed++;
    process.stderr.write(`FAIL  ${name}: ${error.message.split('\n').slice(0, 4).join(' ')}\n`);
  } finally {
    if (pictures) {
      for (const [index, each] of context.pages().entries()) {
        await each.screenshot({ path: join(pictures, `${name.replaceAll(/[^a-z0-9]+/gi, '-')}-${index}.png`) });
      }
    }
    await context.close();
  }
}

const backends = new Backends(at);
try {
  const context = await newContext();
  const seen = await new Shop(await context.newPage(), at.shop).order();
  await context.close();
  await backends.have(seen);
  for (const journey of chosen) {
    await travel(journey, seen);
  }
} finally {
  await browser.close();
}
finish();
