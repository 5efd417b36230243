import assert from 'node:assert/strict';

/**
 * What each mode may let out. CANARY is never recorded, INPUT is typed, TEXT is written by the page, SHOWN is unmasked
 * by the page.
 */
const MODES = [
  { mode: 'mask-inputs', recorded: ['TEXT', 'SHOWN'] },
  { mode: 'mask-all', recorded: ['SHOWN'] },
  { mode: 'mask-none', recorded: ['TEXT', 'SHOWN', 'INPUT'] },
  // An unknown mode is the strictest one.
  { mode: 'maskinputs', recorded: ['SHOWN'] },
];

export async function run({ context, site, collector }) {
  for (const { mode, recorded } of MODES) {
    collector.requests.length = 0;
    site.variables.mode = mode;
    const page = await context.newPage();
    await page.goto(site.origin + '/?user=CANARY-url#CANARY-fragment');
    await collector.until(({ segments }) => segments[0], `the snapshot with ${mode}`);
    await use(page);
    await collector.until((all) => all.custom('custom').length === 1, `the end with ${mode}`);

    const text = collector.wireText;
    const words = new Set(text.match(/\b(CANARY|INPUT|TEXT|SHOWN)-[\w-]+/g));
    const leaked = [...words].filter((word) => !recorded.includes(word.split('-')[0]));
    assert.deepEqual(leaked, [], `${mode} let out`);
    for (const kind of recorded) {
      assert.ok(
        [...words].some((word) => word.startsWith(kind) && word.endsWith('-changed')),
        `${mode} records ${kind} when it changes`
      );
      assert.ok(
        [...words].some((word) => word.startsWith(kind) && !word.endsWith('-changed')),
        `${mode} records ${kind} in the snapshot`
      );
    }
    assert.match(text, /color: green/, 'style sheets are never masked');
    assert.match(text, /"href":"[^"]*\/account\?token=\*"/);

    const [masked, blocked, shown] = collector.custom('click');
    assert.equal(masked.text, undefined);
    assert.equal(masked.selector, '#private-button');
    assert.equal(blocked.text, undefined);
    assert.ok(blocked.node_id > 0, 'a click in a blocked element belongs to that element');
    assert.equal(shown.text, recorded.includes('TEXT') ? 'TEXT-paragraph-changed' : undefined);
    await page.close();
  }
}

/** Types into, changes and clicks everything. */
async function use(page) {
  for (const id of ['password', 'email', 'tel', 'card', 'code', 'ignored', 'ignored-child']) {
    await page.fill('#' + id, `CANARY-${id}-changed`);
  }
  await page.fill('#name', 'INPUT-name-changed');
  await page.fill('#note', 'INPUT-note-changed');
  await page.fill('#unmasked', 'SHOWN-unmasked-changed');
  await page.evaluate(() => {
    const byId = (id) => document.getElementById(id);
    document.querySelector('[type=hidden]').value = 'CANARY-hidden-changed';
    document.querySelector('[type=hidden]').setAttribute('value', 'CANARY-hidden-attribute-changed');
    byId('password').type = 'text';
    byId('editable').firstChild.data = 'INPUT-editable-changed';
    byId('editable').append('INPUT-editable-added-changed');
    byId('text').firstChild.data = 'TEXT-paragraph-changed';
    byId('text').setAttribute('title', 'TEXT-attribute-changed');
    byId('private').setAttribute('title', 'CANARY-private-title-changed');
    byId('private').firstChild.data = 'CANARY-private-changed';
    byId('private').insertAdjacentHTML('beforeend', '<p title="CANARY-added-title">CANARY-added-changed</p>');
    byId('host').shadowRoot.firstChild.data = 'TEXT-shadow-direct-changed';
    byId('host').shadowRoot.getElementById('p').firstChild.data = 'TEXT-shadow-changed';
    byId('private-host').shadowRoot.firstChild.data = 'CANARY-shadow-direct-changed';
    byId('private-host').shadowRoot.getElementById('p').textContent = 'CANARY-shadow-changed';
    byId('blocked-frame').contentDocument.getElementById('p').textContent = 'CANARY-blocked-frame-changed';
    byId('frame').contentDocument.body.insertAdjacentHTML('beforeend', '<p>TEXT-frame-changed</p>');
    byId('link').href = '/account?token=CANARY-query-changed';
    document.querySelector('p[data-playhead=unmask]').firstChild.data = 'SHOWN-text-changed';
    fetch('/api/x?token=CANARY-request').catch(() => undefined);
    console.log('see http://localhost/?token=CANARY-console');
    history.replaceState({}, '', '?token=CANARY-navigation');
  });
  // Typed after the type changed, as with a "show password" button.
  await page.fill('#password', 'CANARY-password-shown-changed');
  await page.click('#private-button');
  await page.click('#blocked-button');
  await page.click('#text');
  // Sends what is left.
  await page.evaluate(() => {
    window.playhead.track('end');
    window.playhead.stop();
  });
}
