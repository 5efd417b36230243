import type { GapLine, Keyframe, LoadedSegment, RecordedWindow, RecordingSource } from '../playback/api';

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

  /**
   * The keyframe, when there is one, and every segment of the range in order, from memory or in as few requests as
   * possible. The keyframe's position is that before the range.
   */
  async *load(
    window: RecordedWindow,
    { from, to }: Positions,
    signal: AbortSignal,
    keyframe?: Keyframe
  ): AsyncGenerator<{ position: number; answer: LoadedSegment | GapLine }> {
    let position = from;
    if (keyframe) {
      const kept = this.take(keyframeKey(window, keyframe));
      if (kept) {
        yield { position: from - 1, answer: kept };
      } else {
        const last = this.firstKept(window, from, to) - 1;
        for await (const answer of this.request(window, from, last, signal, keyframe)) {
          yield { position: isOf(answer, 'keyframe') ? from - 1 : position++, answer };
        }
      }
    }
    while (position <= to) {
      const kept = this.take(key(window, position));
      if (kept) {
        yield { position, answer: kept };
        position++;
        continue;
      }
      const last = this.firstKept(window, position + 1, to) - 1;
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
    signal: AbortSignal,
    keyframe?: Keyframe
  ): AsyncGenerator<LoadedSegment | GapLine> {
    const { windowId, segments } = window;
    const range = {
      windowId,
      fromSeq: segments[from]?.seq ?? Infinity,
      toSeq: segments[to]?.seq ?? -1,
      keyframe: keyframe?.afterSeq,
    };
    let position = from;
    for await (const answer of this.source.segments(this.sessionId, range, signal)) {
      signal.throwIfAborted();
      if (isOf(answer, 'keyframe')) {
        if (keyframe && answer.seq === keyframe.afterSeq) {
          this.keep(keyframeKey(window, keyframe), answer, keyframe.bytes);
          yield answer;
        }
        continue;
      }
      // What the answer leaves out is missing, and what nobody asked for is not ours.
      while (position <= to && segments[position].seq < answer.seq) {
        yield missing(windowId, segments[position++].seq);
      }
      if (position <= to && segments[position].seq === answer.seq) {
        this.keep(key(window, position), answer, segments[position].bytes);
        position++;
        yield answer;
      }
    }
    while (position <= to) {
      yield missing(windowId, segments[position++].seq);
    }
  }

  /** Position of the first segment of the range that need not be asked for; behind the range when there is none. */
  private firstKept(window: RecordedWindow, from: number, to: number): number {
    let position = from;
    while (position <= to && !this.kept.has(key(window, position))) {
      position++;
    }
    return position;
  }

  private take(id: string): LoadedSegment | GapLine | undefined {
    const entry = this.kept.get(id);
    if (entry) {
      this.kept.delete(id);
      this.kept.set(id, entry);
    }
    return entry?.answer;
  }

  private keep(id: string, answer: LoadedSegment | GapLine, bytes: number): void {
    this.kept.set(id, { answer, bytes });
    this.keptBytes += bytes;
    for (const [oldest, { bytes: freed }] of this.kept) {
      if (this.keptBytes <= this.limitBytes) {
        return;
      }
      this.kept.delete(oldest);
      this.keptBytes -= freed;
    }
  }
}

function key(window: RecordedWindow, position: number): string {
  return `${window.windowId} ${window.segments[position].seq}`;
}

function keyframeKey(window: RecordedWindow, { afterSeq }: Keyframe): string {
  return `${window.windowId} keyframe ${afterSeq}`;
}

function isOf(answer: LoadedSegment | GapLine, type: LoadedSegment['type']): boolean {
  return (answer.type === 'gap' ? answer.of : answer.type) === type;
}

function missing(windowId: string, seq: number): GapLine {
  return { type: 'gap', of: 'segment', windowId, seq, cause: 'not in the answer' };
}
