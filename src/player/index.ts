export { type Manifest, PlaybackError, type RecordingSource } from './playback/api';
export { createHttpSource } from './playback/httpSource';
export { Player } from './Player';
export type { LogLevel, LogLine, LogQuery, Span, Telemetry } from './telemetry/api';
