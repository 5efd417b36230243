import type { LogLine, LogQuery, Span } from './api';
import { LogReader, windowAround } from './logWindow';
import { tracesOf } from './sessionTraces';
import { spanAt, waterfallOf } from './waterfall';

function spanOf(spanId: string, parentSpanId: string, startMs: number, durationMs: number, service = 'shop'): Span {
  return {
    spanId,
    parentSpanId,
    startMs,
    durationMs,
    service,
    name: spanId,
    failed: false,
    message: '',
    attributes: {},
  };
}

describe('waterfallOf', () => {
  it('puts children below their parents, in the order of their start', () => {
    const spans = [
      spanOf('b', 'root', 140, 20, 'pay'),
      spanOf('a1', 'a', 115, 5),
      spanOf('root', '', 100, 100),
      spanOf('a', 'root', 110, 20),
    ];
    const { rows, start, end, services } = waterfallOf(spans);
    expect(rows.map(({ span, depth }) => [span.spanId, depth])).toEqual([
      ['root', 0],
      ['a', 1],
      ['a1', 2],
      ['b', 1],
    ]);
    expect([start, end, services]).toEqual([100, 200, ['shop', 'pay']]);
    expect(rows[3]).toMatchObject({ from: 0.4, length: 0.2 });
  });

  it('shows spans whose parent is missing, circles and repeated ids once', () => {
    const ids = (spans: Span[]) => waterfallOf(spans).rows.map(({ span }) => span.spanId);
    expect(ids([spanOf('a', 'gone', 1, 1)])).toEqual(['a']);
    expect(ids([spanOf('a', 'a', 1, 1)])).toEqual(['a']);
    expect(ids([spanOf('r', '', 0, 9), spanOf('r', '', 1, 9), spanOf('c', 'r', 2, 1)])).toEqual(['r', 'c', 'r']);
  });

  it('leaves out what is too much to read', () => {
    const spans = Array.from({ length: 1200 }, (_, index) => spanOf(`s${index}`, '', index, 1));
    expect(waterfallOf(spans)).toMatchObject({ leftOut: 200 });
  });
});

test('the span at an instant is the innermost that runs then, also in the millisecond in which it began', () => {
  const spans = [spanOf('child', 'root', 110.7, 20), spanOf('root', '', 100.2, 100)];
  const at = (ts: number) => spanAt(spans, ts)?.spanId;
  expect([99, 100, 109, 110, 130, 131, 200, 201].map(at)).toEqual([
    undefined,
    'root',
    'root',
    'child',
    'child',
    'root',
    'root',
    undefined,
  ]);
});

test('the traces of a session are those of its requests, each once', () => {
  const moment = { windowId: '', pageId: '', text: '', selector: '', spanId: '', durationMs: 5, attributes: {} };
  const request = { ...moment, kind: 'request', name: 'GET', url: 'https://shop.example/a' };
  const traces = tracesOf([
    { ...moment, ts: 1, kind: 'click', name: 'button', url: '', traceId: '', status: 0 },
    { ...request, ts: 2, traceId: 'one', status: 200 },
    { ...request, ts: 3, traceId: 'two', status: 200 },
    { ...request, ts: 4, traceId: 'one', status: 503 },
    { ...moment, ts: 5, kind: 'signal', name: 'double_submit', url: '', traceId: 'two', status: 0 },
  ]);
  expect(traces).toEqual([
    { traceId: 'one', ts: 2, title: 'GET /a', outcome: '200', durationMs: 5, failed: true, requests: 2 },
    { traceId: 'two', ts: 3, title: 'GET /a', outcome: '200', durationMs: 5, failed: false, requests: 1 },
  ]);
});

describe('logs', () => {
  const line = (ts: number): LogLine => ({ ts, level: 'info', text: '', service: '', traceId: '', spanId: '' });

  it('are asked for in whole minutes around the playhead, inside the session', () => {
    expect(windowAround(90_000, 0, 600_000)).toEqual({ from: 60_000, to: 120_000 });
    expect(windowAround(61_000, 0, 600_000)).toEqual({ from: 0, to: 120_000 });
    expect(windowAround(0, 65_000, 70_000)).toEqual({ from: 60_000, to: 120_000 });
  });

  it('are asked for once, unless there were none', async () => {
    const asked: LogQuery[] = [];
    const answers: Record<number, LogLine[]> = { 0: [line(5)], 60_000: [] };
    const source = {
      name: 'Loki',
      lines: (query: LogQuery) => {
        asked.push(query);
        return Promise.resolve(answers[query.from]);
      },
    };
    const reader = new LogReader(source, 'session');
    const { signal } = new AbortController();
    expect(await reader.read({ from: 0, to: 120_000 }, signal)).toEqual({ lines: [line(5)], cut: false });
    await reader.read({ from: 0, to: 120_000 }, signal);
    expect(asked.map(({ from }) => from)).toEqual([0, 60_000, 60_000]);
    expect(asked[0]).toEqual({ sessionId: 'session', from: 0, to: 60_000, limit: 500 });
  });

  it('say when there were more', async () => {
    const many = Array.from({ length: 500 }, (_, ts) => line(ts));
    const reader = new LogReader({ name: 'Loki', lines: () => Promise.resolve(many) }, 'session');
    expect((await reader.read({ from: 0, to: 60_000 }, new AbortController().signal)).cut).toBe(true);
  });
});
