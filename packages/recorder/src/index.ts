import { createApi } from './api';

export type { Options, PrivacyMode } from './options';
export type { User } from './wire';

const api = createApi();

/** Starts recording this page. Does nothing while a recorder runs. Wrong options are reported to the console. */
export const start = api.start;
/** Ends recording and takes out everything that was patched in; what was recorded is still sent. */
export const stop = api.stop;
/** Says who the user is: from now on for this page. */
export const identify = api.identify;
/** Records something that happened in the application. */
export const track = api.track;
/** The id of the current session, `session.id` in traces and logs; undefined when no recorder runs. */
export const sessionId = api.sessionId;
