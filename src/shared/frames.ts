/** Names of the fields of the `replay` frame (docs/format/playback.md). */
export const REPLAY_FIELDS = {
  sessionId: 'session_id',
  datasourceUid: 'datasource_uid',
  at: 'at',
} as const;
