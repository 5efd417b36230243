export { createHttpSource } from './playback/httpSource';
export {
  type Gap,
  type GapLine,
  type LoadedSegment,
  type Manifest,
  type Moment,
  PlaybackError,
  type RecordedWindow,
  type RecordingSource,
  type SegmentInfo,
  type SegmentRange,
} from './playback/api';
export { Player, type PlayerProps } from './Player';
