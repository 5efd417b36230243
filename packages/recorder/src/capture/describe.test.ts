import { describe as describeValue } from './describe';

describe('describe', () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const tests: Array<[value: unknown, want: string]> = [
    ['text', 'text'],
    [undefined, 'undefined'],
    [null, 'null'],
    [12n, '12'],
    [Symbol('s'), 'Symbol(s)'],
    [new TypeError('no'), 'TypeError: no'],
    [{ a: 'b', c: [1, 'd'] }, '{a: "b", c: [1, "d"]}'],
    [{ a: { b: { c: { d: 1 } } } }, '{a: {b: {c: {…}}}}'],
    [circular, '{self: {self: {self: {…}}}}'],
    [function named() {}, 'ƒ named'],
    [Object.assign(document.createElement('input'), { value: 's3cret' }), '<input>'],
    [document.createTextNode('s3cret'), '[object Text]'],
    [Array.from({ length: 30 }, (_, index) => index % 2), `[${'0, 1, '.repeat(10)}…]`],
  ];
  it.each(tests)('%p', (value, want) => {
    expect(describeValue(value)).toBe(want);
  });

  it('reads only as much as is kept', () => {
    const read = jest.fn(() => 'x'.repeat(5000));
    const values = Array.from({ length: 20 }, () => Object.defineProperty({}, 'v', { get: read, enumerable: true }));
    expect(describeValue(values).length).toBeLessThan(10_000);
    expect(read.mock.calls.length).toBeLessThan(5);
  });
});
