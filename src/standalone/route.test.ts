import { readRoute, sessionHref } from './route';

test.each([
  ['/', '', { page: 'sessions' }],
  ['/sessions', '', { page: 'sessions' }],
  ['/sessions/abc-123', '', { page: 'session', sessionId: 'abc-123', at: undefined }],
  ['/sessions/abc-123', '?t=1763791872123', { page: 'session', sessionId: 'abc-123', at: 1763791872123 }],
  ['/sessions/abc-123', '?t=soon', { page: 'session', sessionId: 'abc-123', at: undefined }],
  ['/sessions/abc/more', '', { page: 'sessions' }],
  ['/sessions/%zz', '', { page: 'sessions' }],
])('readRoute %s%s', (pathname, search, expected) => {
  expect(readRoute({ pathname, search })).toEqual(expected);
});

test('sessionHref is read back', () => {
  const [pathname, search] = sessionHref('a b', 1763791872123.4).split('?');
  expect(readRoute({ pathname, search: `?${search}` })).toEqual({
    page: 'session',
    sessionId: 'a b',
    at: 1763791872123,
  });
  expect(sessionHref('a')).toBe('/sessions/a');
});
