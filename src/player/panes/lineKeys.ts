import type { KeyboardEvent } from 'react';

/** Arrow keys move the focus between the lines of a list, each with a button of its own. */
export function moveBetweenLines(event: KeyboardEvent<HTMLElement>): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  if (step === 0 || !(event.target instanceof HTMLElement)) {
    return;
  }
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-seek]')];
  const from = buttons.findIndex((button) => button.closest('li') === (event.target as HTMLElement).closest('li'));
  const to = buttons[from + step];
  if (from >= 0 && to) {
    event.preventDefault();
    to.focus();
  }
}

/** Scrolls a line into view, unless the reader is looking around in the list. */
export function followLine(scroller: HTMLElement, line: HTMLElement): void {
  if (scroller.matches(':hover, :focus-within')) {
    return;
  }
  const top = line.offsetTop;
  if (top < scroller.scrollTop || top + line.offsetHeight > scroller.scrollTop + scroller.clientHeight) {
    scroller.scrollTop = top - scroller.clientHeight / 3;
  }
}
