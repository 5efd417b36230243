import {
  type Gap,
  type GapLine,
  type LoadedSegment,
  PlaybackError,
  type RecordedWindow,
  UNPLAYABLE,
} from '../playback/api';
import { EventPreparer, isActivity, isFullSnapshot, parseEvent, type RecordedEvent } from '../replayer/events';
import type { Replay } from '../replayer/Replay';
import { insertSorted } from '../timeline/inactivity';
import { type Beginning, beginningFor, beginningsOf, openingPositions, type Positions } from './positions';
import type { SegmentLoader } from './SegmentLoader';
import type { Span } from './Span';

/** The manifest's times are whole, those of events need not be. */
const SAME_MS = 1;
const NOT_FOUND = 404;

export interface SpanBuilderOptions {
  loader: SegmentLoader;
  /** Sorted times of the session's moments that are activity. */
  moments: number[];
  createReplay: (events: RecordedEvent[]) => Replay;
  /** A segment that the manifest promised could not be read. */
  onGap: (windowId: string, gap: Gap) => void;
}

/** Makes spans out of segments and lets them grow. It remembers which beginnings turned out to be missing. */
export class SpanBuilder {
  private readonly unreadable = new Set<string>();

  constructor(private readonly options: SpanBuilderOptions) {}

  /**
   * A span that can show the instant, from the nearest full snapshot or keyframe that can be read. Rejects with a PlaybackError
   * when the window has none, and with the signal's reason when it is aborted: then no replay was made.
   */
  async build(window: RecordedWindow, ts: number, signal: AbortSignal): Promise<Span> {
    for (let beginning = this.beginningAt(window, ts); beginning; beginning = this.beginningAt(window, ts)) {
      const span = await this.buildFrom(window, beginning, ts, signal);
      if (span) {
        return span;
      }
      this.unreadable.add(beginningKey(window, beginning));
    }
    throw new PlaybackError(nothingToShow(window), UNPLAYABLE);
  }

  /** Adds segments to the span as they arrive; `onGrown` is called after each. */
  async extend(span: Span, positions: Positions, signal: AbortSignal, onGrown: () => void): Promise<void> {
    for await (const { position, answer } of this.options.loader.load(span.window, positions, signal)) {
      signal.throwIfAborted();
      span.replay.add(this.read(span.window, answer, span.preparer, span.activity));
      span.loadedTo = position;
      span.loadedBytes += span.window.segments[position].bytes;
      onGrown();
    }
  }

  /** Whether a span for the instant would begin later than this one does. */
  canBeginLater(span: Span, ts: number): boolean {
    const beginning = this.beginningAt(span.window, ts);
    return beginning !== undefined && beginning.ts > span.replay.start;
  }

  private beginningAt(window: RecordedWindow, ts: number): Beginning | undefined {
    const readable = beginningsOf(window).filter((beginning) => !this.unreadable.has(beginningKey(window, beginning)));
    return beginningFor(window, readable, ts);
  }

  /** undefined when what it begins with is not where it should be. */
  private async buildFrom(
    window: RecordedWindow,
    beginning: Beginning,
    ts: number,
    signal: AbortSignal
  ): Promise<Span | undefined> {
    const { keyframe } = beginning;
    const positions = openingPositions(window, beginning, ts);
    const preparer = new EventPreparer();
    const activity = [...this.options.moments];
    const events: RecordedEvent[] = [];
    try {
      for await (const { answer } of this.options.loader.load(window, positions, signal, keyframe)) {
        if (answer.type === 'gap' && answer.of === 'keyframe') {
          return undefined; // Nothing is missing: the segments are there.
        }
        events.push(...this.read(window, answer, preparer, activity));
      }
    } catch (error) {
      // A keyframe may have been made again since the manifest was read.
      if (keyframe && error instanceof PlaybackError && error.status === NOT_FOUND) {
        return undefined;
      }
      throw error;
    }
    signal.throwIfAborted();
    const begun = eventsFrom(events, beginning.ts);
    return (
      begun && {
        window,
        replay: this.options.createReplay(begun),
        preparer,
        activity,
        loadedTo: positions.to,
        loadedBytes: sumBytes(window, positions) + (keyframe?.bytes ?? 0),
      }
    );
  }

  private read(
    window: RecordedWindow,
    answer: LoadedSegment | GapLine,
    preparer: EventPreparer,
    activity: number[]
  ): RecordedEvent[] {
    if (answer.type === 'gap') {
      this.reportGap(window, answer.seq, answer.cause);
      return [];
    }
    const events = answer.lines.flatMap((line) => parseEvent(line, answer.clockOffsetMs) ?? []);
    const corrupt = answer.lines.length - events.length;
    if (corrupt > 0) {
      this.reportGap(window, answer.seq, `${corrupt} unreadable ${corrupt === 1 ? 'event' : 'events'}`);
    }
    insertSorted(
      activity,
      events.filter(isActivity).map((event) => event.timestamp)
    );
    return events.flatMap((event) => preparer.prepare(event));
  }

  private reportGap(window: RecordedWindow, seq: number, cause: string): void {
    const segment = window.segments.find((candidate) => candidate.seq === seq);
    if (segment) {
      this.options.onGap(window.windowId, { start: segment.start, end: segment.end, cause });
    }
  }
}

/** The prepared events from the full snapshot at ts on, its Meta first; undefined when it is not among them. */
function eventsFrom(events: RecordedEvent[], ts: number): RecordedEvent[] | undefined {
  const sorted = [...events].sort((a, b) => a.timestamp - b.timestamp);
  const snapshot = sorted.findIndex((event) => isFullSnapshot(event) && Math.abs(event.timestamp - ts) <= SAME_MS);
  // The Meta that the preparer puts before every full snapshot has the same time, so it is still right before it.
  return snapshot > 0 ? sorted.slice(snapshot - 1) : undefined;
}

function beginningKey(window: RecordedWindow, { position, ts, keyframe }: Beginning): string {
  return `${window.windowId} ${keyframe ? 'keyframe' : position} ${ts}`;
}

function nothingToShow(window: RecordedWindow): string {
  return window.segments.some((segment) => segment.fullSnapshots.length > 0)
    ? 'The full snapshots of this recording cannot be read, so there is no page to show. Its moments are listed.'
    : 'This recording has no full snapshot, so there is no page to show. Its moments are listed.';
}

function sumBytes(window: RecordedWindow, { from, to }: Positions): number {
  return window.segments.slice(from, to + 1).reduce((sum, segment) => sum + segment.bytes, 0);
}
