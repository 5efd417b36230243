import assert from 'node:assert/strict';

import { makeSession, moment } from '../recordings.mjs';
import { FIRST } from '../sessions.mjs';

const WINDOW = 'window-00000001';

export async function panesTests({ test }) {
  await test('signals are said in words, with how bad they are', [told('session-signals')], async (player) => {
    const { page } = player;
    await player.open('session-signals');
    const row = page
      .getByTestId('playhead-player-moments')
      .getByRole('listitem')
      .filter({ hasText: 'no request was sent' });
    assert.equal(await row.count(), 1);
    await row.getByRole('img', { name: 'Warning signal' }).waitFor();
    await row.getByRole('button').first().click();
    await player.settle();
    assert.equal(await player.timestamp(), at(0.5));
    // The lane of the timeline says the same where the signal is.
    const slider = page.getByRole('slider', { name: 'Timeline' });
    const { start, end } = await player.bounds();
    const box = await slider.boundingBox();
    await slider.hover({ position: { x: ((at(0.5) - start) / (end - start)) * box.width, y: 5 * 14 + 7 } });
    await page.getByText('no request was sent').nth(1).waitFor();
  });

  await test('the transcript can be read, searched and followed', [told('session-told')], async (player) => {
    const { page } = player;
    await player.open('session-told');
    await page.getByRole('tab', { name: 'Transcript' }).click();
    const transcript = page.getByRole('region', { name: 'Transcript' });
    const line = (text) => transcript.getByRole('listitem').filter({ hasText: text });
    await line('POST https://shop.example/api/orders 500').getByRole('button').first().click();
    await player.settle();
    assert.equal(await player.timestamp(), at(0.4));
    assert.equal(await line('POST https://shop.example/api/orders').getAttribute('aria-current'), 'true');

    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await player.settle();
    assert.equal(await player.timestamp(), at(0.5));

    await transcript.getByRole('textbox', { name: 'Search transcript' }).fill('delivery SENT');
    assert.equal(await transcript.getByRole('listitem').count(), 1);
    assert.deepEqual(await transcript.locator('mark').allInnerTexts(), ['delivery', 'sent']);
    await transcript.getByRole('textbox', { name: 'Search transcript' }).fill('nothing of the kind');
    assert.match(await player.said(), /No line has these words/);
  });

  await test('a long transcript renders what is seen', [long('session-long', 3000)], async (player) => {
    const { page } = player;
    await player.open('session-long');
    await page.getByRole('tab', { name: 'Transcript' }).click();
    const transcript = page.getByRole('region', { name: 'Transcript' });
    await transcript.getByRole('listitem').first().waitFor();
    assert.ok((await transcript.getByRole('listitem').count()) < 400);
    const { start, end } = await player.bounds();
    await player.seek(start + (end - start) * 0.9);
    await page.mouse.move(0, 0); // Nobody looks around in the list.
    const current = transcript.locator('[aria-current=true]');
    await current.waitFor();
    const [pane, seen] = [await transcript.boundingBox(), await current.boundingBox()];
    assert.ok(seen.y >= pane.y && seen.y < pane.y + pane.height, 'the current line is not in view');
  });

  await test('a trace opens at its moment, and its spans seek', [told('session-trace')], async (player) => {
    const { page } = player;
    await player.open('session-trace');
    const row = page.getByTestId('playhead-player-moments').getByRole('listitem').filter({ hasText: '/api/orders' });
    await row.getByRole('button', { name: 'Show the trace' }).click();
    const traces = page.getByRole('region', { name: 'Traces' });
    await page.getByRole('tab', { name: 'Traces', selected: true }).waitFor();
    const spans = traces.getByRole('list', { name: 'Spans' }).getByRole('listitem');
    await spans.first().waitFor();
    assert.deepEqual(await spans.getByRole('button').evaluateAll((all) => all.map((each) => each.ariaLabel)), [
      'shop: POST /api/orders, 300 ms, 0 ms after the start, failed',
      'payments: capture, 200 ms, 50 ms after the start',
    ]);
    await spans.nth(1).getByRole('button').click();
    await player.settle();
    assert.equal(await player.timestamp(), at(0.4) + 55);
    assert.match(await spans.nth(1).innerText(), /payment\.provider\s+acme/);
    assert.equal(await traces.getByRole('switch', { name: 'Follow playhead' }).isChecked(), false);

    // Following again shows the trace at the playhead, which its source does not know.
    await traces.getByRole('switch', { name: 'Follow playhead' }).check({ force: true });
    await player.seek(at(0.8));
    await traces.getByText('otel_traces does not know this trace').waitFor();
    await traces.getByRole('button', { name: 'Try again' }).waitFor();
  });

  await test('log lines follow the playhead and seek', [told('session-logs')], async (player, server) => {
    const { page } = player;
    await player.open('session-logs', at(0.1));
    await page.getByRole('tab', { name: 'Logs' }).click();
    const logs = page.getByRole('region', { name: 'Logs' });
    const line = logs.getByRole('listitem').filter({ hasText: 'payment not captured' });
    await line.getByRole('button').first().click();
    await player.settle();
    assert.equal(await player.timestamp(), at(0.4) + 101);
    assert.equal(await line.getAttribute('aria-current'), 'true');
    await line.getByRole('button', { name: 'Show the trace' }).click();
    await page.getByRole('list', { name: 'Spans' }).getByRole('listitem').first().waitFor();

    server.byId.get('session-logs').noLogs = true;
    await page.reload();
    await page.getByRole('tab', { name: 'Logs' }).click();
    await page.getByRole('alert').getByText('ClickHouse does not answer').waitFor();
    server.byId.get('session-logs').noLogs = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await line.waitFor();
  });

  await test('a session without traces and logs says what to do', [bare('session-bare')], async (player) => {
    const { page } = player;
    await player.open('session-bare');
    await page.getByRole('tab', { name: 'Traces' }).click();
    await page.getByText('This session has no traces').waitFor();
    await page.getByRole('tab', { name: 'Logs' }).click();
    await page.getByText('No log lines of this session here').waitFor();
  });

  await test('tabs have their keys', [told('session-tabs')], async (player) => {
    const { page } = player;
    await player.open('session-tabs');
    const ts = await player.timestamp();
    await page.getByRole('tab', { name: 'Moments' }).focus();
    await page.keyboard.press('ArrowRight');
    await page.getByRole('tab', { name: 'Transcript', selected: true }).waitFor();
    await page.keyboard.press('End');
    await page.getByRole('tabpanel', { name: 'Logs' }).waitFor();
    assert.equal(await player.timestamp(), ts, 'the keys are for the tabs alone');
  });
}

const bounds = { start: FIRST.events[0].timestamp, end: FIRST.events.at(-1).timestamp };
const at = (share) => Math.round(bounds.start + (bounds.end - bounds.start) * share);

const TRACE = '0af7651916cd43dd8448eb211c80319c';

function bare(id) {
  return makeSession(id, [{ windowId: WINDOW, events: FIRST.events }]);
}

function told(id) {
  const happened = (share, fields) => moment({ ts: at(share), window_id: WINDOW, ...fields });
  const session = makeSession(
    id,
    [{ windowId: WINDOW, events: FIRST.events }],
    [
      happened(0.3, { kind: 'submit', name: 'form', text: 'Checkout' }),
      happened(0.4, {
        kind: 'request',
        name: 'POST',
        url: 'https://shop.example/api/orders',
        status: 500,
        duration_ms: 312,
        trace_id: TRACE,
      }),
      happened(0.5, {
        kind: 'signal',
        name: 'vanished_message',
        text: 'message "Please choose a delivery date" shown for 2.0 s after a click on "Place order"; no request was sent',
      }),
      happened(0.6, { kind: 'text_vanished', text: 'Please choose a delivery date', duration_ms: 2000 }),
      happened(0.75, {
        kind: 'request',
        name: 'GET',
        url: 'https://shop.example/api/cart',
        status: 200,
        trace_id: '1'.repeat(32),
      }),
    ]
  );
  const span = { parent_span_id: '', service: 'shop', failed: false, message: '', attributes: {} };
  session.traces = {
    [TRACE]: [
      {
        ...span,
        span_id: 'b',
        parent_span_id: 'a',
        name: 'capture',
        service: 'payments',
        start: at(0.4) + 55.5,
        duration_ms: 200,
        attributes: { 'payment.provider': 'acme' },
      },
      { ...span, span_id: 'a', name: 'POST /api/orders', start: at(0.4) + 5.5, duration_ms: 300, failed: true },
    ],
  };
  const line = { level: 'info', service: 'shop', trace_id: '', span_id: '' };
  session.logs = [
    { ...line, ts: at(0.2), text: 'cart shown' },
    { ...line, ts: at(0.4) + 100.25, level: 'error', text: 'payment not captured', trace_id: TRACE, span_id: 'a' },
  ];
  return session;
}

function long(id, count) {
  const moments = Array.from({ length: count }, (_, index) =>
    moment({ ts: at(index / count), window_id: WINDOW, kind: 'click', name: 'button', text: `Button ${index}` })
  );
  return makeSession(id, [{ windowId: WINDOW, events: FIRST.events }], moments);
}
