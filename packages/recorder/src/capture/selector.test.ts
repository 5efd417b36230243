import { selectorOf } from './selector';

beforeAll(() => {
  // jsdom has no CSS object; the browser scenarios use the real one.
  Object.assign(globalThis, { CSS: { escape: (text: string) => text.replace(/[^\w-]/g, '\\$&') } });
});

describe('selectorOf', () => {
  const tests: Array<[html: string, testIds: boolean, want: string]> = [
    ['<button id="order" target></button>', true, '#order'],
    ['<button id="a:b" target></button>', true, '#a\\:b'],
    ['<button data-testid="order" target></button>', true, '[data-testid="order"]'],
    ['<button data-testid="mr-x" target></button>', false, 'body > button'],
    ['<form id="f"><p><i></i><i target></i></p></form>', true, '#f > p > i:nth-of-type(2)'],
    ['<a><b><i><u><s target></s></u></i></b></a>', true, 'b > i > u > s'],
  ];
  it.each(tests)('%s', (html, testIds, want) => {
    document.body.innerHTML = html;
    const element = document.querySelector('[target]') as Element;
    expect(selectorOf(element, testIds)).toBe(want);
    expect(document.querySelector(want)).toBe(element);
  });
});
