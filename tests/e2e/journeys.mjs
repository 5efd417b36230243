import { AGREE_MS, check, newTab, plays } from './checks.mjs';
import { Alerting } from './pages/Alerting.mjs';
import { Dashboard } from './pages/Dashboard.mjs';
import { Explore } from './pages/Explore.mjs';
import { People } from './pages/People.mjs';
import { Replay } from './pages/Replay.mjs';
import { Shop } from './pages/Shop.mjs';
import { storeJourneys } from './storeJourneys.mjs';

// From the playhead to another panel's crosshair, and how long a session's other end is away on the plot.
const CROSSHAIR_MS = 200;
const MARGIN_MS = 1000;
const REQUESTS = 'Requests of the page';

async function openSession({ page, at, seen, backends, sharing = true }) {
  const { start, end } = await backends.session(seen.sessionId);
  const dashboard = new Dashboard(page, at.grafana);
  await (sharing ? undefined : dashboard.shareNoCrosshair());
  await dashboard.openSession(seen.sessionId, start - MARGIN_MS, end + MARGIN_MS);
  const replay = new Replay(page);
  await replay.shown();
  await dashboard.plot(REQUESTS).waitFor();
  return { dashboard, replay, start, end };
}

/** How long after the playhead the crosshair came to each instant, at worst. */
function worstLag({ playhead, crosshair }, tolerance) {
  const lags = crosshair.map(([when, instant]) => {
    const passed = playhead.findLast(([, at]) => Math.abs(at - instant) <= tolerance);
    return passed ? when - passed[0] : Infinity;
  });
  return Math.max(...lags);
}

const RAGE = 'Users click in rage';
// The rule is evaluated every minute, and the recording has to arrive first.
const ALERT_MS = 180_000;

const APP = '/a/playhead-replay-app';
const CONFIGURATION = '/plugins/playhead-replay-app';

/** What each role is offered beyond the sessions, which all may watch. */
const ROLES = [
  { role: 'Viewer', explores: false, configures: false },
  { role: 'Editor', explores: true, configures: false },
  { role: 'Admin', explores: true, configures: true },
];

const logsOf = (sessionId) => `{service_name=~".+"} | session_id="${sessionId}"`;
const PAYMENT = /capture payment/;

export const journeys = [
  {
    name: 'trace header to the replay at the start of the trace',
    needs: ['tempo'],
    run: async ({ page, context, at, seen, backends }) => {
      const explore = new Explore(page, at.grafana);
      await explore.openTrace(seen.traceId);
      const replay = await newTab(context, () => explore.headerLink().click());
      await plays(replay, seen.sessionId, (await backends.span(seen.traceId, 'POST')).start);
    },
  },
  {
    name: 'span attribute to the replay at the span',
    needs: ['tempo'],
    run: async ({ page, context, at, seen, backends }) => {
      const explore = new Explore(page, at.grafana);
      await explore.openTrace(seen.traceId);
      await explore.openSpan(PAYMENT);
      const link = await explore.attributeLink();
      const replay = await newTab(context, () => link.click());
      await plays(replay, seen.sessionId, (await backends.span(seen.traceId, 'capture payment')).start);
    },
  },
  {
    name: 'correlation of a span to the replay beside it',
    needs: ['tempo'],
    run: async ({ page, at, seen, backends }) => {
      const explore = new Explore(page, at.grafana);
      await explore.openTrace(seen.traceId);
      await explore.openSpan(PAYMENT);
      await page.getByRole('button', { name: 'Session replay', exact: true }).click();
      await plays(page, seen.sessionId, (await backends.span(seen.traceId, 'capture payment')).start);
    },
  },
  {
    name: 'Explore split view with the trace beside its replay',
    needs: ['tempo'],
    run: async ({ page, at, seen, backends }) => {
      const explore = new Explore(page, at.grafana);
      await explore.openTrace(seen.traceId);
      await explore.openSpan(PAYMENT);
      await page.getByRole('button', { name: 'Session replay', exact: true }).click();
      const replay = new Replay(page);
      await replay.shown();
      check(!(await explore.headerOverlaps()), 'the button in the header lies over the status');
      check((await explore.panes()) === 2, 'there are not two panes');
      await page.getByRole('switch', { name: PAYMENT }).first().waitFor();
      const { start } = await backends.span(seen.traceId, 'capture payment');
      await replay.play();
      await backends.until('the playhead behind the span', async () => (await replay.instant()) > start + AGREE_MS);
    },
  },
  {
    name: 'span to the replay and back to the same span',
    needs: ['tempo'],
    run: async ({ page, context, at, seen, backends }) => {
      const explore = new Explore(page, at.grafana);
      await explore.openTrace(seen.traceId);
      await explore.openSpan(PAYMENT);
      const link = await explore.attributeLink();
      const there = new Replay(await newTab(context, () => link.click()));
      await there.shown();
      const back = new Explore(await newTab(context, () => there.openTrace()), at.grafana);
      const { id } = await backends.span(seen.traceId, 'capture payment');
      check((await back.focusedSpan()) === id, `${await back.focusedSpan()} is not the span ${id}`);
    },
  },
  {
    name: 'external correlation of a span to the page of the replay',
    needs: ['tempo'],
    run: async ({ page, context, at, seen, backends }) => {
      const explore = new Explore(page, at.grafana);
      await explore.openTrace(seen.traceId);
      await explore.openSpan(PAYMENT);
      const replay = await newTab(context, () => explore.link('Session replay page').click({ modifiers: ['Control'] }));
      await plays(replay, seen.sessionId, (await backends.span(seen.traceId, 'capture payment')).start);
    },
  },
  {
    name: 'label of a log line to the replay at the line',
    needs: ['loki'],
    run: async ({ page, context, at, seen, backends }) => {
      const explore = new Explore(page, at.grafana);
      await explore.openLogs(logsOf(seen.sessionId));
      await explore.openLine();
      const replay = await newTab(context, () => explore.link('Session replay of the log line').click());
      await plays(replay, seen.sessionId, await backends.line(seen.sessionId));
    },
  },
  {
    name: 'derived field of a log line to the replay beside it',
    needs: ['loki'],
    run: async ({ page, at, seen }) => {
      const explore = new Explore(page, at.grafana);
      await explore.openLogs(logsOf(seen.sessionId));
      await explore.openLine();
      await explore.link('Session replay').click();
      await new Replay(page).shown();
    },
  },
  {
    name: 'derived field of a log line to the page of the replay',
    needs: ['loki'],
    run: async ({ page, context, at, seen, backends }) => {
      const explore = new Explore(page, at.grafana);
      await explore.openLogs(logsOf(seen.sessionId));
      await explore.openLine();
      const replay = await newTab(context, () => explore.link('Session replay page').click({ modifiers: ['Control'] }));
      await plays(replay, seen.sessionId, await backends.line(seen.sessionId));
    },
  },
  {
    name: 'trace id alone to the replay at its request',
    needs: ['tempo'],
    run: async ({ page, at, seen, backends }) => {
      await page.goto(`${at.grafana}${APP}/replay?trace=${seen.traceId}`);
      await plays(page, seen.sessionId, (await backends.span(seen.traceId, 'POST')).start);
    },
  },
  {
    name: 'moment of the replay back to its trace',
    needs: ['tempo'],
    run: async ({ page, at, seen }) => {
      const explore = new Explore(page, at.grafana);
      await explore.open('playhead', 'playhead-replay-datasource', { queryType: 'moments', traceId: seen.traceId });
      await page.getByRole('table').getByText(seen.traceId).first().click();
      await page.getByRole('heading', { name: /^shop: POST/ }).waitFor();
    },
  },
  {
    name: 'session in a table to its traces and logs',
    needs: ['tempo', 'loki'],
    run: async ({ page, at, seen }) => {
      const explore = new Explore(page, at.grafana);
      await explore.open('playhead', 'playhead-replay-datasource', { queryType: 'sessions', query: seen.sessionId });
      const { traces, logs } = await explore.linksOfSession(seen.sessionId);
      await page.goto(logs);
      await page.getByText('order placed').first().waitFor();
      await page.goto(traces);
      // Tempo leaves out the zeros at the start of a trace id in what it finds.
      await page.getByText(seen.traceId.replace(/^0+/, '').slice(0, 8)).first().waitFor();
    },
  },
  {
    name: 'Explore toolbar to the replay of the session that is asked for',
    needs: ['loki'],
    run: async ({ page, at, seen }) => {
      const explore = new Explore(page, at.grafana);
      await explore.openLogs(logsOf(seen.sessionId));
      await page.getByRole('button', { name: 'Add', exact: true }).click();
      await page.getByRole('menuitem', { name: 'Open session replay' }).click();
      await new Replay(page).shown();
    },
  },
  {
    name: 'panel menu to the replay of the dashboard',
    run: async ({ page, at, seen }) => {
      await page.goto(`${at.grafana}/d/playhead-sessions?var-session=${seen.sessionId}`);
      await new Replay(page).shown();
      const panel = page.getByTestId('data-testid Panel header Replay');
      await panel.hover();
      await panel.getByRole('button', { name: /^Menu for panel/ }).click();
      await page.getByRole('menuitem', { name: 'Extensions' }).hover();
      await page.getByRole('menuitem', { name: 'Open session replay' }).click();
      await page.waitForURL(`**/sessions/${seen.sessionId}**`);
    },
  },
  {
    name: 'command palette to the list of sessions',
    run: async ({ page, at }) => {
      await page.goto(`${at.grafana}/explore`);
      await page
        .getByRole('button', { name: /^Search/ })
        .first()
        .click();
      await page.getByRole('combobox').last().fill('Find session replays');
      await page
        .getByRole('option', { name: /Find session replays/ })
        .first()
        .click();
      await page.waitForURL(`**${APP}/sessions**`);
      await page.getByRole('row').nth(1).waitFor();
    },
  },
  {
    name: 'session that was never recorded says so',
    run: async ({ page, at }) => {
      // Of the year 2023.
      await page.goto(`${at.grafana}${APP}/replay?session=018bcfe5-6800-7abc-8def-0123456789ab`);
      await page.getByText('nothing as old as this session is kept').waitFor();
    },
  },
  {
    name: 'playing moves the crosshair of another panel',
    run: async (journey) => {
      const { dashboard, replay, start, end } = await openSession(journey);
      await replay.root.getByRole('slider').first().press('Home');
      const seen = await dashboard.watch(REQUESTS, async () => {
        await replay.play();
        await journey.page.waitForFunction(() => document.querySelector('[data-status="ended"]'));
      });
      check(seen.crosshair.length > 3, `the crosshair moved ${seen.crosshair.length} times only`);
      const lag = worstLag(seen, CROSSHAIR_MS + (end - start + 2 * MARGIN_MS) / 200);
      check(lag <= CROSSHAIR_MS, `the crosshair came ${lag} ms after the playhead`);
    },
  },
  {
    name: 'hovering another panel moves the playhead',
    run: async (journey) => {
      const { dashboard, replay, start } = await openSession(journey);
      // A plot tells the others of its points only.
      const instant = await journey.backends.requestOf(journey.seen);
      await journey.backends.until('the playhead', async () => {
        const pixel = await dashboard.hover(REQUESTS, instant);
        return Math.abs((await replay.instant()) - instant) <= 2 * pixel + AGREE_MS;
      });
      check((await replay.instant()) !== start, 'the playhead is where it began');
    },
  },
  {
    name: 'dashboard that shares no crosshair keeps the playhead to itself',
    run: async (journey) => {
      const { dashboard, replay } = await openSession({ ...journey, sharing: false });
      const seen = await dashboard.watch(REQUESTS, async () => {
        await replay.play();
        await journey.page.waitForFunction(() => document.querySelector('[data-status="ended"]'));
      });
      check(seen.playhead.length > 3, 'the playhead did not move');
      check(seen.crosshair.length === 0, `the crosshair moved ${seen.crosshair.length} times`);
    },
  },
  {
    name: 'signal as an annotation of a dashboard',
    run: async (journey) => {
      const { dashboard } = await openSession(journey);
      const text = await dashboard.annotation(REQUESTS);
      check(text.includes('Please choose a delivery date'), `the annotation says ${text}`);
    },
  },
  {
    name: 'alert on rage clicks fires, and its instance leads to the sessions',
    run: async ({ page, at, backends }) => {
      await new Shop(page, at.shop).rage();
      await backends.until('the alert', async () => (await backends.firing(RAGE)).length > 0, ALERT_MS);
      const alerting = new Alerting(page, at.grafana);
      await alerting.openRule('playhead-rage-clicks');
      await alerting.openReplays();
      check(page.url().includes(encodeURIComponent('signal:rage_click')), `${page.url()} does not ask for rage clicks`);
      await page.getByRole('row').nth(1).waitFor();
    },
  },
  {
    name: 'tap on a signal in Explore lists the sessions that have it',
    run: async ({ page, at }) => {
      const explore = new Explore(page, at.grafana);
      await explore.open('playhead', 'playhead-replay-datasource', { queryType: 'sessions' });
      await explore.choose('Signal', 'rage click');
      await page.waitForURL(/rage_click/);
      await page.getByRole('row').nth(1).waitFor();
    },
  },
  {
    name: 'variable of a dashboard filters its sessions',
    run: async ({ page, at, backends }) => {
      const dashboard = new Dashboard(page, at.grafana);
      await dashboard.openSessions();
      const all = await dashboard.rows('Sessions');
      const user = await backends.user();
      await dashboard.choose('User', user);
      await backends.until('the one session', async () => (await dashboard.rows('Sessions')) < all);
      await dashboard.table('Sessions').getByText(user).waitFor();
    },
  },
  ...storeJourneys,
  ...ROLES.map(({ role, explores, configures }) => ({
    name: `${role} finds and plays a session, and is offered what it may`,
    run: async ({ page, context, at, seen }) => {
      const people = new People(at.grafana, at.administrator);
      await people.signIn(context, role);
      await page.goto(`${at.grafana}${APP}/sessions?q=${seen.sessionId}`);
      await page.getByRole('row').nth(1).getByRole('link').first().click();
      await new Replay(page).shown();
      const offered = await people.offered(page);
      check(offered.has(`${APP}/sessions`), 'the sessions are not offered');
      check(offered.has('/explore') === explores, `Explore is ${explores ? 'not ' : ''}offered`);
      check(offered.has(CONFIGURATION) === configures, `the configuration is ${configures ? 'not ' : ''}offered`);
      check((await people.configures(context)) === configures, `may ${configures ? 'not ' : ''}change the data source`);
      await page.goto(`${at.grafana}${CONFIGURATION}`);
      // Grafana brings whoever may not configure back to its start.
      await (configures
        ? page.getByText('Default data source', { exact: true }).waitFor()
        : page.waitForURL(({ pathname }) => !pathname.includes(CONFIGURATION)));
    },
  })),
];
