import { describeMoment, groupOf, type MomentGroup } from '../moments/describe';
import { severityOf } from '../moments/severity';
import type { Gap, Manifest, Moment } from '../playback/api';

/** Lanes of the timeline from top to bottom. */
export const LANES = [
  { id: 'activity', label: 'Activity' },
  { id: 'navigation', label: 'Pages' },
  { id: 'action', label: 'Actions' },
  { id: 'request', label: 'Requests' },
  { id: 'error', label: 'Errors' },
  { id: 'signal', label: 'Signals' },
] as const;

export type LaneId = (typeof LANES)[number]['id'];

/** Times to positions and back: a stretch of time on a number of CSS pixels. */
export interface Scale {
  start: number;
  end: number;
  width: number;
}

export interface Tick {
  x: number;
  /** Moments that fall on the same pixel are one tick. */
  moments: Moment[];
  /** One of them is an error, a failed request or a grave signal. */
  grave: boolean;
}

export function positionOf(ts: number, { start, end, width }: Scale): number {
  return end > start ? ((ts - start) / (end - start)) * width : 0;
}

export function timeAt(x: number, { start, end, width }: Scale): number {
  const share = width > 0 ? Math.min(1, Math.max(0, x / width)) : 0;
  return start + share * (end - start);
}

/** The ticks of a lane, at most one per pixel, however many moments there are. */
export function ticksOf(moments: Moment[], lane: LaneId, scale: Scale): Tick[] {
  const ticks = new Map<number, Tick>();
  for (const moment of moments) {
    if (laneOf(groupOf(moment)) !== lane) {
      continue;
    }
    const x = Math.round(positionOf(moment.ts, scale));
    const tick = ticks.get(x);
    if (tick) {
      tick.moments.push(moment);
      tick.grave ||= severityOf(moment) === 'error';
    } else {
      ticks.set(x, { x, moments: [moment], grave: severityOf(moment) === 'error' });
    }
  }
  return [...ticks.values()].sort((a, b) => a.x - b.x);
}

/** The tick nearest to x, no farther than `within`. */
export function nearestTick(ticks: Tick[], x: number, within: number): Tick | undefined {
  let nearest: Tick | undefined;
  for (const tick of ticks) {
    if (Math.abs(tick.x - x) <= within && (!nearest || Math.abs(tick.x - x) < Math.abs(nearest.x - x))) {
      nearest = tick;
    }
  }
  return nearest;
}

/** How busy each column of `columnWidth` pixels is: 0 to 1, from the number of events in the segments that cover it. */
export function activityOf({ windows }: Manifest, scale: Scale, columnWidth: number): number[] {
  const columns = new Array<number>(Math.max(1, Math.ceil(scale.width / columnWidth))).fill(0);
  for (const segment of windows.flatMap((window) => window.segments)) {
    const from = columnAt(segment.start, scale, columns.length);
    const to = columnAt(segment.end, scale, columns.length);
    for (let column = from; column <= to; column++) {
      columns[column] += segment.events / (to - from + 1);
    }
  }
  // The root keeps quiet stretches visible beside a burst.
  const most = Math.sqrt(Math.max(1, ...columns));
  return columns.map((events) => Math.sqrt(events) / most);
}

/** Stretches that are missing, of the shown window or of every window: those of others can be watched there. */
export function gapsOf({ windows }: Manifest, found: Record<string, Gap[]>, windowId: string): Gap[] {
  return windows
    .filter((window) => window.windowId === windowId)
    .flatMap((window) => [...window.gaps, ...(found[window.windowId] ?? [])])
    .sort((a, b) => a.start - b.start);
}

export function gapAt(gaps: Gap[], ts: number): Gap | undefined {
  return gaps.find((gap) => gap.start <= ts && ts <= gap.end);
}

/** What a tick says when it is pointed at. */
export function describeTick({ moments }: Tick): string {
  const first = describeMoment(moments[0]);
  return moments.length > 1 ? `${first} and ${moments.length - 1} more` : first;
}

const CAUSES: Record<string, string> = {
  not_received: 'a segment never arrived',
  dropped: 'the recorder had to drop a segment',
  expired: 'a segment is no longer kept',
  unreadable: 'a segment is damaged',
  unavailable: 'object storage did not answer',
};

export function describeGap({ cause }: Gap): string {
  return `Missing: ${CAUSES[cause] ?? (cause || 'unknown cause')}`;
}

function laneOf(group: MomentGroup): LaneId | undefined {
  return group === 'other' || group === 'text' ? undefined : group;
}

function columnAt(ts: number, scale: Scale, count: number): number {
  return Math.min(count - 1, Math.max(0, Math.floor((positionOf(ts, scale) / Math.max(1, scale.width)) * count)));
}
