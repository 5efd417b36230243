/** Names of the frames and fields that the data source answers with (docs/format/playback.md). */

export const REPLAY_FRAME = 'replay';

export const REPLAY_FIELDS = {
  sessionId: 'session_id',
  start: 'start',
  end: 'end',
  datasourceUid: 'datasource_uid',
  at: 'at',
} as const;
