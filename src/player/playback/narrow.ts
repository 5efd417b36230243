import { isRecord, readNumber, readString, readStringMap, type UnknownRecord } from '../../shared/narrowing';
import { narrowSession } from '../../shared/session';

import type { Gap, GapLine, LoadedSegment, Manifest, Moment, RecordedWindow, SegmentInfo } from './api';

/** Reads a manifest; undefined when it is not one. Parts that cannot be read are left out. */
export function narrowManifest(value: unknown): Manifest | undefined {
  if (!isRecord(value)) {
    return undefined;
  }
  const session = narrowSession(value.session);
  if (!session) {
    return undefined;
  }
  return {
    session,
    windows: readList(value, 'windows', narrowWindow),
    moments: readList(value, 'moments', narrowMoment).sort((a, b) => a.ts - b.ts),
  };
}

/** A line of the segments' answer that is not an event: what it starts, or undefined when it is neither. */
export function narrowHeadLine(
  line: string
): { head: Omit<LoadedSegment, 'lines'>; events: number } | GapLine | undefined {
  const value = parse(line);
  if (!isRecord(value)) {
    return undefined;
  }
  if (isRecord(value.segment)) {
    const { segment } = value;
    if (!isCount(segment.seq) || !isCount(segment.events)) {
      return undefined;
    }
    return {
      head: {
        type: 'segment',
        windowId: readString(segment, 'window_id'),
        pageId: readString(segment, 'page_id'),
        seq: segment.seq,
        clockOffsetMs: readNumber(segment, 'clock_offset_ms'),
      },
      events: segment.events,
    };
  }
  if (isRecord(value.gap) && isCount(value.gap.seq)) {
    const { gap } = value;
    return {
      type: 'gap',
      windowId: readString(gap, 'window_id'),
      seq: readNumber(gap, 'seq'),
      cause: readString(gap, 'cause'),
    };
  }
  return undefined;
}

/** `title: detail` of a problem+json body, or '' when the body is something else. */
export function narrowProblem(value: unknown): string {
  if (!isRecord(value)) {
    return '';
  }
  return [readString(value, 'title'), readString(value, 'detail')].filter((part) => part !== '').join(': ');
}

function narrowWindow(value: UnknownRecord): RecordedWindow | undefined {
  const windowId = readString(value, 'window_id');
  if (windowId === '') {
    return undefined;
  }
  return {
    windowId,
    start: readNumber(value, 'start'),
    end: readNumber(value, 'end'),
    clockOffsetMs: readNumber(value, 'clock_offset_ms'),
    segments: readList(value, 'segments', narrowSegment).sort((a, b) => a.seq - b.seq),
    gaps: readList(value, 'gaps', narrowGap),
  };
}

function narrowSegment(value: UnknownRecord): SegmentInfo | undefined {
  if (!isCount(value.seq)) {
    return undefined;
  }
  return {
    seq: value.seq,
    pageId: readString(value, 'page_id'),
    start: readNumber(value, 'start'),
    end: readNumber(value, 'end'),
    events: readNumber(value, 'events'),
    bytes: readNumber(value, 'bytes'),
    fullSnapshots: readNumbers(value, 'full_snapshots').sort((a, b) => a - b),
  };
}

function narrowGap(value: UnknownRecord): Gap {
  return { start: readNumber(value, 'start'), end: readNumber(value, 'end'), cause: readString(value, 'cause') };
}

function narrowMoment(value: UnknownRecord): Moment | undefined {
  const kind = readString(value, 'kind');
  if (kind === '') {
    return undefined;
  }
  return {
    ts: readNumber(value, 'ts'),
    windowId: readString(value, 'window_id'),
    pageId: readString(value, 'page_id'),
    kind,
    name: readString(value, 'name'),
    text: readString(value, 'text'),
    selector: readString(value, 'selector'),
    url: readString(value, 'url'),
    traceId: readString(value, 'trace_id'),
    spanId: readString(value, 'span_id'),
    durationMs: readNumber(value, 'duration_ms'),
    status: readNumber(value, 'status'),
    attributes: readStringMap(value, 'attributes'),
  };
}

function readList<T>(record: UnknownRecord, key: string, narrow: (value: UnknownRecord) => T | undefined): T[] {
  const value = record[key];
  if (!Array.isArray(value)) {
    return [];
  }
  return value.filter(isRecord).flatMap((item) => narrow(item) ?? []);
}

function readNumbers(record: UnknownRecord, key: string): number[] {
  const value = record[key];
  return Array.isArray(value)
    ? value.filter((item): item is number => typeof item === 'number' && Number.isFinite(item))
    : [];
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
