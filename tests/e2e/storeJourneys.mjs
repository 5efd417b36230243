import { AGREE_MS, check, newTab, plays } from './checks.mjs';
import { DataSources } from './pages/DataSources.mjs';
import { Explore } from './pages/Explore.mjs';
import { Replay } from './pages/Replay.mjs';
import { clickhouse, jaeger } from './stores.mjs';

const APP = '/a/playhead-replay-app';
const PAYMENT = /capture payment/;
const ORDER = /order placed/;

/** What else keeps traces, and how its spans are asked for without Grafana. */
const TRACE_STORES = [
  { name: 'Jaeger', need: 'jaeger', storeAt: jaeger },
  { name: 'ClickHouse', need: 'clickhouse', storeAt: clickhouse },
];

/** Runs during while the Playhead data source leads to another store. */
async function ledTo({ page, at, backends, seen }, store, signals, during) {
  await backends.until('the trace', async () => (await store.spans(seen.traceId)).length > 1);
  const sources = new DataSources(at.grafana, at.administrator);
  await sources.leadingTo(store.source, signals, async () => {
    await page.goto(`${at.grafana}${APP}/replay?trace=${seen.traceId}`);
    await new Replay(page).shown();
    await during();
  });
}

async function nears(replay, instant, backends) {
  await backends.until('the playhead', async () => Math.abs((await replay.instant()) - instant) <= AGREE_MS);
}

/** The journeys with traces and logs that are neither in Tempo nor in Loki. */
export const storeJourneys = [
  ...TRACE_STORES.map(({ name, need, storeAt }) => ({
    name: `${name} span in the player to Explore at the span, and back to the replay`,
    needs: [need],
    run: async (journey) => {
      const { page, context, at, seen, backends } = journey;
      const store = storeAt(at[need]);
      await ledTo(journey, store, ['traces'], async () => {
        const spans = await store.spans(seen.traceId);
        const span = spans.find((each) => PAYMENT.test(each.name));
        const replay = new Replay(page);
        await replay.seekToSpan(PAYMENT);
        await nears(replay, span.start, backends);
        const explore = new Explore(await newTab(context, () => replay.openExplore()), at.grafana);
        check((await explore.focusedSpan()) === span.id, `${await explore.focusedSpan()} is not the span ${span.id}`);
        const back = await newTab(context, () => explore.headerLink().click());
        await plays(back, seen.sessionId, Math.min(...spans.map(({ start }) => start)));
      });
    },
  })),
  ...TRACE_STORES.map(({ name, need, storeAt }) => ({
    name: `${name} span attribute to the replay, and a moment of it to the trace`,
    needs: [need],
    run: async (journey) => {
      const { page, context, at, seen } = journey;
      const store = storeAt(at[need]);
      await ledTo(journey, store, ['traces'], async () => {
        const explore = new Explore(page, at.grafana);
        await explore.open('playhead', 'playhead-replay-datasource', { queryType: 'moments', traceId: seen.traceId });
        await page.getByRole('table').getByText(seen.traceId).first().click();
        await page.getByRole('heading', { name: /^shop: POST/ }).waitFor();
        await explore.openSpan(PAYMENT);
        const link = await explore.attributeLink();
        const replay = await newTab(context, () => link.click());
        const span = (await store.spans(seen.traceId)).find((each) => PAYMENT.test(each.name));
        await plays(replay, seen.sessionId, span.start);
      });
    },
  })),
  {
    name: 'ClickHouse line in the player to Explore, and back to the replay at the line',
    needs: ['clickhouse'],
    run: async (journey) => {
      const { page, context, at, seen, backends } = journey;
      const store = clickhouse(at.clickhouse);
      await ledTo(journey, store, ['logs'], async () => {
        const { ts } = (await store.lines(seen.sessionId)).find(({ text }) => ORDER.test(text));
        const replay = new Replay(page);
        await replay.seekToLine(ORDER);
        await nears(replay, ts, backends);
        const explore = new Explore(await newTab(context, () => replay.openExplore()), at.grafana);
        await explore.page.getByText(ORDER).first().waitFor();
        await explore.openLine();
        const back = await newTab(context, () => explore.link('Session replay of the log line').click());
        await plays(back, seen.sessionId, ts);
      });
    },
  },
  {
    name: 'ClickHouse session in a table to its traces and logs',
    needs: ['clickhouse'],
    run: async (journey) => {
      const { page, at, seen } = journey;
      await ledTo(journey, clickhouse(at.clickhouse), ['traces', 'logs'], async () => {
        const explore = new Explore(page, at.grafana);
        await explore.open('playhead', 'playhead-replay-datasource', { queryType: 'sessions', query: seen.sessionId });
        const { traces, logs } = await explore.linksOfSession(seen.sessionId);
        await page.goto(logs);
        await page.getByText(ORDER).first().waitFor();
        await page.goto(traces);
        await page.getByRole('table').getByText(seen.traceId).first().waitFor();
      });
    },
  },
];
