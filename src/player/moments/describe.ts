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
  const words = WORDS[moment.kind]?.(moment) ?? joined(moment.name, moment.text, ': ');
  return words || moment.kind.replaceAll('_', ' ');
}

const WORDS: Record<string, (moment: Moment) => string> = {
  page_load: ({ url }) => pathOf(url),
  navigation: ({ url, name }) => pathOf(url) || joined('navigation', name),
  click: ({ text, selector, name }) => (text ? `“${text}”` : selector || joined('click', name)),
  request: ({ name, url }) => joined(name, pathOf(url)),
  error: ({ name, text }) => joined(name, text, ': '),
  console: ({ text, name }) => text || joined('console', name),
  visibility: ({ name }) => (name === 'hidden' ? 'Window hidden' : 'Window visible'),
  long_frame: ({ durationMs }) => `Page froze for ${formatMs(durationMs)}`,
  identify: ({ name }) => joined('User', name),
  state: ({ name, text }) => joined(joined('Recorder', name), text, ': '),
};

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
function pathOf(url: string): string {
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
