/** What a backend of OpenTelemetry knows about a session. All times are ms since the epoch, with fractions. */

export interface Span {
  spanId: string;
  /** '' for the root of its trace. */
  parentSpanId: string;
  name: string;
  service: string;
  startMs: number;
  durationMs: number;
  failed: boolean;
  /** Why it failed, in the words of the span's status. */
  message: string;
  attributes: Record<string, string>;
}

export type LogLevel = 'error' | 'warning' | 'info' | 'debug';

export interface LogLine {
  ts: number;
  level: LogLevel;
  text: string;
  service: string;
  traceId: string;
  spanId: string;
}

export interface TraceQuery {
  sessionId: string;
  traceId: string;
  /** An instant at which the trace was running. */
  at: number;
}

export interface LogQuery {
  sessionId: string;
  /** Inclusive. */
  from: number;
  /** Exclusive. */
  to: number;
  limit: number;
}

/** Reads traces. It rejects with an Error whose message can be shown, and with the signal's reason when aborted. */
export interface TraceSource {
  /** Where they are read from, for people. */
  name: string;
  /** The trace's spans in any order; none when the backend does not know the trace. */
  spans(query: TraceQuery, signal: AbortSignal): Promise<Span[]>;
  /** Where the trace can be looked at further. */
  exploreHref?(query: TraceQuery, spanId: string): string;
}

/** Reads log lines; the promises of TraceSource hold here too. */
export interface LogSource {
  name: string;
  /** At most `limit` lines of the session in that time, in any order. */
  lines(query: LogQuery, signal: AbortSignal): Promise<LogLine[]>;
  exploreHref?(query: LogQuery): string;
}

/** What the player's panes read beside the recording. */
export interface Telemetry {
  traces?: TraceSource;
  logs?: LogSource;
  /** What to do where one of them is missing. */
  setUp: { text: string; href?: string };
}
