import type { RecordedWindow } from '../playback/api';
import type { EventPreparer } from '../replayer/events';
import type { Replay } from '../replayer/Replay';
import { loadedUntil } from './positions';

/** What is loaded and shown: consecutive segments of one window, from a full snapshot on. */
export interface Span {
  window: RecordedWindow;
  replay: Replay;
  /** Carries on where the last loaded segment ended. */
  preparer: EventPreparer;
  /** Position of the last loaded segment. */
  loadedTo: number;
  loadedBytes: number;
  /** Sorted times of activity: the session's moments, and what the loaded events show. */
  activity: number[];
}

/** Up to which instant the span can be shown. */
export function knownUntil(span: Span): number {
  return loadedUntil(span.window, span.loadedTo);
}

export function canShow(span: Span, ts: number): boolean {
  return ts >= span.replay.start && ts < knownUntil(span);
}
