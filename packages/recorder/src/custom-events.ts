/** The recorder's own events; payloads as in docs/format/events.md. */
export interface CustomPayloads {
  request: {
    'http.request.method': string;
    'url.full': string;
    'http.response.status_code'?: number;
    duration_ms: number;
    'http.request.body.size'?: number;
    'http.response.body.size'?: number;
    trace_id?: string;
    span_id?: string;
    initiator: 'fetch' | 'xhr';
    'error.type'?: 'network' | 'abort' | 'timeout';
  };
  console: { level: ConsoleLevel; message: string };
  error: {
    'exception.type': string;
    'exception.message': string;
    'exception.stacktrace'?: string;
    source: 'error' | 'unhandledrejection';
  };
  click: { node_id: number; tag: string; text?: string; selector: string; x: number; y: number };
  navigation: { 'url.full': string; 'navigation.type': 'push' | 'replace' | 'pop' | 'hash' };
  visibility: { state: DocumentVisibilityState };
  long_frame: { duration_ms: number; blocking_ms: number; script?: string; invoker?: string };
  vital: {
    name: 'TTFB' | 'FCP' | 'LCP' | 'CLS' | 'INP';
    /** In ms, but CLS, which has no unit. */
    value: number;
    rating: 'good' | 'needs-improvement' | 'poor';
    /** Of the page as it was loaded. */
    'url.full': string;
  };
  identify: { 'user.id': string; attributes: Record<string, string> };
  custom: { name: string; attributes: Record<string, string> };
  state: { state: 'started' | 'stopped' | 'dropped'; reason?: string; count?: number };
}

export type ConsoleLevel = 'error' | 'warn' | 'info' | 'log' | 'debug';

export type EmitCustom = <K extends keyof CustomPayloads>(kind: K, payload: CustomPayloads[K]) => void;
