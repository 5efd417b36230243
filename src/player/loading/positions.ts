import type { RecordedWindow, SegmentInfo } from '../playback/api';

/** Which segments to load. Nothing here loads anything: a window's segments in, positions in that list out. */

/** Loaded beyond the target with the first request, so that play can begin at once. */
const OPENING_LEAD_MS = 5_000;
/** … but no more than this, whatever these seconds weigh. */
const OPENING_LEAD_BYTES = 1024 * 1024;
/** Prefetched ahead of the playhead, in ms of watching: multiplied by the speed. */
const AHEAD_MS = 30_000;
const AHEAD_BYTES = 4 * 1024 * 1024;

export interface FullSnapshot {
  ts: number;
  /** Position of its segment in the window's list. */
  position: number;
}

/** Positions of a window's segments, both inclusive. */
export interface Positions {
  from: number;
  to: number;
}

/** Full snapshots of a window in the order of time. */
export function fullSnapshots(window: RecordedWindow): FullSnapshot[] {
  return window.segments
    .flatMap((segment, position) => segment.fullSnapshots.map((ts) => ({ ts, position })))
    .sort((a, b) => a.ts - b.ts);
}

/**
 * Where a replay of the instant begins: the newest full snapshot at or before it, else the first one, because rrweb
 * can show nothing before. undefined when there is none.
 */
export function startingSnapshot(snapshots: FullSnapshot[], ts: number): FullSnapshot | undefined {
  let newest = snapshots[0];
  for (const snapshot of snapshots) {
    if (snapshot.ts <= ts) {
      newest = snapshot;
    }
  }
  return newest;
}

/** What must be there to show the instant, and a few seconds to play on. */
export function openingPositions(window: RecordedWindow, snapshot: FullSnapshot, ts: number): Positions {
  const { segments } = window;
  const needed = lastStartingBy(segments, Math.max(ts, snapshot.ts), snapshot.position);
  return { from: snapshot.position, to: extend(segments, needed, ts + OPENING_LEAD_MS, OPENING_LEAD_BYTES) };
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
  for (let position = atLeast; position < segments.length; position++) {
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
