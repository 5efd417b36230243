import type { DataFrame } from '@grafana/data';

import type { Span } from '../player';
import { isRecord, readString, type UnknownRecord } from '../shared/narrowing';
import { rowsOf } from './rows';

/** OpenTelemetry's status of a span that failed. */
const ERROR = 2;

/** The spans of Grafana's trace frames, whichever data source made them. */
export function readTraceFrames(frames: DataFrame[]): Span[] {
  const frame = frames.find(({ fields }) =>
    ['spanID', 'startTime'].every((name) => fields.some((f) => f.name === name))
  );
  return frame ? rowsOf(frame).map(readSpan) : [];
}

function readSpan(row: UnknownRecord): Span {
  const attributes = readTags(row.tags);
  return {
    spanId: readString(row, 'spanID'),
    parentSpanId: readString(row, 'parentSpanID'),
    name: readString(row, 'operationName'),
    service: readString(row, 'serviceName'),
    startMs: Number(row.startTime) || 0,
    durationMs: Number(row.duration) || 0,
    failed: row.statusCode === ERROR || attributes.error === 'true',
    message: readString(row, 'statusMessage'),
    attributes,
  };
}

/** A list of keys and values, or an object, as it is or as JSON. */
function readTags(tags: unknown): Record<string, string> {
  const value = typeof tags === 'string' ? parse(tags) : tags;
  const pairs: Array<[string, unknown]> = Array.isArray(value)
    ? value.filter(isRecord).map((tag) => [readString(tag, 'key'), tag.value])
    : Object.entries(isRecord(value) ? value : {});
  return Object.fromEntries(
    pairs.map(([name, each]) => [name, typeof each === 'string' ? each : JSON.stringify(each)])
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
