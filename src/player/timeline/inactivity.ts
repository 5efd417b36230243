import type { Moment } from '../playback/api';

/** A stretch without activity at least this long is jumped over. */
const INACTIVE_MS = 5_000;
/** Shown after the last activity: what the page answers (a message that comes and goes) matters. */
const KEEP_AFTER_MS = 3_000;
/** Shown before the next activity. */
const KEEP_BEFORE_MS = 1_000;

/** Moments that are something happening, as opposed to what the page or the recorder says about itself. */
const QUIET_KINDS = ['visibility', 'state', 'identify', 'vital', 'long_frame', 'custom', 'gap'];

export function isActiveMoment(moment: Moment): boolean {
  return !QUIET_KINDS.includes(moment.kind) && !(moment.kind === 'console' && moment.name !== 'error');
}

/**
 * Where to jump from ts, or undefined when something happens around it. `activity` is sorted; `knownUntil` is the
 * instant from which on nothing is known yet, which counts as activity; `end` is where playing ends.
 */
export function skipTarget(activity: number[], ts: number, knownUntil: number, end: number): number | undefined {
  const next = firstAfter(activity, ts);
  const previous = next > 0 ? activity[next - 1] : -Infinity;
  const upcoming = Math.min(activity[next] ?? end, knownUntil, end);
  const quietFrom = Math.max(previous, ts - KEEP_AFTER_MS);
  if (upcoming - quietFrom < INACTIVE_MS || ts < quietFrom + KEEP_AFTER_MS) {
    return undefined;
  }
  const target = upcoming === end ? end : upcoming - KEEP_BEFORE_MS;
  return target > ts ? target : undefined;
}

/** Position of the first number greater than value in a sorted list. */
export function firstAfter(sorted: number[], value: number): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sorted[middle] <= value) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return from;
}

/** Adds times to a sorted list; they mostly come in order. */
export function insertSorted(sorted: number[], values: number[]): void {
  for (const value of values) {
    if (sorted.length === 0 || sorted[sorted.length - 1] <= value) {
      sorted.push(value);
    } else {
      sorted.splice(firstAfter(sorted, value), 0, value);
    }
  }
}
