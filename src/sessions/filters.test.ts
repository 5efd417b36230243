import { dateTime } from '@grafana/data';

import { defaultFilters, readFilters, resolveRange, withRange, writeFilters } from './filters';

const read = (search: string) => readFilters(new URLSearchParams(search));

describe('filters in the address of the page', () => {
  it('come back as they were written', () => {
    const filters = { from: 'now-7d', to: 'now-1d', user: 'a&b', url: '/cart?x', errors: true, q: 'é' };
    expect(read(writeFilters(new URLSearchParams(), filters).toString())).toEqual(filters);
  });

  it('are not written when they are the defaults', () => {
    expect(writeFilters(new URLSearchParams('user=ada&errors=true'), defaultFilters).toString()).toBe('');
  });

  it('leave other parameters alone', () => {
    expect(writeFilters(new URLSearchParams('ds=one'), { ...defaultFilters, user: 'ada' }).toString()).toBe(
      'ds=one&user=ada'
    );
  });

  it.each(['from=nonsense', 'from=', 'from=-1', 'from=now-x'])('fall back when somebody typed %s', (search) => {
    expect(read(search).from).toBe(defaultFilters.from);
  });
});

describe('time range', () => {
  it('takes absolute instants as ms since the epoch', () => {
    const range = resolveRange(read('from=1763791872123&to=1763795472123'));
    expect([range.from.valueOf(), range.to.valueOf()]).toEqual([1763791872123, 1763795472123]);
  });

  it('keeps relative instants relative', () => {
    expect(withRange(defaultFilters, { from: 'now-1h', to: 'now' })).toMatchObject({ from: 'now-1h', to: 'now' });
    expect(withRange(defaultFilters, { from: dateTime(1000), to: dateTime(2000) })).toMatchObject({
      from: '1000',
      to: '2000',
    });
  });
});
