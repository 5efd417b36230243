import type { Moment } from '../playback/api';
import { matchingLines, transcriptOf } from './lines';

function momentOf(fields: Partial<Moment>): Moment {
  const empty = { name: '', text: '', selector: '', url: '', traceId: '', spanId: '', durationMs: 0, status: 0 };
  return { ts: 0, windowId: '', pageId: '', kind: 'click', attributes: {}, ...empty, ...fields };
}

const session = [
  momentOf({ ts: 1, kind: 'page_load', url: 'https://shop.example/cart' }),
  momentOf({ ts: 2, kind: 'vital', name: 'LCP' }),
  momentOf({ ts: 3, name: 'button', text: 'Place order' }),
  momentOf({
    ts: 4,
    kind: 'request',
    name: 'POST',
    url: 'https://shop.example/api/orders',
    status: 500,
    durationMs: 312,
    traceId: 'abc123',
  }),
  momentOf({ ts: 5, kind: 'signal', name: 'vanished_message', text: 'message "Oh" shown for 1.9 s' }),
  momentOf({ ts: 6, kind: 'state', name: 'dropped', text: 'memory' }),
];

test('a session is told in sentences, each with how bad it is', () => {
  expect(transcriptOf(session).map(({ ts, severity, text }) => [ts, severity, text])).toEqual([
    [1, 'info', 'opened /cart'],
    [3, 'info', 'clicked button “Place order”'],
    [4, 'error', 'POST /api/orders → 500 in 312 ms'],
    [5, 'warning', 'Vanished message: message "Oh" shown for 1.9 s'],
    [6, 'info', 'Recorder dropped: memory'],
  ]);
});

test.each([
  ['', 5],
  ['  ', 5],
  ['PLACE', 1],
  ['clicked order', 1],
  ['orders 500', 1],
  ['abc123', 1],
  ['orders 200', 0],
])('searching for %p finds %d lines', (search, count) => {
  expect(matchingLines(transcriptOf(session), search)).toHaveLength(count);
});
