import type { GapLine, LoadedSegment, RecordedWindow, RecordingSource } from '../playback/api';

import type { Positions } from './positions';

/** Raw text of segments kept for seeking back; about twice that in memory. */
const CACHE_BYTES = 24 * 1024 * 1024;

/**
 * Loads segments of one session and keeps the newest of them. Lines are kept as text, not as objects, because rrweb
 * changes the events that it plays.
 */
export class SegmentLoader {
  private readonly kept = new Map<string, { answer: LoadedSegment | GapLine; bytes: number }>();
  private keptBytes = 0;

  constructor(
    private readonly source: RecordingSource,
    private readonly sessionId: string,
    private readonly limitBytes = CACHE_BYTES
  ) {}

  /** Every segment of the range in order, from memory or in as few requests as possible. */
  async *load(
    window: RecordedWindow,
    { from, to }: Positions,
    signal: AbortSignal
  ): AsyncGenerator<{ position: number; answer: LoadedSegment | GapLine }> {
    let position = from;
    while (position <= to) {
      const kept = this.take(window, position);
      if (kept) {
        yield { position, answer: kept };
        position++;
        continue;
      }
      const last = this.lastMissing(window, position, to);
      for await (const answer of this.request(window, position, last, signal)) {
        yield { position, answer };
        position++;
      }
    }
  }

  private async *request(
    window: RecordedWindow,
    from: number,
    to: number,
    signal: AbortSignal
  ): AsyncGenerator<LoadedSegment | GapLine> {
    const { windowId, segments } = window;
    const range = { windowId, fromSeq: segments[from].seq, toSeq: segments[to].seq };
    let position = from;
    for await (const answer of this.source.segments(this.sessionId, range, signal)) {
      signal.throwIfAborted();
      // What the answer leaves out is missing, and what nobody asked for is not ours.
      while (position <= to && segments[position].seq < answer.seq) {
        yield missing(windowId, segments[position++].seq);
      }
      if (position <= to && segments[position].seq === answer.seq) {
        this.keep(window, position++, answer);
        yield answer;
      }
    }
    while (position <= to) {
      yield missing(windowId, segments[position++].seq);
    }
  }

  private lastMissing(window: RecordedWindow, from: number, to: number): number {
    let last = from;
    while (last < to && !this.kept.has(key(window, last + 1))) {
      last++;
    }
    return last;
  }

  private take(window: RecordedWindow, position: number): LoadedSegment | GapLine | undefined {
    const id = key(window, position);
    const entry = this.kept.get(id);
    if (entry) {
      this.kept.delete(id);
      this.kept.set(id, entry);
    }
    return entry?.answer;
  }

  private keep(window: RecordedWindow, position: number, answer: LoadedSegment | GapLine): void {
    const { bytes } = window.segments[position];
    this.kept.set(key(window, position), { answer, bytes });
    this.keptBytes += bytes;
    for (const [id, oldest] of this.kept) {
      if (this.keptBytes <= this.limitBytes) {
        return;
      }
      this.kept.delete(id);
      this.keptBytes -= oldest.bytes;
    }
  }
}

function key(window: RecordedWindow, position: number): string {
  return `${window.windowId} ${window.segments[position].seq}`;
}

function missing(windowId: string, seq: number): GapLine {
  return { type: 'gap', windowId, seq, cause: 'not in the answer' };
}
