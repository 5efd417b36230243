/** What a key does to the player; undefined when it is none of the player's. */
export type KeyCommand =
  { type: 'toggle' } | { type: 'seek'; byMs: number } | { type: 'speed'; steps: 1 | -1 } | { type: 'fullScreen' };

const STEP_MS = 5_000;
const LONG_STEP_MS = 30_000;

interface Key {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

export function keyCommand({ key, shiftKey, ctrlKey, metaKey, altKey }: Key): KeyCommand | undefined {
  if (ctrlKey || metaKey || altKey) {
    return undefined;
  }
  const step = shiftKey ? LONG_STEP_MS : STEP_MS;
  switch (key) {
    case ' ':
      return { type: 'toggle' };
    case 'ArrowLeft':
      return { type: 'seek', byMs: -step };
    case 'ArrowRight':
      return { type: 'seek', byMs: step };
    case 'ArrowUp':
      return { type: 'speed', steps: 1 };
    case 'ArrowDown':
      return { type: 'speed', steps: -1 };
    case 'f':
    case 'F':
      return { type: 'fullScreen' };
    default:
      return undefined;
  }
}

/**
 * Whether the key belongs to what has the focus: letters to a field, the space bar to a button, arrows to a choice or
 * a list, arrows sideways to tabs.
 */
export function keyIsTaken(key: string, target: HTMLElement): boolean {
  if (target.closest('textarea, select, [contenteditable="true"]')) {
    return true;
  }
  const input = target.closest('input');
  if (input) {
    return !['checkbox', 'radio', 'button'].includes(input.type) || key !== 'f';
  }
  if (key === 'ArrowUp' || key === 'ArrowDown') {
    return target.closest('ul, ol') !== null;
  }
  if (key === 'ArrowLeft' || key === 'ArrowRight') {
    return target.closest('[role="tablist"]') !== null;
  }
  return key === ' ' && target.closest('button, a, [role="switch"]') !== null;
}
