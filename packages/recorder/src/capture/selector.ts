/** How many elements a structural path names: enough to recognise, short enough to read. */
const MAX_STEPS = 4;

/**
 * A selector that people recognise: the id, else the test id, else a short path down from the nearest ancestor that has
 * one. With `testIds` false test ids are left out: where text is masked they may name a person.
 */
export function selectorOf(element: Element, testIds: boolean): string {
  const steps: string[] = [];
  for (let at: Element | null = element; at && steps.length < MAX_STEPS; at = at.parentElement) {
    const anchor = anchorOf(at, testIds);
    steps.unshift(anchor ?? stepOf(at));
    if (anchor || at.localName === 'body') {
      break;
    }
  }
  return steps.join(' > ');
}

function anchorOf(element: Element, testIds: boolean): string | undefined {
  if (element.id) {
    return '#' + CSS.escape(element.id);
  }
  const testId = testIds && element.getAttribute('data-testid');
  return testId ? `[data-testid="${CSS.escape(testId)}"]` : undefined;
}

function stepOf(element: Element): string {
  const siblings = Array.from(element.parentElement?.children ?? []).filter(
    (sibling) => sibling.localName === element.localName
  );
  const position = siblings.length > 1 ? `:nth-of-type(${siblings.indexOf(element) + 1})` : '';
  return CSS.escape(element.localName) + position;
}
