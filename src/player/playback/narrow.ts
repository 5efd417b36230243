import { isRecord, readNumber, readString, readStringMap, type UnknownRecord } from '../../shared/narrowing';
import { narrowSession } from '../../shared/session';

import type {
  Gap,
  GapLine,
  Keyframe,
  LoadedSegment,
  Manifest,
  Moment,
  RecordedWindow,
  SegmentInfo,
  TranscriptLine,
} from './api';

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
    return narrowHead('segment', value.segment, value.segment.seq);
  }
  if (isRecord(value.keyframe)) {
    return narrowHead('keyframe', value.keyframe, value.keyframe.after_seq);
  }
  return isRecord(value.gap) ? narrowGapLine(value.gap) : undefined;
}

function narrowHead(type: LoadedSegment['type'], head: UnknownRecord, seq: unknown) {
  if (!isCount(seq) || !isCount(head.events)) {
    return undefined;
  }
  return {
    head: {
      type,
      windowId: readString(head, 'window_id'),
      pageId: readString(head, 'page_id'),
      seq,
      clockOffsetMs: readNumber(head, 'clock_offset_ms'),
    },
    events: head.events,
  };
}

function narrowGapLine(gap: UnknownRecord): GapLine | undefined {
  const ofKeyframe = isCount(gap.after_seq);
  const seq = ofKeyframe ? gap.after_seq : gap.seq;
  if (!isCount(seq)) {
    return undefined;
  }
  return {
    type: 'gap',
    of: ofKeyframe ? 'keyframe' : 'segment',
    windowId: readString(gap, 'window_id'),
    seq,
    cause: readString(gap, 'cause'),
  };
}

/** A line of the transcript's answer; undefined when it is none. */
export function narrowTranscriptLine(line: string): TranscriptLine | undefined {
  const value = parse(line);
  if (!isRecord(value) || readString(value, 'text') === '') {
    return undefined;
  }
  const level = readString(value, 'level');
  return {
    ts: readNumber(value, 'ts'),
    level: level === 'error' || level === 'warning' ? level : 'info',
    text: readString(value, 'text'),
    kind: readString(value, 'kind'),
    url: readString(value, 'url'),
    traceId: readString(value, 'trace_id'),
    spanId: readString(value, 'span_id'),
  };
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
    keyframes: readList(value, 'keyframes', narrowKeyframe).sort((a, b) => a.afterSeq - b.afterSeq),
  };
}

function narrowKeyframe(value: UnknownRecord): Keyframe | undefined {
  if (!isCount(value.after_seq)) {
    return undefined;
  }
  return { afterSeq: value.after_seq, ts: readNumber(value, 'ts'), bytes: readNumber(value, 'bytes') };
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
