import type { Moment } from '../playback/api';

/** What a moment is filed under: a lane of the timeline and a filter of the list. */
export type MomentGroup = 'navigation' | 'click' | 'request' | 'error' | 'other';

export const MOMENT_GROUPS: ReadonlyArray<{ group: MomentGroup; label: string }> = [
  { group: 'navigation', label: 'Pages' },
  { group: 'click', label: 'Clicks' },
  { group: 'request', label: 'Requests' },
  { group: 'error', label: 'Errors' },
  { group: 'other', label: 'Other' },
];

const FIRST_FAILED_STATUS = 400;

export function groupOf({ kind, name }: Moment): MomentGroup {
  switch (kind) {
    case 'page_load':
    case 'navigation':
      return 'navigation';
    case 'click':
    case 'request':
    case 'error':
      return kind;
    case 'console':
      return name === 'error' ? 'error' : 'other';
    default:
      return 'other';
  }
}

/** A request that got no answer or one that refuses. */
export function isFailedRequest(moment: Moment): boolean {
  return moment.kind === 'request' && (moment.status >= FIRST_FAILED_STATUS || moment.status === 0);
}

/** The moment in a few words, without its time. */
export function describeMoment(moment: Moment): string {
  const { kind, name, text, url } = moment;
  switch (kind) {
    case 'page_load':
      return pathOf(url) || 'Page load';
    case 'navigation':
      return pathOf(url) || joined('Navigation', name);
    case 'click':
      return text ? `“${text}”` : moment.selector || joined('Click', name);
    case 'request':
      return joined(name, pathOf(url));
    case 'error':
      return joined(name, text, ': ') || 'Error';
    case 'console':
      return text || joined('Console', name);
    case 'visibility':
      return name === 'hidden' ? 'Window hidden' : 'Window visible';
    case 'long_frame':
      return `Page froze for ${formatMs(moment.durationMs)}`;
    case 'identify':
      return joined('User', name);
    case 'state':
      return joined(joined('Recorder', name), text, ': ');
    default:
      return joined(name, text, ': ') || kind.replaceAll('_', ' ');
  }
}

/** What came of a request: its status, or why there is none. '' for other moments. */
export function outcomeOf(moment: Moment): string {
  if (moment.kind !== 'request') {
    return '';
  }
  return moment.status > 0 ? String(moment.status) : moment.text || 'failed';
}

export function formatMs(durationMs: number): string {
  return durationMs < 1000
    ? `${Math.round(durationMs)} ms`
    : `${(durationMs / 1000).toFixed(durationMs < 10_000 ? 1 : 0)} s`;
}

/** Path and query of an address; the text itself when it is none. */
export function pathOf(url: string): string {
  try {
    const { pathname, search } = new URL(url);
    return pathname + search;
  } catch {
    return url;
  }
}

function joined(first: string, second: string, separator = ' '): string {
  return [first, second].filter((part) => part !== '').join(separator);
}
