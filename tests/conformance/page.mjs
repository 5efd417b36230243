// Runs in the browser: plays recordings with rrweb's Replayer and compares what comes out with pkg/dom's documents.
import { Replayer } from '/replay.js';
import { apart, short } from '/words.mjs';

const META = 4;
const CUSTOM = 5;
const FULL_SNAPSHOT = 2;
const INCREMENTAL = 3;
// Where pkg/dom's own ids begin.
const FIRST_OWN_ID = 900_000_000;
const STYLE = 'style';

// rrweb applies events before an offset; far below any clock's resolution.
const AT_OFFSET_MS = 0.001;
// Keeps rrweb from ending, after which it would play everything again.
const NEVER_MS = 1e12;

let played;

/** Plays a recording up to each of the instants. Returns hashes of the documents; the documents stay here. */
globalThis.play = (events, instants, keyframes) => {
  played = { trees: [], rules: new Map(), error: '' };
  const player = start(events);
  try {
    for (const [index, instant] of instants.entries()) {
      player.show(instant);
      played.trees.push(JSON.stringify(tree(player, player.document())));
      if (keyframes.includes(index)) {
        played.rules.set(index, tree(player, player.document(), true));
      }
    }
  } catch (error) {
    played.error = String(error.stack ?? error);
  } finally {
    player.destroy();
  }
  return { hashes: played.trees.map(hash), error: played.error };
};

/** Compares a document with pkg/dom's; gives back the first differences, and what made the others none. */
globalThis.compare = (index, theirs) => differences(JSON.parse(played.trees[index]), JSON.parse(theirs));

/** Plays a keyframe of pkg/dom and compares it with the document that it was made of. */
globalThis.compareKeyframe = (index, lines) => {
  const events = lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const player = start(events);
  try {
    player.show(events[0].timestamp);
    return differences(played.rules.get(index), tree(player, player.document(), true), true);
  } catch (error) {
    return { differences: [String(error)], explained: {} };
  } finally {
    player.destroy();
  }
};

function start(events) {
  const root = document.body.appendChild(document.createElement('div'));
  const first = events.reduce((least, { timestamp }) => Math.min(least, timestamp), Infinity);
  const end = { type: CUSTOM, timestamp: first + NEVER_MS, data: { tag: 'end', payload: {} } };
  // As the player does: see src/player/replayer/Replay.ts.
  const replayer = new Replayer([...events, end], {
    root,
    mouseTail: false,
    triggerFocus: false,
    useVirtualDom: false,
    showWarning: false,
  });
  return {
    show: (instant) => replayer.pause(instant - first + AT_OFFSET_MS),
    document: () => replayer.iframe.contentDocument,
    id: (node) => Math.max(0, replayer.getMirror().getId(node)),
    destroy: () => {
      replayer.destroy();
      root.remove();
    },
  };
}

/** The form of a document that tree.go documents. Of a keyframe, rules are listed instead of their text. */
function tree(player, node, rules = false) {
  const id = player.id(node);
  switch (node.nodeType) {
    case Node.DOCUMENT_NODE:
      return id === 0 ? null : [0, id, children(player, node, rules)];
    case Node.DOCUMENT_TYPE_NODE:
      return [1, id, node.name, node.publicId, node.systemId];
    case Node.ELEMENT_NODE:
      return element(player, node, id, rules);
    case Node.TEXT_NODE:
      return [3, id, node.parentNode?.localName === STYLE ? '' : node.data.toWellFormed()];
    case Node.CDATA_SECTION_NODE:
      return [4, id, node.data.toWellFormed()];
    default:
      return [5, id, node.data.toWellFormed()];
  }
}

/** rrweb and the browser make elements that have no id, and texts, of which a keyframe writes some as attributes. */
function children(player, node, rules) {
  const hasText = !(rules && (node.localName === STYLE || node.localName === 'textarea'));
  return Array.from(node.childNodes)
    .filter((child) => player.id(child) !== 0 || (child.nodeType === Node.TEXT_NODE && hasText))
    .map((child) => tree(player, child, rules));
}

function element(player, node, id, rules) {
  const svg = node.namespaceURI === 'http://www.w3.org/2000/svg';
  const inner = node.localName === 'iframe' ? node.contentDocument : null;
  return [
    2,
    id,
    node.localName,
    svg ? 1 : 0,
    attributes(node, rules).flat(),
    state(node, svg, rules),
    children(player, node, rules),
    node.shadowRoot ? children(player, node.shadowRoot, rules) : null,
    inner && player.id(inner) !== 0 ? tree(player, inner, rules) : null,
  ];
}

function attributes(node, rules) {
  return Array.from(node.attributes)
    .map(({ name, value }) => [name, value.toWellFormed()])
    .map(([name, value]) => [name, name === 'class' && node.localName === 'html' ? withoutPause(value) : value])
    .filter(([name, value]) => !(node.localName === 'html' && name === 'class' && value === ''))
    .filter(([name]) => !(rules && isUnread(name)))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Attributes that a mutation of rrweb's set and that nothing reads: a keyframe cannot hold them. */
function isUnread(name) {
  return name.startsWith('rr_') && name !== 'rr_open_mode';
}

/** rrweb marks the html element while it is paused. */
function withoutPause(value) {
  return value
    .split(/\s+/)
    .filter((name) => name && name !== 'rrweb-paused')
    .join(' ');
}

function state(node, svg, rules) {
  if (node.localName === STYLE) {
    if (rules) {
      return rulesOf(node.sheet);
    }
    const texts = Array.from(node.childNodes).filter(({ nodeType }) => nodeType === Node.TEXT_NODE);
    return texts.map(({ data }) => data.toWellFormed());
  }
  if (rules && node.shadowRoot) {
    return node.shadowRoot.adoptedStyleSheets.flatMap(rulesOf);
  }
  if (svg) {
    return null;
  }
  switch (node.localName) {
    case 'input':
      return [node.value.toWellFormed(), node.checked];
    case 'textarea':
    case 'select':
      return [node.value.toWellFormed()];
  }
  return null;
}

function rulesOf(sheet) {
  return Array.from(sheet?.cssRules ?? []).map(ruleText);
}

/** A rule without the selectors that rrweb adds for hovering: it adds them to text only, not to rules of events. */
function ruleText({ cssText }) {
  if (!cssText.includes(':hover')) {
    return cssText;
  }
  return cssText.replace(/[^{}]+(?=\{)/g, (prelude) => {
    const kept = selectors(prelude).filter((selector) => !selector.includes('.\\:hover'));
    return `${kept.join(', ').trim()} `;
  });
}

/** Splits at the commas that are not in parentheses. */
function selectors(prelude) {
  const list = [''];
  let depth = 0;
  for (const character of prelude) {
    depth += character === '(' ? 1 : character === ')' ? -1 : 0;
    if (character === ',' && depth === 0) {
      list.push('');
    } else {
      list[list.length - 1] += character;
    }
  }
  return list.map((selector) => selector.trim());
}

const MOST_DIFFERENCES = 5;

function differences(ours, theirs, keyframe = false) {
  const found = { differences: [], explained: {} };
  walk(ours, theirs, '', found, keyframe);
  return found;
}

function walk(a, b, path, found, keyframe) {
  if (found.differences.length >= MOST_DIFFERENCES || (a === null && b === null)) {
    return;
  }
  if (!sameNode(a, b, found, keyframe)) {
    found.differences.push(`${path} node: rrweb ${short(a)} dom ${short(b)}`);
  } else if (a[0] === 0) {
    walkLists(a[2], b[2], `${path}/#${a[1]}`, found, keyframe);
  } else if (a[0] === 2) {
    walkElement(a, b, `${path}/${a[2]}#${a[1]}`, found, keyframe);
  }
}

function sameNode(a, b, found, keyframe) {
  if (a === null || b === null || a[0] !== b[0]) {
    return false;
  }
  if (keyframe && a[1] !== b[1] && b[1] >= FIRST_OWN_ID) {
    explain(found, 'node whose id means another node by now');
  } else if (a[1] !== b[1]) {
    return false;
  }
  // Of elements and documents, what is in them comes later.
  const own = (node) => JSON.stringify(node.slice(2, node[0] === 2 ? 4 : node[0] === 0 ? 2 : undefined));
  return own(a) === own(b);
}

function walkElement(a, b, path, found, keyframe) {
  walkAttributes(a[4], b[4], path, found);
  if (!sameState(a, b, found, keyframe)) {
    found.differences.push(`${path} state: ${apart(JSON.stringify(a[5]), JSON.stringify(b[5]))}`);
  }
  const texts = keyframe && (a[2] === STYLE || a[2] === 'textarea');
  walkLists(a[6], texts ? withoutOwnTexts(a[6], b[6], found) : b[6], path, found, keyframe);
  if (a[7] && b[7]) {
    walkLists(a[7], b[7], `${path}/shadow`, found, keyframe);
  } else if (a[7] || b[7]) {
    found.differences.push(`${path} shadow root: rrweb ${short(a[7])} dom ${short(b[7])}`);
  }
  walk(a[8], b[8], `${path}/document`, found, keyframe);
}

/**
 * The children of a style sheet's or textarea's element without texts that have an id in the keyframe only. What they
 * say is compared as rules and as value.
 */
function withoutOwnTexts(a, b, found) {
  const kept = [];
  for (const child of b) {
    if (child[0] === Node.TEXT_NODE && child[1] >= FIRST_OWN_ID && a[kept.length]?.[0] !== Node.TEXT_NODE) {
      explain(found, 'text without an id of the recording');
    } else {
      kept.push(child);
    }
  }
  return kept;
}

function walkLists(a, b, path, found, keyframe) {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if (i >= a.length || i >= b.length) {
      found.differences.push(`${path} child ${i}: rrweb ${short(a[i])} dom ${short(b[i])}`);
      return;
    }
    walk(a[i], b[i], path, found, keyframe);
  }
}

function walkAttributes(a, b, path, found) {
  const ours = new Map(pairs(a));
  const theirs = new Map(pairs(b));
  for (const name of new Set([...ours.keys(), ...theirs.keys()])) {
    const x = ours.get(name);
    const y = theirs.get(name);
    if (x === y) {
      continue;
    }
    if (name === 'style' && sameStyle(x ?? '', y ?? '')) {
      explain(found, 'style attribute of the same declarations');
      continue;
    }
    found.differences.push(`${path} @${name}: rrweb ${short(x)} dom ${short(y)}`);
  }
}

function pairs(list) {
  return Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i], list[2 * i + 1]]);
}

/** The browser spells a style attribute anew when a property is set; the same declarations are the same style. */
function sameStyle(a, b) {
  return declarations(a) === declarations(b);
}

function declarations(text) {
  const { style } = document.createElement('div');
  style.cssText = text;
  return Array.from(style, (name) => `${name}:${style.getPropertyValue(name)}!${style.getPropertyPriority(name)}`)
    .sort()
    .join(';');
}

function sameState(a, b, found, keyframe) {
  if (JSON.stringify(a[5]) === JSON.stringify(b[5])) {
    return true;
  }
  if (keyframe || !a[5] || !b[5]) {
    return false;
  }
  if (a[2] === STYLE) {
    if (sameRules(a[5], b[5])) {
      explain(found, "rules that rrweb adapts for hovering and for the viewport's size");
      return true;
    }
    return false;
  }
  if (a[2] === 'textarea' && a[5][0] === b[5][0].replace(/\r\n?/g, '\n')) {
    explain(found, 'line ends in a textarea');
    return true;
  }
  if (a[2] === 'input' && a[5][1] === b[5][1] && a[5][0] === sanitized(a[4], b[5][0])) {
    explain(found, 'value that the browser sanitizes');
    return true;
  }
  return false;
}

/** What the browser makes of a value, by the type of the field. */
function sanitized(list, value) {
  const field = document.createElement('input');
  for (const [name, text] of pairs(list)) {
    if (['type', 'min', 'max', 'step'].includes(name)) {
      field.setAttribute(name, text);
    }
  }
  field.value = value;
  return field.value;
}

/**
 * rrweb adapts some text nodes one by one, others together, and then cuts the result where it guesses that the nodes
 * were. Text that came both as an attribute and as a node is adapted twice.
 */
function sameRules(ours, theirs) {
  const each = (adapt) =>
    ours.length === theirs.length && ours.every((css, i) => css === theirs[i] || css === adapt(theirs[i]));
  const whole = (adapt) => ours.join('') === adapt(theirs.join(''));
  const twice = (css) => adapted(adapted(css));
  return whole((css) => css) || whole(adapted) || each(adapted) || whole(twice) || each(twice);
}

const adaptations = new Map();

/** What rrweb makes of a style sheet's text: rrweb itself says. */
function adapted(css) {
  if (!adaptations.has(css)) {
    const text = { type: 3, id: 5, isStyle: true, textContent: css };
    const style = { type: 2, id: 4, tagName: STYLE, attributes: {}, childNodes: [text] };
    const head = { type: 2, id: 3, tagName: 'head', attributes: {}, childNodes: [style] };
    const html = { type: 2, id: 2, tagName: 'html', attributes: {}, childNodes: [head] };
    const node = { type: 0, id: 1, childNodes: [html] };
    const player = start([
      { type: META, timestamp: 1, data: { href: '', width: 100, height: 100 } },
      { type: FULL_SNAPSHOT, timestamp: 1, data: { node, initialOffset: { left: 0, top: 0 } } },
      { type: INCREMENTAL, timestamp: 1, data: { source: 3, id: 1, x: 0, y: 0 } },
    ]);
    player.show(1);
    adaptations.set(css, player.document().querySelector('head > style').textContent);
    player.destroy();
  }
  return adaptations.get(css);
}

function explain(found, reason) {
  found.explained[reason] = (found.explained[reason] ?? 0) + 1;
}

function hash(text) {
  let h = 0;
  for (let i = 0; i < text.length; i++) {
    h = (Math.imul(h, 31) + text.charCodeAt(i)) | 0;
  }
  return h;
}
