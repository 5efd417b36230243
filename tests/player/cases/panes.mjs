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
    await line('POST /api/orders → 500 in 312 ms').getByRole('button').first().click();
    await player.settle();
    assert.equal(await player.timestamp(), at(0.4));
    assert.equal(await line('POST /api/orders').getAttribute('aria-current'), 'true');

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

function told(id) {
  const happened = (share, fields) => moment({ ts: at(share), window_id: WINDOW, ...fields });
  return makeSession(
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
        trace_id: '0af7651916cd43dd8448eb211c80319c',
      }),
      happened(0.5, {
        kind: 'signal',
        name: 'vanished_message',
        text: 'message "Please choose a delivery date" shown for 2.0 s after a click on "Place order"; no request was sent',
      }),
      happened(0.6, { kind: 'text_vanished', text: 'Please choose a delivery date', duration_ms: 2000 }),
    ]
  );
}

function long(id, count) {
  const moments = Array.from({ length: count }, (_, index) =>
    moment({ ts: at(index / count), window_id: WINDOW, kind: 'click', name: 'button', text: `Button ${index}` })
  );
  return makeSession(id, [{ windowId: WINDOW, events: FIRST.events }], moments);
}
