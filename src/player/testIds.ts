/** Containers of the player that a test must find and that have no role or label of their own. */
export const testIds = {
  /** Carries data-status and data-timestamp (ms since the epoch: the instant that is shown). */
  player: 'playhead-player',
  /** The sealed frame; the recorded page is in the one frame inside it. */
  frame: 'playhead-player-frame',
  momentList: 'playhead-player-moments',
  transcript: 'playhead-player-transcript',
  spans: 'playhead-player-spans',
  logs: 'playhead-player-logs',
} as const;
