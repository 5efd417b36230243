import { cut } from './text';

describe('cut', () => {
  const tests: Array<[text: string, maxBytes: number, want: string]> = [
    ['short', 10, 'short'],
    ['exactly', 7, 'exactly'],
    ['too long', 3, 'too'],
    ['aé', 2, 'a'],
    ['€€', 5, '€'],
    // Never half of a surrogate pair.
    ['a😀', 4, 'a'],
    ['a😀', 5, 'a😀'],
  ];
  it.each(tests)('%s to %d bytes', (text, maxBytes, want) => {
    expect(cut(text, maxBytes)).toBe(want);
  });
});
