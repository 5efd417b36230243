import type { TranscriptLine } from '../playback/api';
import { matchingLines } from './matchingLines';

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
