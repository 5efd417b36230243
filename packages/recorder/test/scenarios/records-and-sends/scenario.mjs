import assert from 'node:assert/strict';

export async function run({ page, site, collector }) {
  await page.goto(site.origin + '/?page=2&q=shoes#reviews');
  const first = await collector.until(({ segments }) => segments[0], 'the first segment');

  assert.equal(first.key, 'pk_test');
  assert.equal(first.encoding, 'gzip');
  assert.match(first.contentType, /^text\/plain/);
  assert.deepEqual(
    first.events.map(({ type }) => type),
    [4, 2],
    'a page begins with Meta and FullSnapshot'
  );
  assert.equal(first.events[0].data.href, site.origin + '/?page=*&q=*');
  assert.match(first.header.session_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(first.header.session_id, await page.evaluate(() => window.playhead.sessionId()));
  assert.equal(first.header.previous_id, null);
  assert.deepEqual(
    { ...first.header, session_id: '', window_id: '', page_id: '', sent_at: 0, recorder: {} },
    {
      v: 1,
      session_id: '',
      previous_id: null,
      window_id: '',
      page_id: '',
      seq: 0,
      sent_at: 0,
      reason: 'sampled',
      final: false,
      recorder: {},
      page: { url: site.origin + '/?page=*&q=*', referrer: '', viewport: [1280, 720] },
      release: '1.2.3',
      environment: 'test',
    }
  );

  await page.evaluate(() => {
    window.playhead.identify({ id: 'u-1', attributes: { plan: 'pro', seats: 3 } });
    window.playhead.track('opened', { from: 'mail' });
  });
  await page.click('#order span');
  await collector.until(({ custom }) => custom.call(collector, 'error').length === 2, 'both errors');

  const [click] = collector.custom('click');
  assert.deepEqual(
    { tag: click.tag, text: click.text, selector: click.selector },
    { tag: 'button', text: 'Place order', selector: '#order' }
  );
  assert.equal(nodeOf(first.events[1].data.node, click.node_id).attributes.id, 'order');

  const [request] = collector.custom('request');
  assert.equal(request['http.request.method'], 'POST');
  assert.equal(request['url.full'], site.origin + '/api/orders?token=*');
  assert.equal(request['http.response.status_code'], 200);
  assert.equal(request['http.request.body.size'], 8);
  assert.equal(request.initiator, 'fetch');
  const { headers } = site.requests[0];
  assert.equal(headers.traceparent, `00-${request.trace_id}-${request.span_id}-01`);
  assert.equal(headers['x-session-id'], first.header.session_id);
  assert.equal(headers.baggage, 'session.id=' + first.header.session_id);

  assert.deepEqual(collector.custom('console')[0], {
    level: 'error',
    message: 'order placed {id: 1, nested: {deep: true}}',
  });
  assert.deepEqual(collector.custom('navigation'), [
    { 'url.full': site.origin + '/orders/1?user=*', 'navigation.type': 'push' },
  ]);
  const errors = collector
    .custom('error')
    .map((error) => [error['exception.type'], error['exception.message'], error.source]);
  assert.deepEqual(errors.sort(), [
    ['RangeError', 'late', 'unhandledrejection'],
    ['TypeError', 'cannot read the order', 'error'],
  ]);
  assert.deepEqual(collector.custom('identify'), [{ 'user.id': 'u-1', attributes: { plan: 'pro', seats: '3' } }]);
  assert.deepEqual(collector.custom('custom'), [{ name: 'opened', attributes: { from: 'mail' } }]);
  assert.equal(collector.custom('state')[0].state, 'started');
  assert.deepEqual(collector.segments.at(-1).header.user, { id: 'u-1', attributes: { plan: 'pro', seats: '3' } });

  assert.deepEqual(
    collector.segments.map(({ header }) => header.seq),
    collector.segments.map((_, index) => index),
    'segments arrive in order'
  );
  const times = collector.events.map(({ timestamp }) => timestamp);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
    'events are in order'
  );
  assert.equal(collector.preflights, 0, 'sending costs no preflight');
}

function nodeOf(node, id) {
  if (node.id === id) {
    return node;
  }
  for (const child of node.childNodes ?? []) {
    const found = nodeOf(child, id);
    if (found) {
      return found;
    }
  }
  return undefined;
}
