import { Buffer } from './buffer';
import { Faults } from './faults';
import { type Segment, segmentBytes, type SegmentContext } from './wire';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

function setUp(closing: () => unknown[] = () => []) {
  const segments: Segment[] = [];
  const buffer = new Buffer(
    { context: () => ({}) as SegmentContext, closing, onSegment: (segment) => segments.push(segment) },
    new Faults()
  );
  const events = () => segments.map(({ lines }) => lines.map((line) => JSON.parse(new TextDecoder().decode(line))));
  return { buffer, segments, events };
}

describe('Buffer', () => {
  it('ends a segment five seconds after its first event', () => {
    const { buffer, events } = setUp();
    buffer.add(1);
    jest.advanceTimersByTime(4_000);
    buffer.add(2);
    expect(events()).toEqual([]);
    jest.advanceTimersByTime(1_000);
    expect(events()).toEqual([[1, 2]]);
    // Nothing happens while nothing is recorded.
    expect(jest.getTimerCount()).toBe(0);
  });

  it('ends a segment at 256 KiB', () => {
    const { buffer, segments } = setUp();
    for (let index = 0; index < 300; index++) {
      buffer.add('x'.repeat(1021));
    }
    expect(segments.map(({ lines }) => lines.length)).toEqual([256]);
    expect(segmentBytes(segments[0] as Segment)).toBe(256 * 1024);
  });

  it('measures bytes, not characters', () => {
    const { buffer, segments } = setUp();
    buffer.add('€'.repeat(90_000));
    expect(segments).toHaveLength(1);
  });

  it('sends a snapshot at once', () => {
    const { buffer, segments } = setUp();
    buffer.add('meta');
    buffer.addSnapshot('snapshot');
    buffer.add('after');
    expect(segments.map(({ snapshot, lines }) => [snapshot, lines.length])).toEqual([[true, 2]]);
    buffer.seal();
    expect(segments[1]?.snapshot).toBe(false);
  });

  it('puts what closes a segment into it, and closes no empty one', () => {
    const { buffer, events } = setUp(() => ['closing']);
    buffer.seal();
    buffer.add(1);
    buffer.seal();
    expect(events()).toEqual([[1, 'closing']]);
  });

  it('cuts off as many events as fit', () => {
    const { buffer, segments, events } = setUp();
    [111, 222, 333].forEach((event) => buffer.add(event));
    buffer.seal(true, 8);
    expect(events()).toEqual([[111, 222], [333]]);
    expect(segments.map(({ final }) => final)).toEqual([false, true]);
  });

  it('has no part without events when the first one does not fit', () => {
    const { buffer, events } = setUp();
    [111, 222].forEach((event) => buffer.add(event));
    buffer.seal(false, 2);
    expect(events()).toEqual([[111, 222]]);
  });
});
