import assert from 'node:assert/strict';

export async function run({ page, site, collector }) {
  await page.goto(site.origin);
  await collector.until(({ segments }) => segments[0], 'the first page');
  for (let reload = 1; reload <= 3; reload++) {
    await page.click('#button');
    await page.reload();
    await collector.until(
      ({ segments }) => new Set(segments.map(({ header }) => header.page_id)).size === reload + 1,
      `the page after reload ${reload}`
    );
  }

  const headers = collector.segments.map(({ header }) => header);
  assert.equal(new Set(headers.map((header) => header.session_id)).size, 1);
  assert.equal(new Set(headers.map((header) => header.window_id)).size, 1);
  assert.deepEqual(
    headers.map(({ seq }) => seq).sort((a, b) => a - b),
    headers.map((_, index) => index),
    'no number is missing or used twice'
  );
  assert.equal(collector.custom('click').length, 3, 'no click is lost');
  assert.ok(headers.some(({ final }) => final));
}
