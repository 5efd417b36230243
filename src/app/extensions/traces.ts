import { type Attributes, readSessionId } from './attributes';

interface Tag {
  key: string;
  value: unknown;
}

interface Span {
  spanID: string;
  /** µs since the epoch. */
  startTime: number;
  tags?: Tag[];
  process?: { tags?: Tag[] };
}

/** What Grafana hands to extensions in the header of a trace; empty while the trace loads. */
export interface Trace {
  traceID?: string;
  /** µs since the epoch. */
  startTime?: number;
  spans?: Span[];
}

const MICROSECONDS_PER_MS = 1000;

/** The session that a trace belongs to: the first that one of its spans names. */
export function sessionOfTrace(trace: Trace): string | undefined {
  for (const span of trace.spans ?? []) {
    const session = readSessionId(attributesOf(span.tags), attributesOf(span.process?.tags));
    if (session) {
      return session.id;
    }
  }
  return undefined;
}

/** When the trace began, ms since the epoch. */
export function startOfTrace(trace: Trace): number | undefined {
  return trace.startTime ? trace.startTime / MICROSECONDS_PER_MS : undefined;
}

/** A span and its trace, as far as they are known. */
export interface SpanPlace {
  traceId?: string;
  /** ms since the epoch. */
  at?: number;
}

// Explore shows two at most, a dashboard a few.
const MOST_TRACES = 8;

/**
 * The traces on the screen. Before Grafana 13 the link on a span's attribute is not told which span it is on; its
 * attributes tell, among the spans of the traces whose headers were drawn.
 */
export class ShownTraces {
  private readonly traces = new Map<string, Trace>();

  remember(trace: Trace) {
    if (!trace.traceID) {
      return;
    }
    this.traces.delete(trace.traceID);
    this.traces.set(trace.traceID, trace);
    const [oldest] = this.traces.keys();
    if (this.traces.size > MOST_TRACES && oldest !== undefined) {
      this.traces.delete(oldest);
    }
  }

  /** The one span with exactly these attributes; of several alike, their trace when it is one. */
  placeOf(attributes: Attributes): SpanPlace {
    const wanted = fingerprint(attributes);
    const found = [...this.traces.values()].flatMap((trace) =>
      (trace.spans ?? [])
        .filter((span) => fingerprint(attributesOf(span.tags)) === wanted)
        .map((span) => ({ trace, span }))
    );
    if (new Set(found.map(({ trace }) => trace.traceID)).size !== 1) {
      return {};
    }
    const [{ trace, span }] = found;
    return {
      traceId: trace.traceID,
      at: found.length === 1 ? span.startTime / MICROSECONDS_PER_MS : startOfTrace(trace),
    };
  }
}

function attributesOf(tags: readonly Tag[] = []): Attributes {
  const attributes: Record<string, string[]> = {};
  for (const { key, value } of tags) {
    (attributes[key] ??= []).push(String(value));
  }
  return attributes;
}

function fingerprint(attributes: Attributes): string {
  return JSON.stringify(
    Object.keys(attributes)
      .sort()
      .map((key) => [key, ...attributes[key].map(String)])
  );
}
