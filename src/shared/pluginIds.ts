/** Ids of the three plugins, as their plugin.json files spell them. */
export const APP_ID = 'playhead-replay-app';
export const DATASOURCE_ID = 'playhead-replay-datasource';
