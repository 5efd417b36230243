import { type DataFrame, FieldType } from '@grafana/data';

import type { LogLevel, LogLine } from '../player';
import { isRecord, readString, type UnknownRecord } from '../shared/narrowing';
import { rowsOf } from './rows';

/** The lines of Grafana's log frames: Loki's, old and new, and tables of ClickHouse. */
export function readLogFrames(frames: DataFrame[]): LogLine[] {
  return frames.flatMap((frame) => {
    const time = nameOf(frame, ['timestamp', 'Time', 'time', 'ts'], FieldType.time);
    const body = nameOf(frame, ['body', 'Line', 'line', 'Body'], FieldType.string);
    return time && body ? rowsOf(frame).map((row) => readLine(row, time, body)) : [];
  });
}

function readLine(row: UnknownRecord, time: string, body: string): LogLine {
  // Loki has everything but time and text in labels; ClickHouse has much of it in fields of its own.
  const labels = isRecord(row.labels) ? row.labels : {};
  const first = (...names: string[]) =>
    names.map((name) => readString(row, name) || readString(labels, name)).find(Boolean) ?? '';
  return {
    ts: instantOf(row, time),
    level: levelOf(first('detected_level', 'level', 'severity', 'severity_text') || readString(row, 'severity')),
    text: readString(row, body),
    service: first('service_name', 'app', 'job'),
    traceId: first('trace_id', 'traceId', 'traceID'),
    spanId: first('span_id', 'spanId', 'spanID'),
  };
}

/** Loki tells the nanoseconds beside the time, whose milliseconds are cut. */
function instantOf(row: UnknownRecord, time: string): number {
  const nanos = readString(row, 'tsNs');
  return /^\d+$/.test(nanos) ? Number(nanos.slice(0, -6)) + Number(nanos.slice(-6)) / 1e6 : Number(row[time]) || 0;
}

function nameOf({ fields }: DataFrame, names: string[], type: FieldType): string | undefined {
  const named = names.find((name) => fields.some((field) => field.name === name));
  return named ?? fields.find((field) => field.type === type)?.name;
}

function levelOf(text: string): LogLevel {
  if (/^(err|fatal|crit|emerg|alert|panic)/i.test(text)) {
    return 'error';
  }
  if (/^warn/i.test(text)) {
    return 'warning';
  }
  return /^(debug|trace)/i.test(text) ? 'debug' : 'info';
}
