import assert from 'node:assert/strict';

export async function run({ page, site, collector }) {
  await page.goto(site.origin);
  const first = await collector.until(({ segments }) => segments[0], 'the snapshot');
  await page.evaluate(() => {
    window.addEventListener('pageshow', (event) => {
      window.restored = event.persisted;
    });
  });
  await page.click('#next');
  await page.waitForURL('**/next.html');
  await page.goBack({ waitUntil: 'commit' });
  await page.waitForFunction(() => window.restored === true);
  await page.click('#button');

  const again = await collector.until(
    ({ segments }) => segments.find(({ header }) => header.page_id !== first.header.page_id),
    'the page that came back'
  );
  assert.deepEqual(
    again.events.map(({ type }) => type),
    [4, 2]
  );
  await collector.until((all) => all.custom('click').some(({ selector }) => selector === '#button'), 'the click');
  const headers = collector.segments.map(({ header }) => header);
  assert.equal(new Set(headers.map(({ page_id }) => page_id)).size, 2);
  assert.equal(new Set(headers.map(({ window_id }) => window_id)).size, 1);
  assert.deepEqual(
    headers.map(({ seq }) => seq).sort((a, b) => a - b),
    headers.map((_, index) => index)
  );
  assert.deepEqual(
    collector.custom('visibility').map(({ state }) => state),
    ['hidden', 'visible']
  );
}
