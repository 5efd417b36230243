import type { RecordedWindow } from '../playback/api';
import { aheadPositions, beginningFor, beginningsOf, loadedUntil, openingPositions } from './positions';

/** Segments as [start, end, bytes, full snapshots]. */
function windowOf(...segments: Array<[number, number, number, number[]?]>): RecordedWindow {
  return {
    windowId: 'window-00000001',
    start: 0,
    end: 0,
    clockOffsetMs: 0,
    gaps: [],
    keyframes: [],
    segments: segments.map(([start, end, bytes, snapshots = []], seq) => ({
      seq,
      pageId: '',
      start,
      end,
      events: 1,
      bytes,
      fullSnapshots: snapshots,
    })),
  };
}

const KIB = 1024;
const MIB = 1024 * KIB;

function opening(window: RecordedWindow, ts: number) {
  const beginning = beginningFor(window, beginningsOf(window), ts);
  return beginning && openingPositions(window, beginning, ts);
}

describe('with keyframes', () => {
  const segments: Parameters<typeof windowOf> = [
    [0, 9_000, 100 * KIB, [100]],
    [10_000, 19_000, 100 * KIB],
    [20_000, 29_000, 100 * KIB],
    [40_000, 49_000, 100 * KIB],
  ];
  const keyframe = (afterSeq: number, ts: number, bytes = 90 * KIB) => ({ afterSeq, ts, bytes });
  const minute = { ...windowOf(...segments), keyframes: [keyframe(1, 19_000), keyframe(3, 49_000)] };
  const begin = (window: RecordedWindow, ts: number) => {
    const beginning = beginningFor(window, beginningsOf(window), ts);
    return beginning && { after: beginning.keyframe?.afterSeq, ...openingPositions(window, beginning, ts) };
  };

  it.each([
    ['before the first one, the recorded snapshot', 18_999, { after: undefined, from: 0, to: 2 }],
    ['the keyframe itself, and what comes soon', 19_000, { after: 1, from: 2, to: 2 }],
    ['the keyframe and the segments after it', 45_000, { after: 1, from: 2, to: 3 }],
    ['the last keyframe needs no segment', 49_000, { after: 3, from: 4, to: 3 }],
  ])('%s', (_, ts, expected) => {
    expect(begin(minute, ts)).toEqual(expected);
  });

  it('are not used where the recorded snapshot takes fewer bytes', () => {
    const large = { ...minute, keyframes: [keyframe(1, 19_000, 300 * KIB)] };
    expect(begin(large, 25_000)).toEqual({ after: undefined, from: 0, to: 2 });
  });

  it('are not used where later segments hold older events', () => {
    const overlap = { ...windowOf(segments[0], segments[1], [18_000, 29_000, KIB]), keyframes: [keyframe(1, 19_000)] };
    expect(begin(overlap, 25_000)).toEqual({ after: undefined, from: 0, to: 2 });
  });
});

describe('openingPositions', () => {
  const minute = windowOf(
    [0, 9_000, KIB, [100]],
    [10_000, 19_000, KIB],
    [20_000, 29_000, KIB, [20_500]],
    [30_000, 39_000, KIB],
    [40_000, 49_000, KIB]
  );

  it.each([
    ['begins at the first full snapshot when asked for an instant before it', 0, { from: 0, to: 0 }],
    ['begins at the newest full snapshot before the instant', 25_000, { from: 2, to: 3 }],
    ['begins at a full snapshot of the same millisecond', 20_500, { from: 2, to: 2 }],
    ['does not use a later full snapshot of the same segment', 20_400, { from: 0, to: 2 }],
    ['loads all up to the instant', 49_000, { from: 2, to: 4 }],
    ['loads a few seconds more', 36_000, { from: 2, to: 4 }],
  ])('%s', (_, ts, expected) => {
    expect(opening(minute, ts)).toEqual(expected);
  });

  it('does not load seconds that weigh too much', () => {
    const heavy = windowOf([0, 1_000, KIB, [0]], [1_000, 2_000, 700 * KIB], [2_000, 3_000, 700 * KIB]);
    expect(opening(heavy, 0)).toEqual({ from: 0, to: 1 });
  });

  it('loads what is needed whatever it weighs', () => {
    const heavy = windowOf([0, 1_000, 8 * MIB, [0]], [1_000, 2_000, 8 * MIB]);
    expect(opening(heavy, 1_500)).toEqual({ from: 0, to: 1 });
  });

  it('loads a later segment that has earlier events', () => {
    const disordered = windowOf([0, 1_000, KIB, [0]], [50_000, 60_000, KIB], [900, 2_000, KIB]);
    expect(opening(disordered, 1_500)).toEqual({ from: 0, to: 2 });
  });

  it('has nothing to begin with when there is no full snapshot', () => {
    expect(opening(windowOf([0, 1_000, KIB]), 500)).toBeUndefined();
    expect(opening(windowOf(), 500)).toBeUndefined();
  });
});

describe('aheadPositions', () => {
  const steady = windowOf(
    ...Array.from({ length: 20 }, (_, i): [number, number, number] => [i * 10_000, i * 10_000 + 9_000, 100 * KIB])
  );

  it('loads half a minute of watching ahead', () => {
    expect(aheadPositions(steady, 0, 0, 1)).toEqual({ from: 1, to: 3 });
  });

  it('loads more when playing faster', () => {
    expect(aheadPositions(steady, 0, 0, 4)).toEqual({ from: 1, to: 12 });
  });

  it('waits when there is enough', () => {
    expect(aheadPositions(steady, 5, 10_000, 1)).toBeUndefined();
  });

  it('is done at the end', () => {
    expect(aheadPositions(steady, 19, 190_000, 1)).toBeUndefined();
  });

  it('stops at its bytes, but always takes one segment', () => {
    const heavy = windowOf([0, 1, KIB], [1_000, 2_000, 9 * MIB], [2_000, 3_000, 9 * MIB]);
    expect(aheadPositions(heavy, 0, 0, 1)).toEqual({ from: 1, to: 1 });
    expect(aheadPositions(heavy, 1, 0, 1)).toBeUndefined();
  });
});

test('loadedUntil is the start of what is not loaded', () => {
  const window = windowOf([0, 9, 1], [10, 19, 1], [5, 29, 1]);
  expect(loadedUntil(window, 0)).toBe(5);
  expect(loadedUntil(window, 2)).toBe(Infinity);
});
