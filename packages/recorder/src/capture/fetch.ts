import { type Faults } from '../faults';
import { patch } from '../patch';
import { addHeaders, parseTraceparent, propagatesTo, type PropagationConfig } from './propagation';
import { bodyBytes, parseLength, type RequestPayload, requestPayload, type StartedRequest } from './requests';

type Fetch = typeof fetch;

/** The members of RequestInit. A class instance may have them on its prototype, where spreading does not find them. */
const INIT_MEMBERS = [
  'body',
  'cache',
  'credentials',
  'duplex',
  'headers',
  'integrity',
  'keepalive',
  'method',
  'mode',
  'priority',
  'redirect',
  'referrer',
  'referrerPolicy',
  'signal',
  'window',
];

export interface NetworkConfig extends PropagationConfig {
  /** Requests of the recorder itself. */
  isOwn: (url: URL) => boolean;
  now: () => number;
  emit: (request: RequestPayload) => void;
}

interface Prepared {
  request: StartedRequest;
  init: RequestInit | undefined;
}

/** Adds headers to the page's fetch requests and records them. Returns how to stop. */
export function captureFetch(target: Window & { fetch: Fetch }, config: NetworkConfig, faults: Faults): () => void {
  let active = true;
  const wrap = (original: Fetch) =>
    function (this: Window, ...args: Parameters<Fetch>): Promise<Response> {
      // Whatever goes wrong here, the page's request goes out as the page made it.
      const prepared = active && args.length > 0 ? faults.run(() => prepare(args[0], args[1], config)) : undefined;
      if (!prepared) {
        return original.apply(this, args);
      }
      const { request, init } = prepared;
      // The promise that is returned must be the last in the chain: a handler on one that the page never handles
      // would silence its `unhandledrejection`.
      return original.call(this, args[0], init).then(
        (response) => {
          faults.run(() => config.emit(requestPayload(request, responseEnd(response), config.now())));
          return response;
        },
        (error: unknown) => {
          faults.run(() => config.emit(requestPayload(request, { error: errorType(error) }, config.now())));
          throw error;
        }
      );
    };
  const undo = patch(target, 'fetch', wrap as (original: Fetch) => Fetch);
  return () => {
    active = false;
    undo();
  };
}

function prepare(input: RequestInfo | URL, init: RequestInit | undefined, config: NetworkConfig): Prepared | undefined {
  // Not instanceof: a Request of another frame is one too, and its text would be taken for a relative URL.
  const given = typeof input === 'object' && 'url' in input ? input : undefined;
  const url = new URL(given ? given.url : String(input), document.baseURI);
  if (config.isOwn(url)) {
    return undefined;
  }
  const own = definedMembers(init);
  const givenHeaders = own.headers ?? given?.headers;
  const request: StartedRequest = {
    method: String(own.method ?? given?.method ?? 'GET').toUpperCase(),
    url,
    startedAt: config.now(),
    bodyBytes: bodyBytes(own.body),
    initiator: 'fetch',
  };
  if ((own.mode ?? given?.mode) === 'no-cors' || !propagatesTo(url, config)) {
    return { request: { ...request, ...parseTraceparent(peekTraceparent(givenHeaders)) }, init };
  }
  const headers = new Headers(givenHeaders);
  const ids = addHeaders(headers, config);
  return { request: { ...request, ...ids }, init: { ...referrerOf(own, given), ...own, headers } };
}

function definedMembers(init: RequestInit | undefined): RequestInit {
  const source = (init ?? {}) as Record<string, unknown>;
  const members: Record<string, unknown> = {};
  for (const name of [...Object.keys(source), ...INIT_MEMBERS]) {
    const value = source[name];
    if (value !== undefined) {
      members[name] = value;
    }
  }
  return members;
}

/** A Request that is given together with any RequestInit forgets its referrer, says the Fetch standard. */
function referrerOf(own: RequestInit, given: Request | undefined): RequestInit {
  const alone = given && Object.keys(own).length === 0;
  return alone ? { referrer: given.referrer, referrerPolicy: given.referrerPolicy } : {};
}

/** Reads a header of a request that goes out untouched: an iterator of headers must not be used up. */
function peekTraceparent(headers: HeadersInit | undefined): string | null {
  const usedUp = headers && Symbol.iterator in headers && !Array.isArray(headers) && !('get' in headers);
  return usedUp ? null : new Headers(headers).get('traceparent');
}

function responseEnd(response: Response): { status?: number; responseBytes?: number } {
  // Status 0 is an opaque response (`no-cors`, manual redirect): it came, but nobody may know how.
  return { status: response.status || undefined, responseBytes: parseLength(response.headers.get('content-length')) };
}

function errorType(error: unknown): RequestPayload['error.type'] {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  return name === 'AbortError' ? 'abort' : name === 'TimeoutError' ? 'timeout' : 'network';
}
