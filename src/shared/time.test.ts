import { formatDuration } from './time';

describe('formatDuration', () => {
  it.each([
    [0, '0:00'],
    [7_999, '0:07'],
    [723_000, '12:03'],
    [3_723_000, '1:02:03'],
    [-5, '0:00'],
  ])('%d ms is %s', (durationMs, text) => {
    expect(formatDuration(durationMs)).toBe(text);
  });
});
