// A small ingest server: takes segments apart, keeps them, answers as told.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { Signal } from './signal.mjs';

const SEGMENT_LIMIT_BYTES = 16 * 1024 * 1024;

export class Collector {
  /** Requests in order of arrival: {header, events, text, bytes, encoding, status}. */
  requests = [];
  preflights = 0;
  /** What to answer to the nth request, 0 first: {status, headers, body}. */
  answer = () => ({ status: 202 });
  #signal = new Signal();
  #server = createServer((request, response) => void this.#handle(request, response));

  async listen() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.origin = `http://127.0.0.1:${this.#server.address().port}`;
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Segments that were acknowledged, in order of arrival. */
  get segments() {
    return this.requests.filter(({ status }) => status === 202);
  }

  /** All events of acknowledged segments. */
  get events() {
    return this.segments.flatMap(({ events }) => events);
  }

  /** Payloads of the recorder's own events of one kind. */
  custom(kind) {
    return this.events
      .filter(({ type, data }) => type === 5 && data.tag === 'playhead.' + kind)
      .map(({ data }) => data.payload);
  }

  /** Everything that left the page towards the collector, as text. */
  get wireText() {
    return this.requests.map(({ text }) => text).join('\n');
  }

  /** Waits until `condition(collector)` is truthy and returns its value. */
  until(condition, what) {
    return this.#signal.until(() => condition(this), what);
  }

  async #handle(request, response) {
    const url = new URL(request.url, 'http://collector');
    const cors = {
      'Access-Control-Allow-Origin': request.headers.origin ?? '*',
      'Access-Control-Expose-Headers': 'Retry-After',
    };
    if (url.pathname === '/playhead.js') {
      const script = await readFile(new URL('../dist/playhead.js', import.meta.url));
      response.writeHead(200, { ...cors, 'Content-Type': 'text/javascript' }).end(script);
      return;
    }
    if (request.method === 'OPTIONS') {
      this.preflights++;
      response.writeHead(403).end();
      return;
    }
    const chunks = [];
    try {
      for await (const chunk of request) {
        chunks.push(chunk);
      }
    } catch {
      // The page went away in the middle: nothing was received.
      return;
    }
    const { status, headers = {}, body = {} } = this.#take(Buffer.concat(chunks), url, request);
    response.writeHead(status, { ...cors, ...headers, 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    this.#signal.changed();
  }

  #take(body, url, { headers }) {
    const encoding = url.searchParams.get('enc') ?? '';
    const text = (encoding === 'gzip' ? gunzipSync(body, { maxOutputLength: SEGMENT_LIMIT_BYTES }) : body).toString();
    const [header, ...events] = text
      .replace(/\n$/, '')
      .split('\n')
      .map((line) => JSON.parse(line));
    const taken = {
      header,
      events,
      text,
      bytes: body.length,
      encoding,
      key: url.searchParams.get('key'),
      contentType: headers['content-type'],
    };
    const answer = this.answer(this.requests.length, taken);
    this.requests.push({ ...taken, status: answer.status });
    return answer;
  }
}
