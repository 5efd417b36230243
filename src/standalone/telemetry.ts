import type { LogLine, Span, Telemetry } from '../player';
import { isRecord, readNumber, readString, readStringMap, type UnknownRecord } from '../shared/narrowing';
import { apiUrl } from './route';

/** Reads traces and logs from this page's own server (docs/format/playback.md). */
export const telemetry: Telemetry = {
  traces: {
    name: 'otel_traces',
    async spans({ traceId, at }, signal) {
      const query = new URLSearchParams({ at: String(Math.round(at)) });
      const answer = await get(`traces/${encodeURIComponent(traceId)}?${query}`, signal);
      return listAt(answer, 'spans').map(narrowSpan);
    },
  },
  logs: {
    name: 'otel_logs',
    async lines({ sessionId, from, to, limit }, signal) {
      const query = new URLSearchParams({ from: whole(from), to: whole(to), limit: String(limit) });
      const answer = await get(`sessions/${encodeURIComponent(sessionId)}/logs?${query}`, signal);
      return listAt(answer, 'lines').map(narrowLine);
    },
  },
  setUp: { text: '' },
};

const whole = (ms: number) => String(Math.round(ms));

async function get(path: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(apiUrl(path), { signal, credentials: 'same-origin' });
  const answer: unknown = await response.json().catch(() => undefined);
  signal.throwIfAborted();
  if (response.status === 404) {
    throw new Error('This server keeps none. Set standalone.telemetry in playhead.yaml.');
  }
  if (!response.ok) {
    throw new Error((isRecord(answer) && readString(answer, 'detail')) || `The server answered ${response.status}`);
  }
  return answer;
}

function listAt(answer: unknown, key: string): UnknownRecord[] {
  const list = isRecord(answer) ? answer[key] : undefined;
  if (!Array.isArray(list)) {
    throw new Error('The answer of the server cannot be read');
  }
  return list.filter(isRecord);
}

function narrowSpan(value: UnknownRecord): Span {
  return {
    spanId: readString(value, 'span_id'),
    parentSpanId: readString(value, 'parent_span_id'),
    name: readString(value, 'name'),
    service: readString(value, 'service'),
    startMs: readNumber(value, 'start'),
    durationMs: readNumber(value, 'duration_ms'),
    failed: value.failed === true,
    message: readString(value, 'message'),
    attributes: readStringMap(value, 'attributes'),
  };
}

function narrowLine(value: UnknownRecord): LogLine {
  const level = readString(value, 'level');
  return {
    ts: readNumber(value, 'ts'),
    level: level === 'error' || level === 'warning' || level === 'debug' ? level : 'info',
    text: readString(value, 'text'),
    service: readString(value, 'service'),
    traceId: readString(value, 'trace_id'),
    spanId: readString(value, 'span_id'),
  };
}
