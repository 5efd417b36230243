/**
 * @jest-environment ./tests/player/jestEnvironment.cjs
 */
import { createDataFrame, type DataFrame, type DataSourceInstanceSettings, FieldType } from '@grafana/data';
import { type DataSourceSrv, setDataSourceSrv } from '@grafana/runtime';
import { of, throwError } from 'rxjs';

import { grafanaTelemetry } from './grafanaTelemetry';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const AT = 1763791872130;

interface Asked {
  uid: string;
  targets: Array<Record<string, unknown>>;
  range: { from: number; to: number };
}

/** A Grafana with a Playhead data source that points to these two, which both answer the same. */
function grafana(types: { traces?: string; logs?: string }, answer: DataFrame[] | Error, jsonData = {}) {
  const asked: Asked[] = [];
  const target = (type: string | undefined) => (type ? { uid: `${type}-uid` } : undefined);
  const all: Record<string, unknown> = {
    playhead: { jsonData: { traces: target(types.traces), logs: target(types.logs) } },
  };
  for (const type of [types.traces, types.logs]) {
    all[`${type}-uid`] = { uid: `${type}-uid`, type, name: `My ${type}`, jsonData };
  }
  setDataSourceSrv({
    getInstanceSettings: (uid: string) => all[uid] as DataSourceInstanceSettings,
    get: (uid: string) =>
      Promise.resolve({
        query: ({ targets, range }: { targets: Asked['targets']; range: { from: unknown; to: unknown } }) => {
          asked.push({ uid, targets, range: { from: Number(range.from), to: Number(range.to) } });
          return answer instanceof Error ? throwError(() => answer) : of({ data: [] }, { data: answer });
        },
      }),
  } as unknown as DataSourceSrv);
  return { asked, telemetry: grafanaTelemetry('playhead') };
}

const signal = new AbortController().signal;

const traceFrame = createDataFrame({
  fields: [
    { name: 'traceID', values: [TRACE, TRACE] },
    { name: 'spanID', values: ['a', 'b'] },
    { name: 'parentSpanID', values: [undefined, 'a'] },
    { name: 'operationName', values: ['POST /api/orders', 'capture'] },
    { name: 'serviceName', values: ['shop', 'payments'] },
    { name: 'statusCode', values: [2, 0] },
    { name: 'statusMessage', values: ['already paid', ''] },
    { name: 'startTime', values: [AT + 0.25, AT + 50] },
    { name: 'duration', values: [312.5, 200] },
    {
      name: 'tags',
      type: FieldType.other,
      values: [[{ key: 'http.status', value: 500 }], '[{"key":"error","value":true}]'],
    },
  ],
});

test.each([
  ['tempo', { queryType: 'traceql', query: TRACE }],
  ['jaeger', { query: TRACE }],
  ['zipkin', { queryType: 'traceID', query: TRACE }],
])('a trace is read from %s', async (type, query) => {
  const { asked, telemetry } = grafana({ traces: type }, [createDataFrame({ fields: [] }), traceFrame]);
  expect(telemetry.traces?.name).toBe(`My ${type}`);
  expect(await telemetry.traces?.spans({ sessionId: 's', traceId: TRACE, at: AT }, signal)).toEqual([
    {
      spanId: 'a',
      parentSpanId: '',
      name: 'POST /api/orders',
      service: 'shop',
      startMs: AT + 0.25,
      durationMs: 312.5,
      failed: true,
      message: 'already paid',
      attributes: { 'http.status': '500' },
    },
    expect.objectContaining({ spanId: 'b', parentSpanId: 'a', failed: true, attributes: { error: 'true' } }),
  ]);
  expect(asked[0].targets[0]).toEqual({ ...query, refId: 'A', datasource: { uid: `${type}-uid`, type } });
  expect(asked[0].range.from).toBeLessThan(AT);
});

test('a trace is read from ClickHouse, where the settings say', async () => {
  const type = 'grafana-clickhouse-datasource';
  const row = createDataFrame({
    fields: [
      { name: 'spanID', values: ['a'] },
      { name: 'startTime', values: [AT] },
      { name: 'statusCode', values: [2] },
      { name: 'tags', type: FieldType.other, values: [[{ key: 'session.id', value: 's' }]] },
    ],
  });
  const jsonData = { defaultDatabase: 'x', traces: { defaultDatabase: 'otel', defaultTable: 'spans`' } };
  const { asked, telemetry } = grafana({ traces: type }, [row], jsonData);
  const spans = await telemetry.traces?.spans({ sessionId: 's', traceId: "a'b", at: AT }, signal);
  expect(spans).toMatchObject([{ spanId: 'a', startMs: AT, failed: true, attributes: { 'session.id': 's' } }]);
  // What Explore draws as a trace, not as a table.
  expect(asked[0].targets[0]).toMatchObject({ queryType: 'traces', format: 3 });
  expect(asked[0].targets[0].rawSql).toContain("FROM `otel`.`spans\\``\nWHERE TraceId = 'a\\'b'");
});

test('a trace that the backend does not know is none, and another refusal is told', async () => {
  const query = { sessionId: 's', traceId: TRACE, at: AT };
  const unknown = grafana({ traces: 'tempo' }, new Error('failed to get trace: 404 Not Found'));
  expect(await unknown.telemetry.traces?.spans(query, signal)).toEqual([]);
  const refused = grafana({ traces: 'tempo' }, new Error('connection refused'));
  await expect(refused.telemetry.traces?.spans(query, signal)).rejects.toThrow('connection refused');
});

test('the lines of a session are read from Loki', async () => {
  const frame = createDataFrame({
    fields: [
      {
        name: 'labels',
        type: FieldType.other,
        values: [
          { service_name: 'shop', detected_level: 'error', trace_id: TRACE, span_id: 'a' },
          { app: 'mail', level: 'warn' },
        ],
      },
      { name: 'Time', type: FieldType.time, values: [AT, AT + 1] },
      { name: 'Line', type: FieldType.string, values: ['payment not captured', 'slow'] },
      { name: 'tsNs', type: FieldType.string, values: [`${AT}250000`, `${AT + 1}000000`] },
    ],
  });
  const { asked, telemetry } = grafana({ logs: 'loki' }, [frame]);
  const query = { sessionId: 'a"b', from: AT - 1000, to: AT + 1000, limit: 500 };
  expect(await telemetry.logs?.lines(query, signal)).toEqual([
    { ts: AT + 0.25, level: 'error', text: 'payment not captured', service: 'shop', traceId: TRACE, spanId: 'a' },
    { ts: AT + 1, level: 'warning', text: 'slow', service: 'mail', traceId: '', spanId: '' },
  ]);
  expect(asked[0].targets[0]).toMatchObject({
    expr: '{service_name=~".+"} | session_id="a\\"b"',
    queryType: 'range',
    maxLines: 500,
  });
  expect(asked[0].range).toEqual({ from: AT - 1000, to: AT + 1000 });
});

test('the lines of a session are read from ClickHouse', async () => {
  const type = 'grafana-clickhouse-datasource';
  const frame = createDataFrame({
    fields: [
      { name: 'timestamp', type: FieldType.time, values: [AT] },
      { name: 'body', values: ['sent'] },
      { name: 'level', values: ['DEBUG'] },
      { name: 'labels', type: FieldType.other, values: [{ 'session.id': 's' }] },
      { name: 'service_name', values: ['mail'] },
    ],
  });
  const { asked, telemetry } = grafana({ logs: type }, [frame]);
  const lines = await telemetry.logs?.lines({ sessionId: 's', from: AT, to: AT + 1, limit: 5 }, signal);
  expect(lines).toEqual([{ ts: AT, level: 'debug', text: 'sent', service: 'mail', traceId: '', spanId: '' }]);
  expect(asked[0].targets[0]).toMatchObject({ queryType: 'logs', format: 2 });
  expect(asked[0].targets[0].rawSql).toContain(
    "AND (LogAttributes['session.id'] = 's' OR LogAttributes['session_id'] = 's')\nORDER BY Timestamp LIMIT 5"
  );
});

test('links open the same in Explore, the trace at its span', () => {
  const { telemetry } = grafana({ traces: 'tempo', logs: 'loki' }, []);
  const trace = telemetry.traces?.exploreHref?.({ sessionId: 's', traceId: TRACE, at: AT }, 'b') ?? '';
  const panes = (href: string) =>
    JSON.parse(new URL(href, 'http://grafana').searchParams.get('panes') ?? '') as unknown;
  expect(panes(trace)).toMatchObject({
    rpl: { datasource: 'tempo-uid', queries: [{ query: TRACE }], panelsState: { trace: { spanId: 'b' } } },
  });
  const logs = telemetry.logs?.exploreHref?.({ sessionId: 's', from: AT, to: AT + 1, limit: 5 }) ?? '';
  expect(panes(logs)).toMatchObject({
    rpl: { datasource: 'loki-uid', range: { from: String(AT), to: String(AT + 1) } },
  });
});

test('without data sources there is where to choose them', () => {
  const { telemetry } = grafana({}, []);
  expect([telemetry.traces, telemetry.logs]).toEqual([undefined, undefined]);
  expect(telemetry.setUp.href).toBe('/connections/datasources/edit/playhead');
});
