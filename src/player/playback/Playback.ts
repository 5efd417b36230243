import { aheadPositions, type Positions } from '../loading/positions';
import { SegmentLoader } from '../loading/SegmentLoader';
import { canShow, knownUntil, type Span } from '../loading/Span';
import { SpanBuilder } from '../loading/SpanBuilder';
import type { RecordedEvent } from '../replayer/events';
import type { Replay } from '../replayer/Replay';
import { isActiveMoment, skipTarget } from '../timeline/inactivity';
import { windowAt, type WindowSwitch, windowSwitches } from '../timeline/windows';
import { type Manifest, PlaybackError, type RecordedWindow, type RecordingSource, UNPLAYABLE } from './api';
import type { Playhead } from './Playhead';
import type { PlayerAction } from './status';

/** How often the playhead is published while playing. The picture itself moves with every frame. */
const PUBLISH_MS = 200;
/** A span that has grown beyond this while playing begins anew from a later full snapshot. */
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
  createReplay: (events: RecordedEvent[]) => Replay;
  dispatch: (action: PlayerAction) => void;
}

/**
 * Plays one session: decides which window and which segments, loads them, and moves the playhead. It belongs to
 * useReplayer, which starts and destroys it.
 */
export class Playback {
  readonly start: number;
  readonly end: number;
  private readonly builder: SpanBuilder;
  private readonly switches: WindowSwitch[];
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
    const { manifest, source, sessionId, createReplay, dispatch } = options;
    this.builder = new SpanBuilder({
      loader: new SegmentLoader(source, sessionId),
      moments: manifest.moments.filter(isActiveMoment).map((moment) => moment.ts),
      createReplay,
      onGap: (windowId, gap) => dispatch({ type: 'gap', windowId, gap }),
    });
    this.switches = windowSwitches(manifest);
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
      this.run(this.span, this.position());
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
      this.fail(new PlaybackError('This session has no recorded windows', UNPLAYABLE));
    } else if (span && span.window === window && canShow(span, target)) {
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
      this.run(this.span, this.position());
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

  private async open(window: RecordedWindow, ts: number): Promise<void> {
    const signal = this.restart();
    this.halt();
    this.stalled = true;
    this.options.playhead.move(ts);
    this.options.dispatch({ type: 'load' });
    try {
      const span = await this.builder.build(window, ts, signal);
      // The old picture stays until the new one is there.
      this.span?.replay.destroy();
      this.span = span;
      this.present(span, ts);
    } catch (error) {
      if (!signal.aborted) {
        this.fail(error);
      }
    }
  }

  /** Gives up what is being loaded. */
  private restart(): AbortSignal {
    this.loading.abort();
    this.loading = new AbortController();
    this.filling = false;
    this.failed = false;
    return this.loading.signal;
  }

  private present(span: Span, ts: number): void {
    // Nothing can be shown before the first full snapshot of a window.
    const shown = Math.max(ts, span.replay.start);
    this.stalled = false;
    try {
      span.replay.show(shown);
    } catch (error) {
      this.fail(new PlaybackError(`This part of the recording cannot be shown: ${messageOf(error)}`, UNPLAYABLE));
      return;
    }
    this.options.playhead.move(shown);
    this.options.dispatch({ type: 'shown', windowId: span.window.windowId });
    if (this.playing) {
      this.run(span, shown);
    }
  }

  private run(span: Span, ts: number): void {
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
    const ts = Math.floor(span.replay.time());
    const window = this.windowFor(ts);
    if (ts >= this.end) {
      this.finish(span);
    } else if (window && window !== span.window) {
      void this.open(window, ts);
    } else if (ts >= knownUntil(span)) {
      this.stall(knownUntil(span));
    } else if (this.isStuck(ts)) {
      this.fail(new PlaybackError('This part of the recording cannot be shown', UNPLAYABLE));
    } else {
      this.frame = requestAnimationFrame(this.tick);
      this.publish(span, ts);
    }
  };

  private publish(span: Span, ts: number): void {
    const now = performance.now();
    if (now - this.published < PUBLISH_MS) {
      return;
    }
    this.published = now;
    this.options.playhead.move(ts);
    const target = this.skipsInactivity ? this.nextActivity(span, ts) : undefined;
    if (target === undefined) {
      this.fill();
    } else {
      this.options.dispatch({ type: 'skip', skippedMs: target - ts });
      this.seek(target);
    }
  }

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

  private isStuck(ts: number): boolean {
    const now = performance.now();
    if (ts !== this.moved.ts) {
      this.moved = { ts, at: now };
    }
    return now - this.moved.at > STUCK_MS;
  }

  private nextActivity(span: Span, ts: number): number | undefined {
    const change = this.pinned === undefined ? this.switches.find((other) => other.ts > ts) : undefined;
    const known = Math.min(knownUntil(span), change?.ts ?? Infinity);
    return skipTarget(span.activity, ts, known, this.end);
  }

  /** Keeps a bounded stretch ahead of the playhead loaded, one request at a time. */
  private fill(): void {
    const { span } = this;
    const waits = !this.stalled && performance.now() < this.prefetchAt;
    if (!span || this.filling || waits || !(this.playing || this.stalled)) {
      return;
    }
    if (span.loadedBytes > SPAN_BYTES && this.builder.canBeginLater(span, this.position())) {
      void this.open(span.window, this.position());
      return;
    }
    const positions = aheadPositions(span.window, span.loadedTo, this.position(), this.speed);
    if (positions) {
      void this.extend(span, positions, this.loading.signal);
    }
  }

  private async extend(span: Span, positions: Positions, signal: AbortSignal): Promise<void> {
    this.filling = true;
    try {
      await this.builder.extend(span, positions, signal, () => this.unstall(span));
      this.filling = false;
      this.fill();
    } catch (error) {
      if (!signal.aborted) {
        this.filling = false;
        this.prefetchAt = performance.now() + PREFETCH_RETRY_MS;
        // What is loaded can be watched to its end; there the missing part is asked for once more.
        if (this.stalled) {
          this.fail(error);
        }
      }
    }
  }

  private unstall(span: Span): void {
    const ts = this.position();
    if (this.stalled && ts < knownUntil(span)) {
      this.stalled = false;
      this.options.dispatch({ type: 'resume' });
      // rrweb takes added events up in a microtask of each: play after the last one.
      queueMicrotask(() => this.playing && !this.stalled && this.run(span, ts));
    }
  }

  private fail(error: unknown): void {
    this.playing = false;
    this.stalled = false;
    this.halt();
    this.failed = true;
    this.options.dispatch({ type: 'fail', error });
  }
}

/** From the first to the last thing recorded; the session's row may be a flush behind its windows. */
export function sessionBounds({ session, windows }: Manifest): { start: number; end: number } {
  const starts = windows.map((window) => window.start);
  const ends = windows.map((window) => window.end);
  return { start: Math.min(session.start, ...starts), end: Math.max(session.end, ...ends) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
