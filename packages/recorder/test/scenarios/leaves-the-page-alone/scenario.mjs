import assert from 'node:assert/strict';

/** What the page sees must be the same with and without the recorder. */
export async function run({ context, site, api, collector }) {
  const seen = [];
  for (const recorder of [
    '',
    `<script src="${collector.origin}/playhead.js" data-key="pk_test" crossorigin="anonymous"></script>`,
  ]) {
    site.variables.recorder = recorder;
    const page = await context.newPage();
    await page.goto(site.origin);
    assert.equal(await page.evaluate(() => typeof window.playhead), recorder ? 'object' : 'undefined');
    seen.push(await page.evaluate(observe, api.origin));
    await page.close();
  }
  assert.deepEqual(seen[1], seen[0]);
  assert.equal(seen[0].unhandled, 'TypeError: Failed to fetch');
}

async function observe(otherOrigin) {
  const outcome = (promise) =>
    promise.then(
      (response) => `${response.status} ${response.type} ${response.url.replace(/\d+/g, 'n')}`,
      (error) => `${error.constructor.name} ${error.name}: ${error.message}`
    );
  const aborted = () => {
    const controller = new AbortController();
    const promise = fetch('/api/abort', { signal: controller.signal });
    controller.abort();
    return promise;
  };
  const used = async () => {
    const request = new Request('/api/used', { method: 'POST', body: 'x' });
    await fetch(request);
    return fetch(request);
  };
  const xhr = (open, act = (request) => request.send()) =>
    new Promise((resolve) => {
      const request = new XMLHttpRequest();
      const events = [];
      for (const type of ['loadstart', 'load', 'error', 'abort', 'timeout', 'loadend']) {
        request.addEventListener(type, () => {
          events.push(`${type} ${request.status}`);
          if (type === 'loadend') {
            resolve(events.join());
          }
        });
      }
      try {
        open(request);
        act(request);
      } catch (error) {
        resolve(`${error.constructor.name} ${error.name}: ${error.message}`);
      }
    });
  const thrown = (fn) => {
    try {
      return String(fn());
    } catch (error) {
      return `${error.constructor.name} ${error.name}: ${error.message}`;
    }
  };
  const unhandled = new Promise((resolve) => {
    window.addEventListener('unhandledrejection', (event) => resolve(String(event.reason)), { once: true });
  });
  void fetch(otherOrigin + '/api/nobody-handles-this');
  const sheet = document.head.appendChild(document.createElement('style')).sheet;
  const results = {
    unhandled: await unhandled,
    ok: await outcome(fetch('/api/ok')),
    status: await outcome(fetch('/api/teapot?status=418')),
    cors: await outcome(fetch(otherOrigin + '/api/cors')),
    noCors: await outcome(fetch(otherOrigin + '/api/no-cors', { mode: 'no-cors' })),
    abort: await outcome(aborted()),
    timeout: await outcome(fetch('/api/timeout', { signal: AbortSignal.timeout(0) })),
    used: await outcome(used()),
    requestAsInit: await outcome(fetch('/api/as-init', new Request('/', { method: 'POST', body: 'moved' }))),
    badUrl: await outcome(fetch('http://[')),
    badHeader: await outcome(fetch('/api/x', { headers: { 'a b': 'c' } })),
    badMethod: await outcome(fetch('/api/x', { method: 'TRACE' })),
    bodyOnGet: await outcome(fetch('/api/x', { body: 'x' })),
    noArguments: await outcome(fetch()),
    xhr: await xhr((request) => request.open('GET', '/api/xhr')),
    xhrCors: await xhr((request) => request.open('GET', otherOrigin + '/api/xhr')),
    xhrAbort: await xhr(
      (request) => request.open('GET', '/api/xhr'),
      (request) => {
        request.send();
        request.abort();
      }
    ),
    xhrBadUrl: await xhr((request) => request.open('GET', 'http://[')),
    xhrNotOpen: await xhr(() => undefined),
    xhrFewArguments: await xhr((request) => request.open('GET')),
    xhrFewHeaderArguments: await xhr(
      (request) => request.open('GET', '/api/xhr'),
      (request) => request.setRequestHeader('a')
    ),
    sync: await xhr((request) => request.open('GET', '/api/sync', false)),
    pushState: thrown(() => history.pushState({}, '', 'https://elsewhere.invalid/')),
    pushed: thrown(() => history.pushState({ a: 1 }, '', '/pushed') ?? JSON.stringify(history.state)),
    insertRule: thrown(() => sheet.insertRule('not a rule')),
    console: thrown(() =>
      console.log({
        get danger() {
          throw new Error('read');
        },
      })
    ),
  };
  return results;
}
