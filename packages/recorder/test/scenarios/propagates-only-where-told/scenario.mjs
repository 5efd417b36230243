import assert from 'node:assert/strict';
import { Site } from '../../site.mjs';

const SESSION_HEADERS = ['x-session-id', 'baggage', 'traceparent'];
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

export async function run({ page, site, api, collector }) {
  // Answers to other origins, but allows none of our headers.
  api.cors = {};
  const listed = new Site(new URL('./', import.meta.url), {
    cors: { headers: 'x-session-id,baggage,traceparent,x-own' },
  });
  await listed.listen();
  try {
    // An origin that only begins like the listed one must not be taken for it.
    site.variables.listed = listed.origin + '/ignored/path';
    await page.goto(site.origin);
    const sessionId = await page.evaluate(() => window.playhead.sessionId());

    await sameOrigin(page, site, sessionId);
    await otherOrigins(page, api, listed, sessionId);

    await collector.until((all) => all.custom('request').length === 17, 'all requests');
    const requests = collector.custom('request');
    const kept = requests.find(({ 'url.full': url }) => url.endsWith('/api/kept'));
    assert.equal(kept.trace_id, TRACE_ID, 'the trace id of the page is recorded');
    const unlisted = requests.find(({ 'url.full': url }) => url.startsWith(api.origin));
    assert.equal(unlisted.trace_id, undefined);
    assert.ok(requests.every((request) => request['http.response.status_code'] !== 0));
  } finally {
    await listed.close();
  }
}

async function sameOrigin(page, site, sessionId) {
  const echoes = await page.evaluate(async (traceId) => {
    class Init {
      get method() {
        return 'POST';
      }
      get body() {
        return 'inherited';
      }
      get headers() {
        return { 'x-own': 'inherited' };
      }
    }
    const stream = () =>
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('streamed'));
          controller.close();
        },
      });
    const xhr = (path, headers, body) =>
      new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open('POST', path);
        headers.forEach(([name, value]) => request.setRequestHeader(name, value));
        request.onload = () => resolve(JSON.parse(request.responseText));
        request.send(body);
      });
    const json = (response) => response.json();
    return {
      plain: await fetch('/api/plain').then(json),
      init: await fetch('/api/init', { method: 'POST', body: 'text', headers: [['x-own', 'pairs']] }).then(json),
      frozen: await fetch(
        '/api/frozen',
        Object.freeze({ method: 'PUT', body: 'cold', headers: { 'x-own': 'frozen' } })
      ).then(json),
      inherited: await fetch('/api/inherited', new Init()).then(json),
      request: await fetch(
        new Request('/api/request', { method: 'POST', body: 'once', headers: { 'x-own': 'request' } })
      ).then(json),
      asInit: await fetch('/api/as-init', new Request('/', { method: 'PUT', headers: { 'x-own': 'moved' } })).then(
        json
      ),
      url: await fetch(new URL('/api/url', location.href)).then(json),
      kept: await fetch('/api/kept', {
        headers: {
          traceparent: `00-${traceId}-b7ad6b7169203331-00`,
          baggage: 'tenant=a',
          'X-Session-ID': 'the-page-knows-better',
        },
      }).then(json),
      xhr: await xhr('/api/xhr', [['x-own', 'xhr']], 'sent'),
      xhrKept: await xhr(
        '/api/xhr-kept',
        [
          ['traceparent', `00-${traceId}-b7ad6b7169203331-00`],
          ['Baggage', 'tenant=a'],
        ],
        'sent'
      ),
      streamed: await fetch(new Request('/api/stream', { method: 'POST', body: stream(), duplex: 'half' }))
        .then(json)
        .catch((error) => error.name),
    };
  }, TRACE_ID);

  for (const name of ['plain', 'init', 'frozen', 'inherited', 'request', 'asInit', 'url', 'xhr']) {
    const { headers } = echoes[name];
    assert.equal(headers['x-session-id'], sessionId, name);
    assert.equal(headers.baggage, 'session.id=' + sessionId, name);
    assert.match(headers.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/, name);
  }
  const own = (name) => [echoes[name].body, echoes[name].headers['x-own']];
  assert.deepEqual(own('init'), ['text', 'pairs']);
  assert.deepEqual(own('frozen'), ['cold', 'frozen']);
  assert.deepEqual(own('inherited'), ['inherited', 'inherited']);
  assert.deepEqual(own('request'), ['once', 'request']);
  assert.deepEqual(own('xhr'), ['sent', 'xhr']);
  assert.deepEqual(own('asInit'), ['', 'moved']);
  assert.equal(echoes.request.headers.referer, site.origin + '/', 'a Request keeps its referrer');
  // HTTP/1.1 cannot stream; the page gets the same error as without the recorder.
  assert.equal(echoes.streamed, 'TypeError');

  assert.equal(echoes.kept.headers['x-session-id'], 'the-page-knows-better');
  assert.equal(echoes.kept.headers.traceparent, `00-${TRACE_ID}-b7ad6b7169203331-00`);
  assert.equal(echoes.kept.headers.baggage, `tenant=a, session.id=${sessionId}`);
  assert.equal(echoes.xhrKept.headers.traceparent, `00-${TRACE_ID}-b7ad6b7169203331-00`);
  assert.equal(echoes.xhrKept.headers.baggage, `tenant=a, session.id=${sessionId}`);
}

async function otherOrigins(page, api, listed, sessionId) {
  const results = await page.evaluate(
    async ([unlistedOrigin, listedOrigin]) => {
      const status = (response) => response.status || response.type;
      return {
        unlisted: await fetch(unlistedOrigin + '/api/unlisted').then(status),
        query: await fetch(`${unlistedOrigin}/api/query?next=${encodeURIComponent(listedOrigin)}`).then(status),
        listed: await fetch(listedOrigin + '/api/listed', { headers: { 'x-own': '1' } }).then(status),
        // Headers that can be read only once must still reach the server.
        iterator: await fetch(unlistedOrigin + '/api/iterator', {
          headers: new Map([['accept', 'text/iterator']]).entries(),
        }).then(status),
        listedIterator: await fetch(listedOrigin + '/api/iterator', {
          headers: new Map([['x-own', 'iterator']]).entries(),
        }).then(status),
        noCors: await fetch(listedOrigin + '/api/no-cors', { mode: 'no-cors' }).then(status),
      };
    },
    [api.origin, listed.origin]
  );
  assert.deepEqual(results, {
    unlisted: 200,
    query: 200,
    listed: 200,
    iterator: 200,
    listedIterator: 200,
    noCors: 'opaque',
  });
  assert.deepEqual(
    api.requests.map(({ method, headers }) => [method, SESSION_HEADERS.filter((name) => headers[name])]),
    [
      ['GET', []],
      ['GET', []],
      ['GET', []],
    ],
    'no header, and so no preflight, on an origin that is not listed'
  );
  const arrived = listed.requests.filter(({ method }) => method === 'GET');
  assert.equal(api.requests[2].headers.accept, 'text/iterator');
  assert.equal(arrived[1].headers['x-own'], 'iterator');
  assert.equal(arrived[0].headers['x-session-id'], sessionId);
  assert.deepEqual(
    SESSION_HEADERS.filter((name) => arrived[2].headers[name]),
    []
  );
}
