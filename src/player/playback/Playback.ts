import {
  aheadPositions,
  fullSnapshots,
  type FullSnapshot,
  loadedUntil,
  openingPositions,
  startingSnapshot,
} from '../loading/span';
import { SegmentLoader } from '../loading/SegmentLoader';
import { EventPreparer, isActivity, isFullSnapshot, parseEvent, type RecordedEvent } from '../replayer/events';
import type { Replay, ReplayOptions } from '../replayer/Replay';
import { insertSorted, isActiveMoment, skipTarget } from '../timeline/inactivity';
import { windowAt, type WindowSwitch, windowSwitches } from '../timeline/windows';

import {
  type Gap,
  type GapLine,
  type LoadedSegment,
  type Manifest,
  PlaybackError,
  type RecordedWindow,
  type RecordingSource,
} from './api';
import type { Playhead } from './Playhead';
import type { PlayerAction } from './status';

/** The manifest's times are whole, those of events need not be. */
const SAME_MS = 1;
/** How often the playhead is published while playing. The picture itself moves with every frame. */
const PUBLISH_MS = 200;
/** A replay that has grown beyond this while playing begins anew from a later full snapshot. */
const SPAN_BYTES = 32 * 1024 * 1024;
/** rrweb's clock stands still when an event cannot be shown; after this long, that is what has happened. */
const STUCK_MS = 3_000;
/** A failed prefetch is not repeated before this, unless the playhead waits for it. */
const PREFETCH_RETRY_MS = 5_000;

export interface PlaybackOptions {
  source: RecordingSource;
  sessionId: string;
  manifest: Manifest;
  playhead: Playhead;
  createReplay: (options: Omit<ReplayOptions, 'root' | 'onSize' | 'onBlocked' | 'mouseTail'>) => Replay;
  dispatch: (action: PlayerAction) => void;
  /** A segment that the manifest promised could not be read. */
  onGap: (windowId: string, gap: Gap) => void;
  /** Inactivity was jumped over. */
  onSkip: (skippedMs: number) => void;
}

/** What is loaded and shown: consecutive segments of one window. */
interface Span {
  window: RecordedWindow;
  replay: Replay;
  preparer: EventPreparer;
  /** Position of the last loaded segment. */
  loadedTo: number;
  loadedBytes: number;
  /** Sorted times of activity: the session's moments, and what the loaded events show. */
  activity: number[];
}

/**
 * Plays one session: decides which window and which segments, loads them, and moves the playhead. It belongs to
 * useReplayer, which starts and destroys it.
 */
export class Playback {
  readonly start: number;
  readonly end: number;
  private readonly loader: SegmentLoader;
  private readonly switches: WindowSwitch[];
  private readonly moments: number[];
  private readonly unreadable = new Set<string>();
  private span: Span | undefined;
  private loading = new AbortController();
  private filling = false;
  private failed = false;
  private prefetchAt = 0;
  private playing = false;
  private stalled = false;
  private speed = 1;
  private skipsInactivity = false;
  private pinned: string | undefined;
  private frame = 0;
  private published = 0;
  private moved = { ts: 0, at: 0 };

  constructor(private readonly options: PlaybackOptions) {
    const { manifest, source, sessionId } = options;
    this.loader = new SegmentLoader(source, sessionId);
    this.switches = windowSwitches(manifest);
    this.moments = manifest.moments.filter(isActiveMoment).map((moment) => moment.ts);
    const { start, end } = sessionBounds(manifest);
    this.start = start;
    this.end = end;
  }

  play(): void {
    this.playing = true;
    this.options.dispatch({ type: 'play' });
    if (this.failed) {
      this.seek(this.position());
    } else if (this.position() >= this.end) {
      this.seek(this.start);
    } else if (this.span && !this.stalled) {
      this.run(this.position());
    }
  }

  pause(): void {
    this.playing = false;
    this.halt();
    this.options.dispatch({ type: 'pause' });
  }

  /** Shows the instant, and plays on from there when it was playing. */
  seek(ts: number): void {
    const target = Math.min(Math.max(ts, this.start), this.end);
    const window = this.windowFor(target);
    const { span } = this;
    if (!window) {
      this.fail(new PlaybackError('This session has no recorded windows', 0));
    } else if (span && span.window === window && this.isLoaded(span, target)) {
      this.restart();
      this.present(span, target);
    } else {
      void this.open(window, target);
    }
  }

  /** Shows this window only, or the one with the user's activity again. */
  pin(windowId: string | undefined, ts = this.position()): void {
    this.pinned = windowId;
    this.seek(ts);
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    this.span?.replay.setSpeed(speed);
    this.fill();
  }

  setSkipsInactivity(skips: boolean): void {
    this.skipsInactivity = skips;
  }

  /** The browser stops drawing a page in the background: without this, rrweb would catch up all at once. */
  setHidden(hidden: boolean): void {
    if (hidden) {
      this.halt();
    } else if (this.playing && this.span && !this.stalled) {
      this.run(this.position());
    }
  }

  destroy(): void {
    this.loading.abort();
    cancelAnimationFrame(this.frame);
    this.span?.replay.destroy();
    this.span = undefined;
  }

  private position(): number {
    return this.options.playhead.timestamp();
  }

  private windowFor(ts: number): RecordedWindow | undefined {
    const windowId = this.pinned ?? windowAt(this.switches, ts);
    return this.options.manifest.windows.find((window) => window.windowId === windowId);
  }

  private isLoaded(span: Span, ts: number): boolean {
    return ts >= span.replay.start && ts < loadedUntil(span.window, span.loadedTo);
  }

  /** Builds a replay of the instant from the nearest full snapshot that can be read. */
  private async open(window: RecordedWindow, ts: number): Promise<void> {
    const signal = this.restart();
    this.stalled = true;
    this.halt();
    this.options.playhead.move(ts);
    this.options.dispatch({ type: 'load' });
    try {
      for (let snapshot = this.snapshotFor(window, ts); snapshot; snapshot = this.snapshotFor(window, ts)) {
        const span = await this.build(window, snapshot, ts, signal);
        if (signal.aborted) {
          return;
        }
        if (span) {
          this.present(span, ts);
          return;
        }
      }
      this.fail(new PlaybackError(noSnapshot(window), 0));
    } catch (error) {
      if (!signal.aborted) {
        this.fail(error);
      }
    }
  }

  private restart(): AbortSignal {
    this.loading.abort();
    this.loading = new AbortController();
    this.filling = false;
    this.failed = false;
    return this.loading.signal;
  }

  private snapshotFor(window: RecordedWindow, ts: number): FullSnapshot | undefined {
    const readable = fullSnapshots(window).filter((snapshot) => !this.unreadable.has(snapshotKey(window, snapshot)));
    return startingSnapshot(readable, ts);
  }

  /** undefined when the full snapshot turns out to be missing, or when it was aborted. */
  private async build(
    window: RecordedWindow,
    snapshot: FullSnapshot,
    ts: number,
    signal: AbortSignal
  ): Promise<Span | undefined> {
    const positions = openingPositions(window, snapshot, ts);
    const preparer = new EventPreparer();
    const activity = [...this.moments];
    const events: RecordedEvent[] = [];
    for await (const { answer } of this.loader.load(window, positions, signal)) {
      events.push(...this.read(window, answer, preparer, activity));
    }
    if (signal.aborted) {
      return undefined;
    }
    const begin = firstSnapshotFrom(events, snapshot.ts);
    if (begin === undefined) {
      this.unreadable.add(snapshotKey(window, snapshot));
      return undefined;
    }
    const replay = this.options.createReplay({ events: begin, speed: this.speed });
    this.span?.replay.destroy();
    const loadedBytes = sumBytes(window, positions.from, positions.to);
    this.span = { window, replay, preparer, activity, loadedTo: positions.to, loadedBytes };
    return this.span;
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
    const prepared: RecordedEvent[] = [];
    let corrupt = 0;
    for (const line of answer.lines) {
      const event = parseEvent(line, answer.clockOffsetMs);
      if (!event) {
        corrupt++;
        continue;
      }
      if (isActivity(event)) {
        insertSorted(activity, [event.timestamp]);
      }
      prepared.push(...preparer.prepare(event));
    }
    if (corrupt > 0) {
      this.reportGap(window, answer.seq, `${corrupt} unreadable ${corrupt === 1 ? 'event' : 'events'}`);
    }
    return prepared;
  }

  private reportGap(window: RecordedWindow, seq: number, cause: string): void {
    const segment = window.segments.find((candidate) => candidate.seq === seq);
    if (segment) {
      this.options.onGap(window.windowId, { start: segment.start, end: segment.end, cause });
    }
  }

  private present(span: Span, ts: number): void {
    // Nothing can be shown before the first full snapshot of a window.
    const shown = Math.max(ts, span.replay.start);
    this.stalled = false;
    try {
      span.replay.show(shown);
    } catch (error) {
      this.fail(new PlaybackError(`This part of the recording cannot be shown: ${messageOf(error)}`, 0));
      return;
    }
    this.options.playhead.move(shown);
    this.options.dispatch({ type: 'shown', windowId: span.window.windowId });
    if (this.playing) {
      this.run(shown);
    }
  }

  private run(ts: number): void {
    const { span } = this;
    if (!span) {
      return;
    }
    span.replay.setSpeed(this.speed);
    span.replay.play(ts);
    this.moved = { ts, at: performance.now() };
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(this.tick);
    this.fill();
  }

  private halt(): void {
    cancelAnimationFrame(this.frame);
    const { span } = this;
    if (span && this.frame !== 0) {
      span.replay.pause();
      this.options.playhead.move(Math.min(Math.floor(span.replay.time()), this.end));
    }
    this.frame = 0;
  }

  private readonly tick = (): void => {
    const { span } = this;
    if (!span || !this.playing || this.stalled) {
      return;
    }
    const now = performance.now();
    const ts = Math.floor(span.replay.time());
    if (ts >= this.end) {
      this.finish(span);
      return;
    }
    const window = this.windowFor(ts);
    if (window && window !== span.window) {
      void this.open(window, ts);
      return;
    }
    const known = loadedUntil(span.window, span.loadedTo);
    if (ts >= known) {
      this.stall(known);
      return;
    }
    if (this.isStuck(ts, now)) {
      this.fail(new PlaybackError('This part of the recording cannot be shown', 0));
      return;
    }
    if (now - this.published >= PUBLISH_MS) {
      this.published = now;
      this.options.playhead.move(ts);
      if (this.skip(span, ts, known)) {
        return;
      }
      this.fill();
    }
    this.frame = requestAnimationFrame(this.tick);
  };

  private finish(span: Span): void {
    this.playing = false;
    this.frame = 0;
    span.replay.show(this.end);
    this.options.playhead.move(this.end);
    this.options.dispatch({ type: 'end' });
  }

  private stall(ts: number): void {
    this.stalled = true;
    this.halt();
    this.options.playhead.move(ts);
    this.options.dispatch({ type: 'stall' });
    this.fill();
  }

  private isStuck(ts: number, now: number): boolean {
    if (ts !== this.moved.ts) {
      this.moved = { ts, at: now };
    }
    return now - this.moved.at > STUCK_MS;
  }

  private skip(span: Span, ts: number, known: number): boolean {
    if (!this.skipsInactivity) {
      return false;
    }
    const nextSwitch = this.switches.find((change) => change.ts > ts)?.ts ?? Infinity;
    const unknown = Math.min(known, this.pinned === undefined ? nextSwitch : Infinity);
    const target = skipTarget(span.activity, ts, unknown, this.end);
    if (target === undefined) {
      return false;
    }
    this.options.onSkip(target - ts);
    this.seek(target);
    return true;
  }

  /** Keeps a bounded stretch ahead of the playhead loaded, one request at a time. */
  private fill(): void {
    const { span } = this;
    if (!span || this.filling || !(this.playing || this.stalled)) {
      return;
    }
    if (!this.stalled && performance.now() < this.prefetchAt) {
      return;
    }
    if (span.loadedBytes > SPAN_BYTES && this.canBeginLater(span)) {
      void this.open(span.window, this.position());
      return;
    }
    const positions = aheadPositions(span.window, span.loadedTo, this.position(), this.speed);
    if (positions) {
      this.filling = true;
      void this.extend(span, positions, this.loading.signal);
    }
  }

  private canBeginLater(span: Span): boolean {
    const snapshot = this.snapshotFor(span.window, this.position());
    return snapshot !== undefined && snapshot.ts > span.replay.start;
  }

  private async extend(span: Span, positions: { from: number; to: number }, signal: AbortSignal): Promise<void> {
    try {
      for await (const { position, answer } of this.loader.load(span.window, positions, signal)) {
        if (signal.aborted || this.span !== span) {
          return;
        }
        span.replay.add(this.read(span.window, answer, span.preparer, span.activity));
        span.loadedTo = position;
        span.loadedBytes += span.window.segments[position].bytes;
        this.unstall(span);
      }
      this.filling = false;
      this.fill();
    } catch (error) {
      if (!signal.aborted) {
        this.filling = false;
        this.prefetchFailed(error);
      }
    }
  }

  private unstall(span: Span): void {
    const ts = this.position();
    if (this.stalled && ts < loadedUntil(span.window, span.loadedTo)) {
      this.stalled = false;
      this.options.dispatch({ type: 'resume' });
      // rrweb takes added events up in a microtask of each: play after the last one.
      queueMicrotask(() => this.playing && !this.stalled && this.run(ts));
    }
  }

  /** What is loaded can be watched to its end; there the missing part is asked for once more. */
  private prefetchFailed(error: unknown): void {
    this.prefetchAt = performance.now() + PREFETCH_RETRY_MS;
    if (this.stalled) {
      this.fail(error);
    }
  }

  private fail(error: unknown): void {
    this.playing = false;
    this.stalled = false;
    this.failed = true;
    this.halt();
    const canRetry =
      !(error instanceof PlaybackError) || error.status >= 500 || error.status === 429 || error.status === 0;
    this.options.dispatch({ type: 'fail', error: messageOf(error), canRetry });
  }
}

/** From the first to the last thing recorded; the session's row may be a flush behind its windows. */
export function sessionBounds({ session, windows }: Manifest): { start: number; end: number } {
  const starts = windows.map((window) => window.start);
  const ends = windows.map((window) => window.end);
  return { start: Math.min(session.start, ...starts), end: Math.max(session.end, ...ends) };
}

/** The prepared events from the full snapshot at ts on, its Meta first; undefined when it is not among them. */
function firstSnapshotFrom(events: RecordedEvent[], ts: number): RecordedEvent[] | undefined {
  const sorted = [...events].sort((a, b) => a.timestamp - b.timestamp);
  const snapshot = sorted.findIndex((event) => isFullSnapshot(event) && Math.abs(event.timestamp - ts) <= SAME_MS);
  // The Meta that the preparer puts before every full snapshot has the same time, so it is still right before it.
  return snapshot > 0 ? sorted.slice(snapshot - 1) : undefined;
}

function snapshotKey(window: RecordedWindow, snapshot: FullSnapshot): string {
  return `${window.windowId} ${snapshot.position} ${snapshot.ts}`;
}

function noSnapshot(window: RecordedWindow): string {
  return window.segments.some((segment) => segment.fullSnapshots.length > 0)
    ? 'The full snapshots of this recording cannot be read, so there is no page to show. Its moments are listed.'
    : 'This recording has no full snapshot, so there is no page to show. Its moments are listed.';
}

function sumBytes(window: RecordedWindow, from: number, to: number): number {
  return window.segments.slice(from, to + 1).reduce((sum, segment) => sum + segment.bytes, 0);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
