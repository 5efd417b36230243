/** Attributes of a span, a resource or a log line, as Grafana hands them to extensions. */
export type Attributes = Readonly<Record<string, readonly string[]>>;

/** An attribute whose value is an id. */
export interface IdAttribute {
  key: string;
  id: string;
}

// session.id is OpenTelemetry's name; Loki spells it with an underscore; a header that the instrumentation captured
// has the third name, and a list as its value.
const sessionKeys = [
  'session.id',
  'session_id',
  'http.request.header.x-session-id',
  'http_request_header_x_session_id',
];
const traceKeys = ['trace_id', 'traceID', 'traceId', 'trace.id'];

// What the server takes as an id (docs/format/wire-v1.md); everything else in such an attribute is somebody else's.
const sessionPattern = /^[0-9A-Za-z_-]{8,64}$/;
const tracePattern = /^[0-9a-f]{32}$/i;

/** The session that these attributes name. */
export function readSessionId(...sources: Array<Attributes | undefined>): IdAttribute | undefined {
  return readId(sessionKeys, sessionPattern, sources);
}

/** The trace that these attributes name. */
export function readTraceId(...sources: Array<Attributes | undefined>): IdAttribute | undefined {
  return readId(traceKeys, tracePattern, sources);
}

function readId(
  keys: readonly string[],
  pattern: RegExp,
  sources: Array<Attributes | undefined>
): IdAttribute | undefined {
  for (const attributes of sources) {
    for (const key of keys) {
      const id = bare(attributes?.[key]?.[0]);
      if (pattern.test(id)) {
        return { key, id };
      }
    }
  }
  return undefined;
}

/** A captured header is a list of one: `["0199…"]`. */
function bare(value: unknown): string {
  return typeof value === 'string' ? value.replace(/^\["?|"?\]$/g, '') : Array.isArray(value) ? bare(value[0]) : '';
}

const NANOSECONDS_PER_MS = 1_000_000;

/** When a log line was seen, ms since the epoch: what Loki keeps of an OpenTelemetry record. */
export function readInstant(attributes: Attributes | undefined): number | undefined {
  const nanoseconds = Number(attributes?.observed_timestamp?.[0]);
  return nanoseconds > 0 ? nanoseconds / NANOSECONDS_PER_MS : undefined;
}
