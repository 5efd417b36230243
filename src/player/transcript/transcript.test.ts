import type { TranscriptLine } from '../playback/api';
import type { SessionTrace } from '../telemetry/sessionTraces';
import { matchingLines } from './matchingLines';
import { traceOf } from './traceOf';

function lineOf(text: string, fields: Partial<TranscriptLine> = {}): TranscriptLine {
  return { ts: 0, level: 'info', text, kind: 'click', url: '', traceId: '', spanId: '', ...fields };
}

const lines = [
  lineOf('opened /cart', { url: 'https://shop.example/cart' }),
  lineOf('clicked button "Place order" → POST /api/orders 500 in 312 ms', { traceId: 'abc123' }),
  lineOf('vanished message: "Please choose a delivery date" shown for 1.9 s'),
];

test.each([
  ['', 3],
  ['  ', 3],
  ['PLACE', 1],
  ['orders 500', 1],
  ['shop.example', 1],
  ['abc123', 1],
  ['orders 200', 0],
])('searching for %p finds %d lines', (search, count) => {
  expect(matchingLines(lines, search)).toHaveLength(count);
});

test('a line opens its own trace, else the one that it tells of', () => {
  const trace = (ts: number, traceId: string): SessionTrace => ({
    ts,
    traceId,
    title: '',
    outcome: '',
    durationMs: 0,
    failed: false,
    requests: 1,
  });
  const traces = [trace(1, '4bf9aaaa'), trace(9, '4bf9bbbb')];
  const told = lineOf('clicked "Pay" → POST /pay 500 in 9 ms (trace 4bf9…)', { ts: 5 });
  expect(traceOf(told, traces)).toEqual({ traceId: '4bf9bbbb', spanId: '' });
  expect(traceOf({ ...told, traceId: 'own', spanId: 'a' }, traces)).toMatchObject({ traceId: 'own', spanId: 'a' });
  expect(traceOf(lineOf('opened /'), traces)).toBeUndefined();
});
