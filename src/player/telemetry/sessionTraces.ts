import { describeMoment, isFailedRequest, outcomeOf } from '../moments/describe';
import type { Moment } from '../playback/api';

/** A trace that the session is part of, as the recorder saw it. */
export interface SessionTrace {
  traceId: string;
  /** When the first of its requests began. */
  ts: number;
  /** What the first request was, in words. */
  title: string;
  outcome: string;
  durationMs: number;
  failed: boolean;
  /** How many of the session's requests are in it. */
  requests: number;
}

/** The traces that the session's moments name, in the order of their first moment. */
export function tracesOf(moments: Moment[]): SessionTrace[] {
  const traces = new Map<string, SessionTrace>();
  // A signal names the trace that proves it, which a request has named already.
  for (const moment of moments.filter(({ traceId, kind }) => traceId !== '' && kind !== 'signal')) {
    const failed = isFailedRequest(moment);
    const known = traces.get(moment.traceId);
    if (known) {
      known.requests++;
      known.failed ||= failed;
    } else {
      traces.set(moment.traceId, {
        traceId: moment.traceId,
        ts: moment.ts,
        title: describeMoment(moment),
        outcome: outcomeOf(moment),
        durationMs: moment.durationMs,
        failed,
        requests: 1,
      });
    }
  }
  return [...traces.values()];
}
