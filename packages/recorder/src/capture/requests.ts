import { type CustomPayloads } from '../custom-events';
import { cut, utf8 } from '../text';
import { scrubUrl } from '../url';
import { type TraceIds } from './propagation';

export type RequestPayload = CustomPayloads['request'];

/** Measuring a text means encoding it; longer ones are left unmeasured. */
const MEASURED_CHARS = 1024 * 1024;

export interface StartedRequest extends TraceIds {
  method: string;
  url: URL;
  startedAt: number;
  bodyBytes: number | undefined;
  initiator: RequestPayload['initiator'];
}

export interface RequestEnd {
  status?: number;
  error?: RequestPayload['error.type'];
  responseBytes?: number;
}

export function requestPayload(request: StartedRequest, end: RequestEnd, endedAt: number): RequestPayload {
  return {
    'http.request.method': cut(request.method),
    'url.full': cut(scrubUrl(request.url.href)),
    'http.response.status_code': end.status,
    duration_ms: Math.max(0, Math.round(endedAt - request.startedAt)),
    'http.request.body.size': request.bodyBytes,
    'http.response.body.size': end.responseBytes,
    trace_id: request.traceId,
    span_id: request.spanId,
    initiator: request.initiator,
    'error.type': end.error,
  };
}

/** Bytes of a request body where they can be known without reading it. */
export function bodyBytes(body: unknown): number | undefined {
  if (typeof body === 'string') {
    return body.length <= MEASURED_CHARS ? utf8(body).length : undefined;
  }
  if (body instanceof Blob) {
    return body.size;
  }
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) {
    return body.byteLength;
  }
  return body instanceof URLSearchParams ? utf8(body.toString()).length : undefined;
}

/** `Content-Length`, where the server sent one and CORS lets it be seen. */
export function parseLength(value: string | null | undefined): number | undefined {
  return value && /^\d+$/.test(value) ? Number(value) : undefined;
}
