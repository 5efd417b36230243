import { keyCommand, keyIsTaken } from './keyboard';
import { speedAfter } from './speeds';

const key = (name: string, modifiers = {}) => ({
  key: name,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...modifiers,
});

test.each([
  [key(' '), { type: 'toggle' }],
  [key('ArrowLeft'), { type: 'seek', byMs: -5000 }],
  [key('ArrowRight', { shiftKey: true }), { type: 'seek', byMs: 30_000 }],
  [key('ArrowUp'), { type: 'speed', steps: 1 }],
  [key('f'), { type: 'fullScreen' }],
  [key('f', { ctrlKey: true }), undefined],
  [key('a'), undefined],
])('keyCommand %j', (pressed, expected) => {
  expect(keyCommand(pressed)).toEqual(expected);
});

describe('keyIsTaken', () => {
  function target(html: string): HTMLElement {
    document.body.innerHTML = html;
    return document.querySelector<HTMLElement>('[data-target]') ?? document.body;
  }

  it.each([
    ['<input data-target>', 'f', true],
    ['<input data-target>', 'ArrowLeft', true],
    ['<input type="radio" data-target>', 'ArrowLeft', true],
    ['<input type="radio" data-target>', 'f', false],
    ['<button data-target></button>', ' ', true],
    ['<button data-target></button>', 'ArrowLeft', false],
    ['<div role="slider" data-target></div>', ' ', false],
    ['<ul><li><button data-target></button></li></ul>', 'ArrowDown', true],
    ['<div role="slider" data-target></div>', 'ArrowDown', false],
  ])('%s %s: %s', (html, pressed, expected) => {
    expect(keyIsTaken(pressed, target(html))).toBe(expected);
  });
});

test('speedAfter stays at the ends', () => {
  expect(speedAfter(1, 1)).toBe(2);
  expect(speedAfter(16, 1)).toBe(16);
  expect(speedAfter(0.5, -1)).toBe(0.5);
});
