import { describeQuery, interpolate, isRunnable } from './query';
import type { PlayheadQuery } from './types';

const query = (rest: Partial<PlayheadQuery>): PlayheadQuery => ({ refId: 'A', ...rest });

describe('isRunnable', () => {
  it.each<[string, Partial<PlayheadQuery>, boolean]>([
    ['a list of sessions without any filter', { queryType: 'sessions' }, true],
    ['moments of the time range', { queryType: 'moments' }, true],
    ['a replay without an id', { queryType: 'replay', sessionId: '' }, false],
    ['a replay of a session', { queryType: 'replay', sessionId: 's' }, true],
    ['a replay of a trace', { queryType: 'replay', traceId: 't' }, true],
    ['what a Loki derived field sends', { query: 's' }, true],
    ['nothing', {}, false],
  ])('%s', (_, rest, runnable) => {
    expect(isRunnable(query(rest))).toBe(runnable);
  });
});

describe('interpolate', () => {
  it('replaces variables wherever a user may type one', () => {
    const replaced = interpolate(
      query({ query: '$v', sessionId: '$v', traceId: '$v', filters: { user: '$v', url: '/x/$v', errors: true } }),
      (text) => text.replace('$v', 'value')
    );
    expect(replaced).toEqual(
      query({
        query: 'value',
        sessionId: 'value',
        traceId: 'value',
        filters: { user: 'value', url: '/x/value', errors: true },
      })
    );
  });

  it('takes the All of a variable for no filter', () => {
    const all = query({ filters: { user: '$user', url: '/x/*', signal: '$signal' } });
    expect(interpolate(all, (text) => text.replace(/\$\w+/, '*')).filters).toEqual({ user: '', url: '/x/*', signal: '' });
  });

  it('does not turn a bare query into one with a type or filters', () => {
    expect(JSON.parse(JSON.stringify(interpolate(query({ query: 'id' }), (text) => text)))).toEqual({
      refId: 'A',
      query: 'id',
    });
  });
});

describe('describeQuery', () => {
  it('says what is asked for', () => {
    expect(describeQuery(query({ queryType: 'sessions', filters: { user: 'ada', errors: true } }))).toBe(
      'sessions, user ada, with errors'
    );
  });
});
