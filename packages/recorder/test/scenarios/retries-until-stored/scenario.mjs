import assert from 'node:assert/strict';

export async function run({ page, site, collector }) {
  const times = [];
  collector.answer = (nth) => {
    times.push(Date.now());
    return (
      [
        { status: 503, headers: { 'Retry-After': '2' } },
        { status: 500 },
        { status: 429, headers: { 'Retry-After': '1' } },
      ][nth] ?? { status: 202 }
    );
  };
  await page.goto(site.origin);
  await collector.until(({ requests }) => requests.length === 1, 'the first attempt');
  await page.click('#button');
  await collector.until((all) => all.custom('click').length === 1, 'the click');

  assert.ok(times[1] - times[0] >= 2000, `the first retry came after ${times[1] - times[0]} ms`);
  assert.ok(times[3] - times[2] >= 1000, `the third retry came after ${times[3] - times[2]} ms`);
  assert.deepEqual(
    collector.requests.map(({ header }) => header.seq),
    [0, 0, 0, 0, 1],
    'one segment at a time, in order'
  );
  const [first, , , stored] = collector.requests;
  assert.deepEqual(stored.events, first.events);
  assert.ok(stored.header.sent_at > first.header.sent_at, 'sent_at is the time of the attempt');
}
