import type { Manifest, RecordedWindow } from '../playback/api';

/** From this instant on, this window is the one that the user looks at. */
export interface WindowSwitch {
  ts: number;
  windowId: string;
}

/** The first thing that can be shown of a window, or undefined when it has neither full snapshot nor keyframe. */
function firstShown(window: RecordedWindow): number | undefined {
  const made = window.keyframes.map(({ ts }) => ts);
  const all = [...window.segments.flatMap((segment) => segment.fullSnapshots), ...made];
  return all.length > 0 ? Math.min(...all) : undefined;
}

/**
 * Which window the user looked at, in the order of time: the one that was opened, clicked, navigated or brought to
 * the front last. A window that cannot be shown is never switched to, unless there is no other.
 */
export function windowSwitches({ windows, moments }: Manifest): WindowSwitch[] {
  const shown = new Map<string, number>();
  for (const window of windows) {
    const first = firstShown(window);
    if (first !== undefined) {
      shown.set(window.windowId, first);
    }
  }
  if (shown.size === 0) {
    return windows.slice(0, 1).map(({ windowId, start }) => ({ ts: start, windowId }));
  }
  const opened = [...shown].map(([windowId, ts]) => ({ ts, windowId }));
  const used = moments
    .filter((moment) => meansInFront(moment.kind, moment.name) && moment.ts >= (shown.get(moment.windowId) ?? Infinity))
    .map(({ ts, windowId }) => ({ ts, windowId }));
  return withoutRepeats([...opened, ...used].sort((a, b) => a.ts - b.ts));
}

/** The window at the instant; before the first switch it is the first window. */
export function windowAt(switches: WindowSwitch[], ts: number): string {
  let windowId = switches[0]?.windowId ?? '';
  for (const change of switches) {
    if (change.ts > ts) {
      break;
    }
    windowId = change.windowId;
  }
  return windowId;
}

const IN_FRONT = ['click', 'input', 'submit', 'scroll', 'navigation', 'page_load'];

function meansInFront(kind: string, name: string): boolean {
  return IN_FRONT.includes(kind) || (kind === 'visibility' && name === 'visible');
}

function withoutRepeats(switches: WindowSwitch[]): WindowSwitch[] {
  return switches.filter((change, index) => index === 0 || change.windowId !== switches[index - 1].windowId);
}
