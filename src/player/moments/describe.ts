import type { Moment } from '../playback/api';

/** What a moment is filed under: a lane of the timeline and a filter of the list. */
export type MomentGroup = 'navigation' | 'action' | 'request' | 'text' | 'error' | 'signal' | 'other';

export const MOMENT_GROUPS: ReadonlyArray<{ group: MomentGroup; label: string }> = [
  { group: 'signal', label: 'Signals' },
  { group: 'error', label: 'Errors' },
  { group: 'navigation', label: 'Pages' },
  { group: 'action', label: 'Actions' },
  { group: 'request', label: 'Requests' },
  { group: 'text', label: 'Texts' },
  { group: 'other', label: 'Other' },
];

const FIRST_FAILED_STATUS = 400;

const GROUPS: Record<string, MomentGroup> = {
  page_load: 'navigation',
  navigation: 'navigation',
  click: 'action',
  input: 'action',
  submit: 'action',
  request: 'request',
  text_appeared: 'text',
  text_vanished: 'text',
  error: 'error',
  signal: 'signal',
};

export function groupOf({ kind, name }: Pick<Moment, 'kind' | 'name'>): MomentGroup {
  return kind === 'console' && name === 'error' ? 'error' : (GROUPS[kind] ?? 'other');
}

/** A request that got no answer or one that refuses. */
export function isFailedRequest(moment: Moment): boolean {
  return moment.kind === 'request' && (moment.status >= FIRST_FAILED_STATUS || moment.status === 0);
}

/** The moment in a few words, without its time. */
export function describeMoment(moment: Moment): string {
  const words = WORDS[moment.kind]?.(moment) ?? joined(moment.name, moment.text, ': ');
  return words || inWords(moment.kind);
}

const WORDS: Record<string, (moment: Moment) => string> = {
  page_load: ({ url }) => pathOf(url),
  navigation: ({ url, name }) => pathOf(url) || joined('navigation', name),
  click: ({ text, selector, name }) => (text ? `“${text}”` : selector || joined('click', name)),
  input: ({ text, selector, name }) => joined('Input in', text ? `“${text}”` : selector || name),
  submit: ({ text, selector, name }) => joined('Submitted', text ? `“${text}”` : selector || name),
  scroll: ({ text, name }) => joined('Scrolled', text || name),
  request: ({ name, url }) => joined(name, pathOf(url)),
  error: ({ name, text }) => joined(name, text, ': '),
  console: ({ text, name }) => text || joined('console', name),
  visibility: ({ name }) => (name === 'hidden' ? 'Window hidden' : 'Window visible'),
  long_frame: ({ durationMs }) => `Page froze for ${formatMs(durationMs)}`,
  vital: ({ name, text }) => joined(name, text),
  text_appeared: ({ text }) => `“${text}” appeared`,
  text_vanished: ({ text, durationMs }) =>
    joined(`“${text}” vanished`, durationMs > 0 ? `after ${formatMs(durationMs)}` : ''),
  gap: ({ text }) => joined('Missing', text, ': '),
  identify: ({ name }) => joined('User', name),
  state: ({ name, text }) => joined(joined('Recorder', inWords(name)), text, ': '),
  signal: ({ name, text }) => text || signalTitle(name),
};

/** What kind of signal it is, in words: `Vanished message`. */
function signalTitle(name: string): string {
  const words = inWords(name);
  return words.charAt(0).toUpperCase() + words.slice(1);
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
function pathOf(url: string): string {
  try {
    const { pathname, search } = new URL(url);
    return pathname + search;
  } catch {
    return url;
  }
}

function inWords(name: string): string {
  return name.replaceAll('_', ' ');
}

function joined(first: string, second: string, separator = ' '): string {
  return [first, second].filter((part) => part !== '').join(separator);
}
