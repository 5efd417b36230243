import type { Session } from '../../shared/session';

/** What the playback API answers with (docs/format/playback.md). All times are ms since the epoch, server time. */
export interface Manifest {
  session: Session;
  windows: RecordedWindow[];
  /** In the order of their time. */
  moments: Moment[];
}

/** One browser tab of the session. */
export interface RecordedWindow {
  windowId: string;
  start: number;
  end: number;
  /** Added to the timestamps of the window's raw events to get server time. */
  clockOffsetMs: number;
  /** In the order of `seq`. */
  segments: SegmentInfo[];
  gaps: Gap[];
  /** In the order of `afterSeq`. */
  keyframes: Keyframe[];
}

/** A full snapshot that the server made: who applies it needs no segment up to and including `afterSeq`. */
export interface Keyframe {
  afterSeq: number;
  /** When the page looked like this. */
  ts: number;
  /** Uncompressed. */
  bytes: number;
}

export interface SegmentInfo {
  seq: number;
  pageId: string;
  start: number;
  end: number;
  events: number;
  /** Uncompressed. */
  bytes: number;
  /** Timestamps of the full snapshots in the segment. */
  fullSnapshots: number[];
}

/** A stretch of a window that is known to be missing. */
export interface Gap {
  start: number;
  end: number;
  cause: string;
}

/** One thing that happened at an instant (docs/format/events.md). */
export interface Moment {
  ts: number;
  windowId: string;
  pageId: string;
  kind: string;
  name: string;
  text: string;
  selector: string;
  url: string;
  traceId: string;
  spanId: string;
  durationMs: number;
  /** HTTP status of a request, 0 where there is none. */
  status: number;
  attributes: Record<string, string>;
}

/** A segment or keyframe as it came over the wire: its event lines are not parsed yet. */
export interface LoadedSegment {
  type: 'segment' | 'keyframe';
  windowId: string;
  pageId: string;
  /** A keyframe has that of the last segment in it. */
  seq: number;
  clockOffsetMs: number;
  lines: string[];
}

/** Stands in the place of a segment or keyframe that the server could not read. */
export interface GapLine {
  type: 'gap';
  of: LoadedSegment['type'];
  windowId: string;
  seq: number;
  cause: string;
}

export interface SegmentRange {
  windowId: string;
  fromSeq: number;
  /** Inclusive; less than `fromSeq` for a keyframe alone. */
  toSeq: number;
  /** The keyframe to begin with, by its `afterSeq`; `fromSeq` is then the first segment after it. */
  keyframe?: number;
}

/** A line of the session told in words. */
export interface TranscriptLine {
  ts: number;
  level: 'error' | 'warning' | 'info';
  text: string;
  /** Of the moment that the line begins with. */
  kind: string;
  url: string;
  traceId: string;
  spanId: string;
}

/**
 * Where the player reads from. Its methods reject with a PlaybackError when the server refuses or its answer cannot
 * be understood, and with the signal's reason when they are aborted.
 */
export interface RecordingSource {
  manifest(sessionId: string, signal: AbortSignal): Promise<Manifest>;
  /** The keyframe, then the segments of the range in the order of `seq`, each as soon as it has arrived. */
  segments(sessionId: string, range: SegmentRange, signal: AbortSignal): AsyncIterable<LoadedSegment | GapLine>;
  /** The session in words, in the order of time. */
  transcript(sessionId: string, signal: AbortSignal): Promise<TranscriptLine[]>;
}

/**
 * Why something cannot be played. `status` is the HTTP status of a refusal; 0 when there was no answer or it was cut,
 * which may pass; UNPLAYABLE when what was recorded is the reason, which does not.
 */
export class PlaybackError extends Error {
  constructor(
    message: string,
    readonly status: number
  ) {
    super(message);
    this.name = 'PlaybackError';
  }
}

export const UNPLAYABLE = -1;
