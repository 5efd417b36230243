import assert from 'node:assert/strict';

/** Waits in the page for a performance entry, which comes after the frame that it is about. */
const entry = (page, type, name) =>
  page.evaluate(
    ([type, name]) =>
      new Promise((resolve) => {
        const observer = new PerformanceObserver((list) => {
          if (list.getEntries().some((found) => !name || found.name === name)) {
            observer.disconnect();
            resolve();
          }
        });
        observer.observe({ type, buffered: true });
      }),
    [type, name]
  );

export async function run({ page, site, collector }) {
  await page.goto(site.origin + '/?token=secret');
  await page.evaluate(() => history.pushState({}, '', '/elsewhere'));
  await collector.until(({ segments }) => segments[0], 'the snapshot');
  await entry(page, 'largest-contentful-paint');
  await page.evaluate(() => (document.getElementById('room').style.height = '200px'));
  await entry(page, 'layout-shift');
  const measured = await page.evaluate(() => ({
    fcp: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    ttfb: performance.getEntriesByType('navigation')[0].responseStart,
  }));
  await page.click('#button');
  await entry(page, 'event', 'click');
  assert.deepEqual(collector.custom('vital'), [], 'no value is final before the page is hidden');

  await page.click('#next');
  await page.waitForURL('**/next.html');
  const vitals = await collector.until((all) => {
    const found = all.custom('vital');
    return found.length > 0 && found;
  }, 'the vitals');
  assert.deepEqual(
    vitals.map(({ name }) => name),
    ['TTFB', 'FCP', 'LCP', 'CLS', 'INP']
  );
  assert.deepEqual(new Set(vitals.map((vital) => vital['url.full'])), new Set([site.origin + '/?token=*']));
  const [ttfb, fcp, lcp, cls, inp] = vitals.map(({ value }) => value);
  assert.equal(ttfb, Math.round(measured.ttfb));
  assert.equal(fcp, Math.round(measured.fcp));
  assert.ok(lcp >= fcp && lcp < 10_000, `LCP ${lcp}`);
  assert.ok(cls > 0.001 && cls < 1, `CLS ${cls}`);
  assert.ok(inp >= 300 && inp < 2000, `INP ${inp}`);
  assert.equal(vitals[4].rating, inp <= 500 ? 'needs-improvement' : 'poor');
  assert.equal(vitals[0].rating, ttfb <= 800 ? 'good' : 'needs-improvement');

  // Once for a page, also when it comes back and goes again.
  await page.goBack({ waitUntil: 'commit' });
  await page.click('#next');
  await page.waitForURL('**/next.html');
  await collector.until((all) => all.custom('click').length === 3, 'the click after coming back');
  assert.equal(collector.custom('vital').length, 5);
}
