import type { TranscriptLine } from '../playback/api';

/** The lines that have all words of the search, in their text, address or trace id. */
export function matchingLines(lines: TranscriptLine[], search: string): TranscriptLine[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return words.length === 0
    ? lines
    : lines.filter(({ text, url, traceId }) => {
        const searched = `${text} ${url} ${traceId}`.toLowerCase();
        return words.every((word) => searched.includes(word));
      });
}
