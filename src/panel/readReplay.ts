import type { DataFrame } from '@grafana/data';

import { REPLAY_FIELDS } from '../shared/frames';

export interface Replay {
  sessionId: string;
  datasourceUid: string;
  /** Where to begin, ms since the epoch; undefined is the start of the session. */
  at?: number;
}

/** What the panel's data holds. */
export type ReplayData =
  | { kind: 'replay'; replay: Replay }
  /** A replay was asked for, but there is no recording. */
  | { kind: 'not-found' }
  /** There is data, but from another query type or data source. */
  | { kind: 'other-data' }
  | { kind: 'no-data' };

export function readReplay(frames: DataFrame[]): ReplayData {
  const frame = frames.find(isReplayFrame);
  if (!frame) {
    return { kind: frames.some((other) => other.length > 0) ? 'other-data' : 'no-data' };
  }
  const sessionId: unknown = firstValue(frame, REPLAY_FIELDS.sessionId);
  const datasourceUid: unknown = firstValue(frame, REPLAY_FIELDS.datasourceUid);
  if (typeof sessionId !== 'string' || typeof datasourceUid !== 'string' || sessionId === '') {
    return { kind: 'not-found' };
  }
  const at: unknown = firstValue(frame, REPLAY_FIELDS.at);
  return { kind: 'replay', replay: { sessionId, datasourceUid, at: typeof at === 'number' ? at : undefined } };
}

// By fields, not by name: transformations keep the fields they do not touch and may drop the name.
function isReplayFrame(frame: DataFrame): boolean {
  const names = new Set(frame.fields.map((field) => field.name));
  return names.has(REPLAY_FIELDS.sessionId) && names.has(REPLAY_FIELDS.datasourceUid);
}

function firstValue(frame: DataFrame, name: string): unknown {
  return frame.fields.find((field) => field.name === name)?.values[0];
}
