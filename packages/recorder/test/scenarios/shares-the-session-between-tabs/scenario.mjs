import assert from 'node:assert/strict';

export async function run({ context, page, site, collector }) {
  await page.goto(site.origin);
  await collector.until(({ segments }) => segments[0], 'the first tab');

  const second = await context.newPage();
  await second.goto(site.origin);
  await collector.until(windows(2), 'the second tab');

  // A window that is opened by script gets a copy of sessionStorage, window id included.
  const [copy] = await Promise.all([
    context.waitForEvent('page'),
    page.evaluate(() => {
      window.open(location.href, '_blank');
    }),
  ]);
  await copy.waitForLoadState();
  await collector.until(windows(3), 'the copied tab');

  const { segments } = collector;
  assert.equal(new Set(segments.map(({ header }) => header.session_id)).size, 1);
  const identities = segments.map(({ header }) => `${header.window_id} ${header.seq}`);
  assert.equal(new Set(identities).size, identities.length, 'each window numbers its own segments');
}

function windows(count) {
  return ({ segments }) => new Set(segments.map(({ header }) => header.window_id)).size === count;
}
