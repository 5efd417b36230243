import { randomHex } from '../ids';

export interface PropagationConfig {
  pageOrigin: () => string;
  traceOrigins: ReadonlySet<string>;
  /** Undefined when no session is to be named. */
  sessionId: () => string | undefined;
  /** Whether a request without `traceparent` gets one. */
  startsTraces: () => boolean;
}

/** Headers as a request has them so far; `append` joins values of one name with a comma, as HTTP does. */
export interface HeaderCarrier {
  get(name: string): string | null;
  append(name: string, value: string): void;
}

export interface TraceIds {
  traceId?: string;
  spanId?: string;
}

/** Whether a request to this URL may carry the session: same origin, or an origin that was listed; never a substring. */
export function propagatesTo(url: URL, config: PropagationConfig): boolean {
  return url.origin !== 'null' && (url.origin === config.pageOrigin() || config.traceOrigins.has(url.origin));
}

/**
 * Adds the session id, and a trace id where there is none. Whatever the page or its tracer set stays as it is.
 * Returns the ids that the request carries in the end.
 */
export function addHeaders(headers: HeaderCarrier, config: PropagationConfig): TraceIds {
  const sessionId = config.sessionId();
  if (sessionId) {
    if (!headers.get('x-session-id')) {
      headers.append('X-Session-ID', sessionId);
    }
    if (!/(^|,)\s*session\.id\s*=/.test(headers.get('baggage') ?? '')) {
      headers.append('baggage', 'session.id=' + sessionId);
    }
  }
  const existing = headers.get('traceparent');
  if (existing || !config.startsTraces()) {
    return parseTraceparent(existing);
  }
  const ids = { traceId: randomHex(16), spanId: randomHex(8) };
  // Flag 01, sampled: a back end that follows its caller then keeps the trace that the replay will link to.
  headers.append('traceparent', `00-${ids.traceId}-${ids.spanId}-01`);
  return ids;
}

/** The ids of a `traceparent`, none when there is no valid one. */
export function parseTraceparent(value: string | null): TraceIds {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(value ?? '');
  return match ? { traceId: match[1], spanId: match[2] } : {};
}
