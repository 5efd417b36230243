import { type PrivacyMode } from './options';

interface Rule {
  /** What the nearest ancestor with a mark says. */
  mark: 'mask' | 'unmask' | undefined;
  editable: boolean;
}

export const BLOCK_CLASS = 'playhead-block';
export const BLOCK_SELECTOR = '[data-playhead="block"]';
export const IGNORE_CLASS = 'playhead-ignore';
export const IGNORE_SELECTOR = '.playhead-ignore *,[data-playhead="ignore"],[data-playhead="ignore"] *';

const MASK = '[data-private],.playhead-mask,[data-playhead="mask"]';
const UNMASK = '[data-playhead="unmask"]';
const BLOCKED = `.${BLOCK_CLASS},${BLOCK_SELECTOR}`;
const IGNORED = '.playhead-ignore,[data-playhead="ignore"]';
/** Text that a user types without an input element. */
const EDITABLE = '[contenteditable]:not([contenteditable="false"]),[role="textbox"]';

/** Anything of the above: most elements have nothing of it, and asking once is enough to know. */
const MARKED = `[data-private],.playhead-mask,[data-playhead],[contenteditable],[role="textbox"]`;

/** Values of these never leave the page, whatever the mode: not even their length. */
const SECRET_TYPES = /^(password|email|tel|hidden)$/;
const SECRET_AUTOCOMPLETE = /(^|\s)(cc-|one-time-code|(current|new)-password|email|tel)/;
/** The value of these is written by the page's author: a label or a constant, not something typed. */
const AUTHORED_TYPES = /^(submit|button|reset|image|radio|checkbox)$/;

/** Stands for a secret that is there, of whatever length. */
const SECRET = '******';

/**
 * What may be recorded of an element. The nearest ancestor that says `mask` or `unmask` decides, across shadow roots
 * and same-origin frames; where none does, the mode decides.
 */
export class Privacy {
  private cache: Map<Element, Rule> | undefined;

  constructor(private readonly mode: PrivacyMode) {}

  /** Remembers rules while `fn` runs, during which the document must not change: a snapshot asks for every element. */
  batch<T>(fn: () => T): T {
    this.cache = new Map();
    try {
      return fn();
    } finally {
      this.cache = undefined;
    }
  }

  masksText(element: Element | null): boolean {
    const { mark, editable } = this.rule(element);
    if (mark) {
      return mark === 'mask';
    }
    return this.mode === 'mask-all' || (this.mode === 'mask-inputs' && editable);
  }

  blocks(element: Element | null): boolean {
    return this.blockingElement(element) !== null;
  }

  blockingElement(element: Element | null): Element | null {
    return closest(element, BLOCKED);
  }

  /** True when whether a radio button or a checkbox is checked must not be seen. */
  masksChecked(element: Element | null): boolean {
    return this.ignores(element) || this.masksText(element);
  }

  /** The value of a form field as it may be recorded; `undefined` when nothing of it may. */
  value(field: Element, value: string): string | undefined {
    const type = typeOf(field);
    if (type === 'hidden' || this.ignores(field)) {
      return undefined;
    }
    if (!value) {
      return value;
    }
    if (isSecret(field, type)) {
      return SECRET;
    }
    const masked = AUTHORED_TYPES.test(type) ? this.masksText(field) : this.masksInput(field);
    return masked ? maskText(value) : value;
  }

  private masksInput(field: Element): boolean {
    const { mark } = this.rule(field);
    return mark ? mark === 'mask' : this.mode !== 'mask-none';
  }

  private ignores(element: Element | null): boolean {
    return closest(element, IGNORED) !== null;
  }

  private rule(element: Element | null): Rule {
    if (!element) {
      return { mark: undefined, editable: false };
    }
    const known = this.cache?.get(element);
    if (known) {
      return known;
    }
    const outer = this.rule(parentOf(element));
    const rule = element.matches(MARKED) ? ownRule(element, outer) : outer;
    this.cache?.set(element, rule);
    return rule;
  }
}

function ownRule(element: Element, outer: Rule): Rule {
  return {
    // An element that says both is masked.
    mark: element.matches(MASK) ? 'mask' : element.matches(UNMASK) ? 'unmask' : outer.mark,
    editable: outer.editable || element.matches(EDITABLE),
  };
}

/** Keeps white space, so that lines break where they broke. */
export function maskText(text: string): string {
  return text.replace(/\S/g, '*');
}

/** `Element.closest` that goes on from a shadow root to its host and from a frame's document to the frame. */
function closest(element: Element | null, selector: string): Element | null {
  let from = element;
  while (from) {
    const found = from.closest(selector);
    if (found) {
      return found;
    }
    from = outside(from.getRootNode());
  }
  return null;
}

function parentOf(element: Element): Element | null {
  return element.parentElement ?? outside(element.getRootNode());
}

function outside(root: Node & { host?: Element; defaultView?: Window | null }): Element | null {
  try {
    return root.host ?? root.defaultView?.frameElement ?? null;
  } catch {
    return null;
  }
}

function typeOf(field: Element): string {
  return ((field as HTMLInputElement).type ?? '').toLowerCase();
}

function isSecret(field: Element, type: string): boolean {
  return (
    SECRET_TYPES.test(type) ||
    // rrweb marks password fields whose type the page changes, as "show password" buttons do.
    field.hasAttribute('data-rr-is-password') ||
    SECRET_AUTOCOMPLETE.test((field.getAttribute('autocomplete') ?? '').toLowerCase())
  );
}
