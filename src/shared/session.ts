import { isRecord, readNumber, readNumberMap, readString, readStringMap, readStrings } from './narrowing';

/** One session as the playback API describes it (docs/format/playback.md). Times are ms since the epoch. */
export interface Session {
  sessionId: string;
  previousId: string;
  start: number;
  end: number;
  durationMs: number;
  userId: string;
  userAttributes: Record<string, string>;
  urls: string[];
  firstUrl: string;
  pages: number;
  windows: number;
  events: number;
  clicks: number;
  requests: number;
  failedRequests: number;
  errors: number;
  /** How many of each name. */
  signals: Record<string, number>;
  bytes: number;
  release: string;
  environment: string;
  userAgent: string;
  /** ISO 3166, two capital letters; '' when unknown. */
  country: string;
  class: string;
}

/** Reads a session of the playback API; undefined when it has no id. */
export function narrowSession(value: unknown): Session | undefined {
  if (!isRecord(value) || readString(value, 'session_id') === '') {
    return undefined;
  }
  return {
    sessionId: readString(value, 'session_id'),
    previousId: readString(value, 'previous_id'),
    start: readNumber(value, 'start'),
    end: readNumber(value, 'end'),
    durationMs: readNumber(value, 'duration_ms'),
    userId: readString(value, 'user_id'),
    userAttributes: readStringMap(value, 'user_attributes'),
    urls: readStrings(value, 'urls'),
    firstUrl: readString(value, 'first_url'),
    pages: readNumber(value, 'pages'),
    windows: readNumber(value, 'windows'),
    events: readNumber(value, 'events'),
    clicks: readNumber(value, 'clicks'),
    requests: readNumber(value, 'requests'),
    failedRequests: readNumber(value, 'failed_requests'),
    errors: readNumber(value, 'errors'),
    signals: readNumberMap(value, 'signals'),
    bytes: readNumber(value, 'bytes'),
    release: readString(value, 'release'),
    environment: readString(value, 'environment'),
    userAgent: readString(value, 'user_agent'),
    country: readString(value, 'country'),
    class: readString(value, 'class'),
  };
}
