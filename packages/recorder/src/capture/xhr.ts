import { type Faults } from '../faults';
import { patch } from '../patch';
import { type NetworkConfig } from './fetch';
import { addHeaders, parseTraceparent, propagatesTo } from './propagation';
import { bodyBytes, parseLength, type RequestEnd, requestPayload, type StartedRequest } from './requests';

interface OpenedRequest {
  method: string;
  url: URL;
  /** As the page set them, lower-case names. */
  headers: Map<string, string>;
  /** Ends listening when the same object is opened anew, which ends the request without an event. */
  listening: AbortController;
}

/** Adds headers to the page's XMLHttpRequests and records them. Returns how to stop. */
export function captureXhr(target: { prototype: XMLHttpRequest }, config: NetworkConfig, faults: Faults): () => void {
  const { prototype } = target;
  const opened = new WeakMap<XMLHttpRequest, OpenedRequest>();
  let active = true;

  const noteOpen = (xhr: XMLHttpRequest, method: unknown, url: unknown) => {
    opened.get(xhr)?.listening.abort();
    opened.delete(xhr);
    const parsed = new URL(String(url), document.baseURI);
    if (active && !config.isOwn(parsed)) {
      opened.set(xhr, {
        method: String(method).toUpperCase(),
        url: parsed,
        headers: new Map(),
        listening: new AbortController(),
      });
    }
  };

  const noteHeader = (xhr: XMLHttpRequest, name: unknown, value: unknown) => {
    const headers = opened.get(xhr)?.headers;
    const key = String(name).toLowerCase();
    const before = headers?.get(key);
    headers?.set(key, before === undefined ? String(value) : `${before}, ${String(value)}`);
  };

  const setHeader = prototype.setRequestHeader;
  const begin = (xhr: XMLHttpRequest, body: unknown) => {
    const request = opened.get(xhr);
    if (!active || !request) {
      return;
    }
    const { headers, listening, method, url } = request;
    const ids = propagatesTo(url, config)
      ? addHeaders(
          {
            get: (name) => headers.get(name) ?? null,
            append: (name, value) => setHeader.call(xhr, name, value),
          },
          config
        )
      : parseTraceparent(headers.get('traceparent') ?? null);
    const started: StartedRequest = {
      method,
      url,
      startedAt: config.now(),
      bodyBytes: bodyBytes(body),
      initiator: 'xhr',
      ...ids,
    };
    observe(xhr, started, listening.signal);
  };

  const observe = (xhr: XMLHttpRequest, request: StartedRequest, signal: AbortSignal) => {
    let error: RequestEnd['error'];
    xhr.addEventListener('abort', () => (error = 'abort'), { once: true, signal });
    xhr.addEventListener('timeout', () => (error = 'timeout'), { once: true, signal });
    xhr.addEventListener(
      'loadend',
      faults.guard(() => {
        const failed = error ?? (xhr.status === 0 ? 'network' : undefined);
        const end: RequestEnd = failed ? { error: failed } : { status: xhr.status, responseBytes: responseBytes(xhr) };
        config.emit(requestPayload(request, end, config.now()));
      }),
      { once: true, signal }
    );
  };

  // The arguments are passed on as they came: their number makes a difference to the browser.
  const undo = [
    patch(prototype, 'open', (original) => {
      return function (this: XMLHttpRequest, ...args: Parameters<typeof original>) {
        original.apply(this, args);
        faults.run(() => noteOpen(this, args[0], args[1]));
      } as XMLHttpRequest['open'];
    }),
    patch(prototype, 'setRequestHeader', (original) => {
      return function (this: XMLHttpRequest, ...args) {
        original.apply(this, args);
        faults.run(() => noteHeader(this, args[0], args[1]));
      };
    }),
    patch(prototype, 'send', (original) => {
      return function (this: XMLHttpRequest, ...args) {
        faults.run(() => begin(this, args[0]));
        original.apply(this, args);
      };
    }),
  ];
  return () => {
    active = false;
    undo.forEach((restore) => restore());
  };
}

function responseBytes(xhr: XMLHttpRequest): number | undefined {
  // getResponseHeader of a header that CORS hides writes an error to the console; the list leaves it out quietly.
  return parseLength(/^content-length:\s*(\d+)/im.exec(xhr.getAllResponseHeaders())?.[1]);
}
