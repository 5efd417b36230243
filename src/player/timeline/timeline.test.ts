import type { Manifest, Moment, RecordedWindow } from '../playback/api';
import { axisOffsets } from './axis';
import { firstAfter, insertSorted, isActiveMoment, skipTarget } from './inactivity';
import {
  activityOf,
  describeGap,
  describeTick,
  gapAt,
  gapsOf,
  nearestTick,
  positionOf,
  ticksOf,
  timeAt,
} from './lanes';
import { windowAt, windowSwitches } from './windows';

function momentOf(fields: Partial<Moment>): Moment {
  const empty = { name: '', text: '', selector: '', url: '', traceId: '', spanId: '', durationMs: 0, status: 0 };
  return { ts: 0, windowId: 'one', pageId: '', kind: 'click', attributes: {}, ...empty, ...fields };
}

function windowOf(windowId: string, segments: Array<[number, number, number[]?]>): RecordedWindow {
  return {
    windowId,
    start: segments[0]?.[0] ?? 0,
    end: segments.at(-1)?.[1] ?? 0,
    clockOffsetMs: 0,
    gaps: [],
    keyframes: [],
    segments: segments.map(([start, end, fullSnapshots = []], seq) => ({
      seq,
      pageId: '',
      start,
      end,
      events: 10,
      bytes: 1,
      fullSnapshots,
    })),
  };
}

const manifestOf = (windows: RecordedWindow[], moments: Moment[] = []) => ({ windows, moments }) as unknown as Manifest;

describe('lanes', () => {
  const scale = { start: 1000, end: 2000, width: 500 };

  it('turns times into positions and back', () => {
    expect(positionOf(1500, scale)).toBe(250);
    expect(timeAt(250, scale)).toBe(1500);
    expect(timeAt(-10, scale)).toBe(1000);
    expect(timeAt(900, scale)).toBe(2000);
  });

  it('stays finite for a session without length or a timeline without width', () => {
    expect(positionOf(1000, { start: 1000, end: 1000, width: 500 })).toBe(0);
    expect(timeAt(10, { start: 1000, end: 2000, width: 0 })).toBe(1000);
    expect(activityOf(manifestOf([]), { ...scale, width: 0 }, 3)).toEqual([0]);
  });

  it('makes one tick of the moments on a pixel, grave when one of them is', () => {
    const moments = [
      momentOf({ ts: 1500, kind: 'request', name: 'GET', url: 'https://a.example/b', status: 200 }),
      momentOf({ ts: 1500.4, kind: 'request', status: 500 }),
      momentOf({ ts: 1502, kind: 'request', status: 200 }),
      momentOf({ ts: 1502 }),
    ];
    const ticks = ticksOf(moments, 'request', scale);
    expect(ticks.map(({ x, grave }) => [x, grave])).toEqual([
      [250, true],
      [251, false],
    ]);
    expect(describeTick(ticks[0])).toBe('GET /b and 1 more');
    expect(ticksOf(moments, 'action', scale)).toHaveLength(1);
  });

  it('draws at most one tick per pixel', () => {
    const many = Array.from({ length: 100_000 }, (_, index) => momentOf({ ts: 1000 + index / 100 }));
    expect(ticksOf(many, 'action', scale)).toHaveLength(501);
  });

  it('finds the nearest tick within reach', () => {
    const ticks = ticksOf([momentOf({ ts: 1100 }), momentOf({ ts: 1110 })], 'action', scale);
    expect(nearestTick(ticks, 53, 4)?.x).toBe(55);
    expect(nearestTick(ticks, 60, 4)).toBeUndefined();
  });

  it('spreads the events of a segment over its time', () => {
    const busy = activityOf(
      manifestOf([
        windowOf('one', [
          [1000, 1100],
          [1900, 1900],
        ]),
      ]),
      { ...scale, width: 10 },
      1
    );
    expect(busy[9]).toBe(1);
    expect(busy[0]).toBeCloseTo(Math.sqrt(0.5));
    expect(busy[5]).toBe(0);
  });

  it('lists the gaps of a window, those found while loading too, with their cause', () => {
    const window = { ...windowOf('one', [[0, 100]]), gaps: [{ start: 50, end: 60, cause: 'not_received' }] };
    const gaps = gapsOf(
      manifestOf([window]),
      { one: [{ start: 10, end: 20, cause: 'checksum' }], two: [{ start: 0, end: 1, cause: '' }] },
      'one'
    );
    expect(gaps.map(describeGap)).toEqual(['Missing: checksum', 'Missing: a segment never arrived']);
    expect(gapAt(gaps, 55)?.start).toBe(50);
    expect(gapAt(gaps, 30)).toBeUndefined();
    expect(describeGap({ start: 0, end: 0, cause: '' })).toBe('Missing: unknown cause');
    const causes = ['dropped', 'expired', 'unreadable', 'unavailable'];
    expect(causes.map((cause) => describeGap({ start: 0, end: 0, cause }))).toEqual([
      'Missing: the recorder had to drop a segment',
      'Missing: a segment is no longer kept',
      'Missing: a segment is damaged',
      'Missing: object storage did not answer',
    ]);
  });
});

test.each([
  [60_000, 600, 60, [0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000]],
  [3_600_000, 500, 72, [0, 600_000, 1_200_000, 1_800_000, 2_400_000, 3_000_000, 3_600_000]],
  [800, 500, 72, [0]],
  [0, 500, 72, [0]],
  [60_000, 0, 72, [0]],
])('axisOffsets of %i ms on %i px', (durationMs, width, spacing, expected) => {
  expect(axisOffsets(durationMs, width, spacing)).toEqual(expected);
});

describe('skipTarget', () => {
  const END = 100_000;

  it.each([
    ['jumps to just before the next activity', [1_000, 50_000], 5_000, Infinity, 49_000],
    ['stays for what the page answers', [1_000, 50_000], 3_000, Infinity, undefined],
    ['stays when something happens soon', [1_000, 5_500], 4_500, Infinity, undefined],
    ['jumps to the end when nothing follows', [1_000], 10_000, Infinity, END],
    ['jumps when nothing happened before', [50_000], 10_000, Infinity, 49_000],
    ['takes what is not loaded for activity', [1_000], 5_000, 40_000, 39_000],
    ['does not jump backward', [1_000, 50_000], 49_500, Infinity, undefined],
  ])('%s', (_, activity, ts, knownUntil, expected) => {
    expect(skipTarget(activity, ts, knownUntil, END)).toBe(expected);
  });

  it('lands where it does not jump again', () => {
    expect(skipTarget([1_000, 50_000], 49_000, Infinity, END)).toBeUndefined();
  });
});

test('sorted lists stay sorted', () => {
  const sorted = [1, 3, 5];
  insertSorted(sorted, [4, 6, 0, 3]);
  expect(sorted).toEqual([0, 1, 3, 3, 4, 5, 6]);
  expect(firstAfter(sorted, 3)).toBe(4);
  expect(firstAfter([], 3)).toBe(0);
});

test('isActiveMoment leaves out what nobody did', () => {
  const kinds = ['click', 'request', 'error', 'visibility', 'vital', 'long_frame'];
  expect(kinds.filter((kind) => isActiveMoment(momentOf({ kind })))).toEqual(['click', 'request', 'error']);
  expect(isActiveMoment(momentOf({ kind: 'console', name: 'log' }))).toBe(false);
  expect(isActiveMoment(momentOf({ kind: 'console', name: 'error' }))).toBe(true);
});

describe('windows', () => {
  const one = windowOf('one', [[0, 100, [10]]]);
  const two = windowOf('two', [[40, 90, [45]]]);

  it('follows what the user opens and uses', () => {
    const switches = windowSwitches(
      manifestOf(
        [one, two],
        [
          momentOf({ ts: 60, windowId: 'one' }),
          momentOf({ ts: 70, windowId: 'one' }),
          momentOf({ ts: 80, windowId: 'two', kind: 'visibility', name: 'visible' }),
        ]
      )
    );
    expect([0, 20, 45, 60, 75, 80, 99].map((ts) => windowAt(switches, ts))).toEqual([
      'one',
      'one',
      'two',
      'one',
      'one',
      'two',
      'two',
    ]);
  });

  it('is not moved by a window that works in the background', () => {
    const switches = windowSwitches(
      manifestOf(
        [one, two],
        [
          momentOf({ ts: 60, windowId: 'one', kind: 'request' }),
          momentOf({ ts: 70, windowId: 'one', kind: 'visibility', name: 'hidden' }),
        ]
      )
    );
    expect(windowAt(switches, 80)).toBe('two');
  });

  it('does not switch to a window before there is something to show, or when there never is', () => {
    const blank = windowOf('blank', [[20, 90]]);
    const early = momentOf({ ts: 42, windowId: 'two' });
    const switches = windowSwitches(manifestOf([one, two, blank], [early, momentOf({ ts: 30, windowId: 'blank' })]));
    expect(switches.map(({ windowId }) => windowId)).toEqual(['one', 'two']);
    expect(windowAt(switches, 43)).toBe('one');
  });

  it('has the first window when none can be shown, and none when there is none', () => {
    expect(windowAt(windowSwitches(manifestOf([windowOf('blank', [[0, 10]])])), 5)).toBe('blank');
    expect(windowAt(windowSwitches(manifestOf([])), 5)).toBe('');
  });
});
