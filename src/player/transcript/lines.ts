import { describeMoment, formatMs, outcomeOf, pathOf, signalTitle } from '../moments/describe';
import { type Severity, severityOf } from '../moments/severity';
import type { Moment } from '../playback/api';

/** A line of the session as somebody would tell it. */
export interface TranscriptLine {
  ts: number;
  severity: Severity;
  text: string;
  moment: Moment;
}

/** Kinds that tell nothing about what the user did or saw. */
const LEFT_OUT: ReadonlySet<string> = new Set(['vital', 'scroll', 'state']);

export function transcriptOf(moments: Moment[]): TranscriptLine[] {
  return moments
    .filter(({ kind, name }) => !LEFT_OUT.has(kind) || name === 'dropped')
    .map((moment) => ({ ts: moment.ts, severity: severityOf(moment), text: sentenceOf(moment), moment }));
}

/** The lines that have all words of the search. */
export function matchingLines(lines: TranscriptLine[], search: string): TranscriptLine[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return words.length === 0
    ? lines
    : lines.filter(({ text, moment }) => {
        const searched = `${text} ${moment.url} ${moment.traceId}`.toLowerCase();
        return words.every((word) => searched.includes(word));
      });
}

function sentenceOf(moment: Moment): string {
  return SENTENCES[moment.kind]?.(moment) ?? describeMoment(moment);
}

const SENTENCES: Record<string, (moment: Moment) => string> = {
  page_load: ({ url }) => `opened ${pathOf(url) || 'a page'}`,
  navigation: ({ url }) => `went to ${pathOf(url) || 'another page'}`,
  click: ({ name, text, selector }) => `clicked ${elementOf(name, text, selector)}`,
  input: ({ name, text, selector }) => `changed ${elementOf(name, text, selector)}`,
  submit: ({ name, text, selector }) => `submitted ${elementOf(name, text, selector)}`,
  request: (moment) => {
    const took = moment.durationMs > 0 ? ` in ${formatMs(moment.durationMs)}` : '';
    return `${describeMoment(moment)} → ${outcomeOf(moment)}${took}`;
  },
  console: ({ name, text }) => `console ${name}: ${text}`,
  visibility: ({ name }) => (name === 'hidden' ? 'left the window' : 'came back to the window'),
  identify: ({ name }) => `is known as ${name}`,
  signal: ({ name, text }) => (text ? `${signalTitle(name)}: ${text}` : signalTitle(name)),
};

function elementOf(name: string, text: string, selector: string): string {
  return [name, text ? `“${text}”` : selector].filter((part) => part !== '').join(' ') || 'something';
}
