import type { Keyframe, RecordedWindow, SegmentInfo } from '../playback/api';

/** Which segments to load. Nothing here loads anything: a window's segments in, positions in that list out. */

/** Loaded beyond the target with the first request, so that play can begin at once. */
const OPENING_LEAD_MS = 5_000;
/** … but no more than this, whatever these seconds weigh. */
const OPENING_LEAD_BYTES = 1024 * 1024;
/** Prefetched ahead of the playhead, in ms of watching: multiplied by the speed. */
const AHEAD_MS = 30_000;
const AHEAD_BYTES = 4 * 1024 * 1024;

/** What a replay can begin with: a recorded full snapshot or a keyframe. */
export interface Beginning {
  ts: number;
  /** Position of the first segment that is needed; behind the last one when the keyframe is all there is. */
  position: number;
  keyframe?: Keyframe;
}

/** Positions of a window's segments, both inclusive; none when `to` is less than `from`. */
export interface Positions {
  from: number;
  to: number;
}

/** Full snapshots and keyframes of a window in the order of time. */
export function beginningsOf(window: RecordedWindow): Beginning[] {
  const recorded = window.segments.flatMap((segment, position) =>
    segment.fullSnapshots.map((ts) => ({ ts, position }))
  );
  return [...recorded, ...usableKeyframes(window)].sort((a, b) => a.ts - b.ts);
}

/**
 * Keyframes with everything before them behind them. Segments may overlap in time: an event that is older than a
 * keyframe and comes in a later segment would be lost.
 */
function usableKeyframes({ segments, keyframes }: RecordedWindow): Beginning[] {
  const ends = runningMax(segments.map(({ end }) => end));
  const starts = runningMax(segments.map(({ start }) => -start).reverse()).reverse();
  return keyframes.flatMap((keyframe) => {
    const { ts, afterSeq } = keyframe;
    const after = segments.findIndex(({ seq }) => seq > afterSeq);
    const position = after < 0 ? segments.length : after;
    const clean = (ends[position - 1] ?? ts) <= ts + SAME_MS && -(starts[position] ?? -Infinity) >= ts - SAME_MS;
    return clean ? [{ ts, position, keyframe }] : [];
  });
}

/** The manifest's times are whole, those of events need not be. */
const SAME_MS = 1;

function runningMax(values: number[]): number[] {
  let most = -Infinity;
  return values.map((value) => (most = Math.max(most, value)));
}

/**
 * Where a replay of the instant begins: the newest full snapshot or keyframe at or before it, whichever of the two
 * takes fewer bytes, else the first one, because rrweb can show nothing before. undefined when there is none.
 */
export function beginningFor(window: RecordedWindow, beginnings: Beginning[], ts: number): Beginning | undefined {
  const before = beginnings.filter((beginning) => beginning.ts <= ts);
  const recorded = before.filter(({ keyframe }) => !keyframe).at(-1);
  const made = before.filter(({ keyframe }) => keyframe).at(-1);
  if (!recorded || !made || recorded.ts >= made.ts) {
    return before.at(-1) ?? beginnings[0];
  }
  const saved = sumBytes(window.segments.slice(recorded.position, made.position));
  return saved > (made.keyframe?.bytes ?? 0) ? made : recorded;
}

/** What must be there to show the instant, and a few seconds to play on. */
export function openingPositions(window: RecordedWindow, beginning: Beginning, ts: number): Positions {
  const { segments } = window;
  const { position, keyframe } = beginning;
  const needed = lastStartingBy(segments, Math.max(ts, beginning.ts), keyframe ? position - 1 : position);
  return { from: position, to: extend(segments, needed, ts + OPENING_LEAD_MS, OPENING_LEAD_BYTES) };
}

/** What to load next while the playhead is at ts, or undefined when there is enough or nothing more. */
export function aheadPositions(
  window: RecordedWindow,
  loadedTo: number,
  ts: number,
  speed: number
): Positions | undefined {
  const { segments } = window;
  const from = loadedTo + 1;
  const horizon = ts + AHEAD_MS * speed;
  if (from >= segments.length || segments[from].start > horizon) {
    return undefined;
  }
  const ahead = sumBytes(segments.filter((segment, position) => position <= loadedTo && segment.start > ts));
  if (ahead >= AHEAD_BYTES) {
    return undefined;
  }
  return { from, to: extend(segments, from, horizon, AHEAD_BYTES - ahead - segments[from].bytes) };
}

/** Up to which instant everything is loaded: the start of the first segment that is not, or Infinity. */
export function loadedUntil(window: RecordedWindow, loadedTo: number): number {
  let until = Infinity;
  for (let position = loadedTo + 1; position < window.segments.length; position++) {
    until = Math.min(until, window.segments[position].start);
  }
  return until;
}

/** Segments may overlap in time: the last one that has events at or before ts, not the first that has later ones. */
function lastStartingBy(segments: SegmentInfo[], ts: number, atLeast: number): number {
  let last = atLeast;
  for (let position = atLeast + 1; position < segments.length; position++) {
    if (segments[position].start <= ts) {
      last = position;
    }
  }
  return last;
}

function extend(segments: SegmentInfo[], to: number, untilTs: number, bytes: number): number {
  let left = bytes;
  let last = to;
  while (last + 1 < segments.length && segments[last + 1].start <= untilTs && segments[last + 1].bytes <= left) {
    last++;
    left -= segments[last].bytes;
  }
  return last;
}

function sumBytes(segments: SegmentInfo[]): number {
  return segments.reduce((sum, segment) => sum + segment.bytes, 0);
}
