import {
  EventType,
  IncrementalSource,
  NodeType,
  type attributes as Attributes,
  type attributeMutation,
  type eventWithTime,
  type inputData,
  type mutationData,
  type serializedNodeWithId,
} from '@rrweb/types';
import { maskText, type Privacy } from './privacy';
import { scrubText, scrubUrl } from './url';

const FIELDS = /^(input|textarea|select)$/i;
const URL_ATTRIBUTES = /^(href|xlink:href|src|rr_src|action|formaction|poster|cite|ping|data|background|longdesc)$/;
/** Attributes that people read, or that pages put data into. */
const TEXT_ATTRIBUTES = /^(alt|title|placeholder|label|value|content|summary|aria-.*|data-.*)$/;
/** States in aria-* and data-* that style sheets depend on and that say nothing about anybody. */
const STATES = /^(|true|false|mixed|\d)$/;
/** The only <meta> whose content a replay needs; the others hold tokens, names and descriptions. */
const META_KEPT = /^(viewport|color-scheme|theme-color)$/i;

export interface NodeLookup {
  getNode(id: number): Node | null;
}

/**
 * Applies the privacy rules to rrweb's events, in place, before they are turned into bytes. This is the only layer
 * that decides: rrweb's own masking covers neither hidden inputs, attributes nor URLs, and what it masks cannot be
 * unmasked again. Every id is looked up in the live document, so that what an element is decides, not what an event
 * says about it. A node that cannot be found is masked.
 */
export class EventFilter {
  constructor(
    private readonly privacy: Privacy,
    private readonly nodes: NodeLookup
  ) {}

  /** False when nothing is left of the event. */
  apply(event: eventWithTime): boolean {
    return this.privacy.batch(() => this.filter(event));
  }

  private filter(event: eventWithTime): boolean {
    if (event.type === EventType.Meta) {
      event.data.href = scrubUrl(event.data.href);
    } else if (event.type === EventType.FullSnapshot) {
      this.filterNode(event.data.node, null);
    } else if (event.type === EventType.IncrementalSnapshot) {
      if (event.data.source === IncrementalSource.Mutation) {
        return this.filterMutation(event.data);
      }
      if (event.data.source === IncrementalSource.Input) {
        return this.filterInput(event.data);
      }
    }
    return true;
  }

  private filterMutation(data: mutationData): boolean {
    // rrweb does not record inside a blocked element, except inside a blocked frame.
    const visible = (id: number) => {
      const element = this.element(id);
      return !element || element.ownerDocument === document || !this.privacy.blocks(element);
    };
    data.adds = data.adds.filter((add) => visible(add.parentId));
    data.texts = data.texts.filter((text) => visible(text.id));
    data.attributes = data.attributes.filter((change) => visible(change.id));

    for (const add of data.adds) {
      this.filterNode(add.node, this.element(add.parentId));
    }
    for (const text of data.texts) {
      if (text.value) {
        text.value = this.filterText(text.value, this.element(text.id));
      }
    }
    data.attributes = data.attributes.filter((change) => this.filterChange(change));
    return data.adds.length + data.texts.length + data.attributes.length + data.removes.length > 0;
  }

  private filterInput(data: inputData): boolean {
    const field = this.element(data.id);
    const text = field ? this.privacy.value(field, data.text) : undefined;
    if (!field || text === undefined) {
      return false;
    }
    data.text = text;
    if (data.isChecked && this.privacy.masksChecked(field)) {
      data.isChecked = false;
    }
    return true;
  }

  private filterChange(change: attributeMutation): boolean {
    const element = this.element(change.id);
    if (!element) {
      return false;
    }
    this.filterAttributes(change.attributes, element);
    return Object.keys(change.attributes).length > 0;
  }

  private filterNode(node: serializedNodeWithId, parent: Element | null): void {
    if (node.type === NodeType.Text) {
      node.textContent = this.filterText(node.textContent, parent);
      return;
    }
    let inner = parent;
    if (node.type === NodeType.Element) {
      const element = this.element(node.id);
      if (element) {
        this.filterAttributes(node.attributes, element);
      } else {
        node.attributes = {};
      }
      inner = element;
    }
    if ('childNodes' in node) {
      for (const child of node.childNodes) {
        this.filterNode(child, inner);
      }
    }
  }

  private filterText(text: string, parent: Element | null): string {
    switch (parent?.localName) {
      case 'style':
        return text;
      case 'noscript':
        // The parser keeps markup in here as text: hidden inputs and all.
        return '';
      case 'textarea':
        return this.privacy.value(parent, text) ?? '';
      default:
        return parent && !this.privacy.masksText(parent) ? text : maskText(text);
    }
  }

  private filterAttributes(attributes: Attributes | attributeMutation['attributes'], element: Element): void {
    const masked = this.privacy.masksText(element);
    const tag = element.localName;
    const values = attributes as Record<string, unknown>;
    for (const [name, value] of Object.entries(values)) {
      if (/^on/.test(name) || name === 'srcdoc') {
        // Scripts and whole documents; the frame's document is recorded, and filtered, by itself.
        delete values[name];
      } else if (name === 'style' && value) {
        values[name] = scrubStyle(value);
      } else if (typeof value === 'string') {
        this.setOrDelete(values, name, this.filterAttribute(element, tag, name, value, masked));
      }
    }
    if (tag === 'input' && values.checked && this.privacy.masksChecked(element)) {
      delete values.checked;
    }
    if (tag === 'option' && 'selected' in values && this.hidesSelection(element)) {
      delete values.selected;
    }
  }

  private filterAttribute(
    element: Element,
    tag: string,
    name: string,
    value: string,
    masked: boolean
  ): string | undefined {
    if (name === 'value' && FIELDS.test(tag)) {
      return this.privacy.value(element, value);
    }
    if (tag === 'meta' && name === 'content') {
      return META_KEPT.test(element.getAttribute('name') ?? '') ? value : undefined;
    }
    if (URL_ATTRIBUTES.test(name)) {
      // References inside the document, such as <use href="#icon">, name nothing outside.
      return value[0] === '#' ? value : scrubUrl(value, element.baseURI);
    }
    if (name === 'srcset' || name === 'imagesrcset') {
      return scrubText(value);
    }
    if (masked && TEXT_ATTRIBUTES.test(name) && !STATES.test(value) && !/^data-p(layhead|rivate)/.test(name)) {
      return maskText(value);
    }
    return value;
  }

  private hidesSelection(option: Element): boolean {
    const select = option.closest('select');
    return select !== null && this.privacy.value(select, '-') !== '-';
  }

  private setOrDelete(values: Record<string, unknown>, name: string, value: string | undefined): void {
    if (value === undefined) {
      delete values[name];
    } else {
      values[name] = value;
    }
  }

  /** The element with this id, or the one around the text with this id. */
  private element(id: number): Element | null {
    const node = this.nodes.getNode(id);
    if (!node) {
      return null;
    }
    if (node.nodeType === Node.ELEMENT_NODE) {
      return node as Element;
    }
    return (
      node.parentElement ??
      (node.parentNode as ShadowRoot | null)?.host ??
      (node as Document).defaultView?.frameElement ??
      null
    );
  }
}

/** rrweb gives a style as text or as the properties that changed: a value or [value, priority]. */
function scrubStyle(style: unknown): unknown {
  if (typeof style === 'string') {
    return scrubText(style);
  }
  return JSON.parse(scrubText(JSON.stringify(style)));
}
