import type { TranscriptLine } from '../playback/api';
import type { SessionTrace } from '../telemetry/sessionTraces';
import type { ChosenTrace } from '../telemetry/TracesPane';

/** A click's line tells of the requests that followed from it: `POST /api/orders 500 in 312 ms (trace 4bf9…)`. */
const TOLD = /\(trace ([0-9a-f]{4,32})…?\)/;

/** The trace of the moment that the line begins with, else the first that it tells of. */
export function traceOf(line: TranscriptLine, traces: SessionTrace[]): ChosenTrace | undefined {
  if (line.traceId) {
    return line;
  }
  const digits = TOLD.exec(line.text)?.[1];
  const told = digits && traces.find(({ ts, traceId }) => ts >= line.ts && traceId.startsWith(digits));
  return told ? { traceId: told.traceId, spanId: '' } : undefined;
}
