import type { Moment } from '../playback/api';
import { describeMoment, formatMs, groupOf, isFailedRequest, outcomeOf } from './describe';
import { filterMoments } from './MomentList';
import { severityOf } from './severity';

function momentOf(fields: Partial<Moment>): Moment {
  const empty = { name: '', text: '', selector: '', url: '', traceId: '', spanId: '', durationMs: 0, status: 0 };
  return { ts: 0, windowId: '', pageId: '', kind: 'click', attributes: {}, ...empty, ...fields };
}

test.each<[Partial<Moment>, string]>([
  [{ kind: 'page_load', url: 'https://shop.example/cart?x=1' }, '/cart?x=1'],
  [{ kind: 'page_load' }, 'page load'],
  [{ kind: 'navigation', name: 'push', url: 'https://shop.example/pay' }, '/pay'],
  [{ kind: 'click', name: 'button', text: 'Place order' }, '“Place order”'],
  [{ kind: 'click', name: 'button', selector: '#order' }, '#order'],
  [{ kind: 'request', name: 'POST', url: 'https://api.example/orders' }, 'POST /orders'],
  [{ kind: 'request', name: 'GET', url: '/relative' }, 'GET /relative'],
  [{ kind: 'error', name: 'TypeError', text: 'x is undefined' }, 'TypeError: x is undefined'],
  [{ kind: 'console', name: 'warn', text: 'slow' }, 'slow'],
  [{ kind: 'visibility', name: 'hidden' }, 'Window hidden'],
  [{ kind: 'long_frame', durationMs: 1234 }, 'Page froze for 1.2 s'],
  [{ kind: 'identify', name: 'user-1' }, 'User user-1'],
  [{ kind: 'state', name: 'stopped', text: 'quota' }, 'Recorder stopped: quota'],
  [{ kind: 'input', name: 'input', text: 'Name' }, 'Input in “Name”'],
  [{ kind: 'submit', name: 'form', selector: '#pay' }, 'Submitted #pay'],
  [{ kind: 'text_appeared', text: 'Something went wrong' }, '“Something went wrong” appeared'],
  [{ kind: 'text_vanished', text: 'Saved', durationMs: 1900 }, '“Saved” vanished after 1.9 s'],
  [{ kind: 'signal', name: 'vanished_message', text: 'message "x" shown for 2.0 s' }, 'message "x" shown for 2.0 s'],
  [{ kind: 'signal', name: 'vanished_message' }, 'Vanished message'],
  [{ kind: 'something_new' }, 'something new'],
])('describeMoment %j', (fields, expected) => {
  expect(describeMoment(momentOf(fields))).toBe(expected);
});

test.each<[Partial<Moment>, string]>([
  [{ kind: 'console', name: 'error' }, 'error'],
  [{ kind: 'console', name: 'log' }, 'other'],
  [{ kind: 'page_load' }, 'navigation'],
  [{ kind: 'submit' }, 'action'],
  [{ kind: 'text_vanished' }, 'text'],
  [{ kind: 'signal', name: 'error' }, 'signal'],
  [{ kind: 'gap' }, 'other'],
  [{ kind: 'something_new' }, 'other'],
])('groupOf %j', (fields, expected) => {
  expect(groupOf(momentOf(fields))).toBe(expected);
});

test.each<[Partial<Moment>, string]>([
  [{ kind: 'signal', name: 'double_submit' }, 'error'],
  [{ kind: 'signal', name: 'vanished_message' }, 'warning'],
  [{ kind: 'signal', name: 'a_new_one' }, 'warning'],
  [{ kind: 'console', name: 'error' }, 'error'],
  [{ kind: 'console', name: 'warn' }, 'warning'],
  [{ kind: 'request', status: 500 }, 'error'],
  [{ kind: 'request', status: 200 }, 'info'],
  [{ kind: 'click' }, 'info'],
])('severityOf %j', (fields, expected) => {
  expect(severityOf(momentOf(fields))).toBe(expected);
});

test('a request that got no answer has failed, and says why', () => {
  const lost = momentOf({ kind: 'request', text: 'timeout' });
  expect([isFailedRequest(lost), outcomeOf(lost)]).toEqual([true, 'timeout']);
  const refused = momentOf({ kind: 'request', status: 422 });
  expect([isFailedRequest(refused), outcomeOf(refused)]).toEqual([true, '422']);
  const answered = momentOf({ kind: 'request', status: 204 });
  expect([isFailedRequest(answered), outcomeOf(answered)]).toEqual([false, '204']);
  expect(outcomeOf(momentOf({}))).toBe('');
});

test('formatMs', () => {
  expect([0.4, 999, 1500, 12_345].map(formatMs)).toEqual(['0 ms', '999 ms', '1.5 s', '12 s']);
});

test('filterMoments searches words, addresses and trace ids in the shown groups', () => {
  const moments = [
    momentOf({ text: 'Place order' }),
    momentOf({ kind: 'request', url: 'https://api.example/orders', traceId: 'abc123' }),
    momentOf({ kind: 'error', text: 'no order' }),
  ];
  const kinds = (hidden: Array<ReturnType<typeof groupOf>>, search: string) =>
    filterMoments(moments, new Set(hidden), search).map(({ kind }) => kind);
  expect(kinds([], ' ORDER ')).toEqual(['click', 'request', 'error']);
  expect(kinds(['error'], 'order')).toEqual(['click', 'request']);
  expect(kinds([], 'ABC1')).toEqual(['request']);
  expect(kinds([], '')).toHaveLength(3);
});
