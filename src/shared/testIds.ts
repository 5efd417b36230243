/** Containers that have no role or label of their own. Everything else is found by role and name. */
export const testIds = {
  replayPanel: 'playhead-replay-panel',
} as const;
