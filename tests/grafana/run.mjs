// End-to-end tests in a real Grafana: node tests/grafana/run.mjs with
// GRAFANA_URL pointing at a Grafana that has the plugin, the provisioned data
// source (uid playhead) and at least one session, such as `playhead demo`
// starts. Visitors must be signed in or anonymous.
//
// Screenshots go to GRAFANA_SCREENSHOTS when it is set. Standard output has
// JSON lines only.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const grafana = process.env.GRAFANA_URL?.replace(/\/$/, '');
const screenshots = process.env.GRAFANA_SCREENSHOTS;

if (!grafana) {
  process.stderr.write('skipped: no GRAFANA_URL\n');
  process.exit(0);
}

const check = (condition, message) => {
  if (!condition) {
    throw new Error(message);
  }
};

async function getJson(path) {
  const response = await fetch(`${grafana}${path}`);
  check(response.ok, `GET ${path}: status ${response.status}`);
  return response.json();
}

const resources = '/api/datasources/uid/playhead/resources';

/** Opens a page in both themes; a test looks at the dark one. */
async function open(context, path, name, ready) {
  const page = await context.newPage();
  for (const theme of screenshots ? ['light', 'dark'] : ['dark']) {
    await page.goto(`${grafana}${path}${path.includes('?') ? '&' : '?'}theme=${theme}`);
    await ready(page);
    if (screenshots) {
      await page.screenshot({ path: join(screenshots, `${name}-${theme}.png`) });
    }
  }
  return page;
}

const player = (page) => page.locator('[data-timestamp][data-status]').first();

async function shown(page) {
  await page.waitForFunction(() => {
    const root = document.querySelector('[data-timestamp][data-status]');
    return root && ['paused', 'ended'].includes(root.dataset.status);
  });
  // The recorded page is in the innermost frame.
  const frames = page.frames();
  await frames[frames.length - 1].waitForFunction(() => document.body?.innerText.trim().length > 0);
}

async function plays(page) {
  const before = Number(await player(page).getAttribute('data-timestamp'));
  await player(page).getByRole('button', { name: 'Play', exact: true }).click();
  await page.waitForFunction(
    (from) => Number(document.querySelector('[data-timestamp]').dataset.timestamp) > from,
    before
  );
}

const explore = (query) =>
  `/explore?schemaVersion=1&orgId=1&panes=${encodeURIComponent(
    JSON.stringify({
      phd: {
        datasource: 'playhead',
        queries: [{ refId: 'A', datasource: { type: 'playhead-replay-datasource', uid: 'playhead' }, ...query }],
        range: { from: 'now-1h', to: 'now' },
      },
    })
  )}`;

async function replayableSession() {
  const { sessions } = await getJson(`${resources}/sessions?limit=100`);
  check(sessions.length > 0, 'there is no session to play');
  return sessions.find((s) => s.pages > 0) ?? sessions[0];
}

const tests = {
  'the three plugins are loaded': async () => {
    for (const id of ['playhead-replay-app', 'playhead-replay-datasource', 'playhead-replay-panel']) {
      const settings = await getJson(`/api/plugins/${id}/settings`);
      check(settings.id === id, `${id} is not there`);
    }
  },
  'save and test is green': async () => {
    const health = await getJson('/api/datasources/uid/playhead/health');
    check(health.status === 'OK', health.message);
  },
  'the settings page says so': async (context) => {
    const page = await open(context, '/connections/datasources/edit/playhead', 'settings', (p) =>
      p.getByRole('button', { name: /^(Save & test|Test)$/ }).waitFor()
    );
    await page.getByRole('button', { name: /^(Save & test|Test)$/ }).click();
    await page.getByTestId('data-testid Alert success').first().waitFor();
  },
  'the app lists the sessions': async (context) => {
    const page = await open(context, '/a/playhead-replay-app/sessions', 'sessions', (p) =>
      p.getByRole('row').nth(1).waitFor()
    );
    check((await page.getByRole('row').count()) > 1, 'no rows');
  },
  'the app plays a session': async (context, session) => {
    const page = await open(context, `/a/playhead-replay-app/sessions/${session.session_id}`, 'session', shown);
    await plays(page);
  },
  'the app opens a session at an instant': async (context, session) => {
    const at = Math.floor((session.start + session.end) / 2);
    const page = await open(
      context,
      `/a/playhead-replay-app/sessions/${session.session_id}?t=${at}`,
      'session-at',
      shown
    );
    check(
      Number(await player(page).getAttribute('data-timestamp')) === at,
      'the player is not at the instant of the address'
    );
  },
  'a dashboard plays a session': async (context, session) => {
    const page = await open(context, `/d/playhead-sessions?var-session=${session.session_id}`, 'dashboard', shown);
    await plays(page);
  },
  'Explore plays a session': async (context, session) => {
    const page = await open(context, explore({ queryType: 'replay', sessionId: session.session_id }), 'explore', shown);
    await plays(page);
  },
  'a session in a table links to its replay': async (context, session) => {
    const page = await open(
      context,
      explore({ queryType: 'sessions', query: session.session_id }),
      'explore-sessions',
      (p) => p.getByText(session.session_id).last().waitFor()
    );
    await page.getByRole('table').getByText(session.session_id).first().click();
    // Two links: a menu of Grafana's, whose entries have no role.
    const link = page.locator('a[href*="/a/playhead-replay-app/sessions/"]').filter({ hasText: /^Replay$/ });
    const opened = context.waitForEvent('page', { timeout: 5000 }).catch(() => page);
    await link.click();
    const target = await opened;
    await target.waitForURL(`**/a/playhead-replay-app/sessions/${session.session_id}**`);
    await shown(target);
  },
  'Explore takes a bare session id, as a Loki derived field sends it': async (context, session) => {
    await open(context, explore({ query: session.session_id }), 'explore-bare', shown);
  },
};

if (screenshots) {
  mkdirSync(screenshots, { recursive: true });
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
let failed = 0;
try {
  const session = await replayableSession();
  for (const [name, test] of Object.entries(tests)) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 1000 } });
    context.setDefaultTimeout(30000);
    try {
      await test(context, session);
      process.stderr.write(`ok    ${name}\n`);
    } catch (error) {
      failed++;
      process.stderr.write(`FAIL  ${name}: ${error.message.split('\n').slice(0, 3).join(' ')}\n`);
    } finally {
      await context.close();
    }
  }
} finally {
  await browser.close();
}
process.stdout.write(`${JSON.stringify({ name: 'grafana.tests', value: Object.keys(tests).length, unit: 'count' })}\n`);
process.stdout.write(`${JSON.stringify({ name: 'grafana.tests_failed', value: failed, unit: 'count' })}\n`);
process.exit(failed ? 1 : 0);
