import { type EmitCustom } from '../custom-events';
import { type Faults } from '../faults';
import { type Privacy } from '../privacy';
import { selectorOf } from './selector';

const TEXT_CHARS = 120;
/** A click on a large container must not read all of it. */
const MAX_TEXT_NODES = 50;
/** What a user means to click: the icon inside a button is the button. */
const INTERACTIVE =
  'a,button,summary,label,input,select,textarea,[role="button"],[role="link"],[role="tab"],[role="menuitem"],[role="option"],[onclick]:not(body)';

export interface NodeIds {
  getId(node: Node): number;
}

/** Records clicks with the element's text and a selector. Returns how to stop. */
export function captureClicks(
  target: Window,
  nodes: NodeIds,
  privacy: Privacy,
  emit: EmitCustom,
  faults: Faults
): () => void {
  const onClick = faults.guard((event: MouseEvent) => {
    const clicked = event.composedPath()[0];
    if (!(clicked instanceof Element)) {
      return;
    }
    const blocked = privacy.blockingElement(clicked);
    const element = blocked ?? clicked.closest(INTERACTIVE) ?? clicked;
    const masked = blocked !== null || privacy.masksText(element);
    emit('click', {
      node_id: nodes.getId(element),
      tag: element.localName,
      text: masked ? undefined : textOf(element, privacy) || undefined,
      selector: selectorOf(element, !masked),
      x: Math.round(event.clientX),
      y: Math.round(event.clientY),
    });
  });
  target.addEventListener('click', onClick, true);
  return () => target.removeEventListener('click', onClick, true);
}

function textOf(element: Element, privacy: Privacy): string {
  if (element instanceof HTMLInputElement) {
    return /^(submit|button|reset)$/.test(element.type) ? collapse(privacy.value(element, element.value) ?? '') : '';
  }
  if (/^(select|textarea)$/.test(element.localName)) {
    return '';
  }
  let text = '';
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let nodes = 0; nodes < MAX_TEXT_NODES && text.length < TEXT_CHARS && walker.nextNode(); nodes++) {
    const parent = walker.currentNode.parentElement;
    if (isVisible(parent) && !privacy.masksText(parent) && !privacy.blocks(parent)) {
      text = collapse(text + ' ' + walker.currentNode.textContent);
    }
  }
  return text.slice(0, TEXT_CHARS);
}

function isVisible(element: Element | null): boolean {
  if (!element || /^(script|style|noscript|textarea|option)$/.test(element.localName)) {
    return false;
  }
  return element.checkVisibility?.({ visibilityProperty: true }) ?? true;
}

function collapse(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
