/** Sent in the header of each segment. A test compares both with package.json. */
export const RECORDER_VERSION = '0.1.0';
export const RRWEB_VERSION = '2.1.6';
