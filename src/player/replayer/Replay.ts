import { Replayer } from '@rrweb/replay';

import type { RecordedEvent } from './events';

export interface Size {
  width: number;
  height: number;
}

export interface ReplayOptions {
  /** An element of the sealed frame. */
  root: HTMLElement;
  /** Prepared events in the order of time; the first two are the Meta and the full snapshot to begin with. */
  events: RecordedEvent[];
  mouseTail: boolean;
  onSize: (size: Size) => void;
  /** The frame's policy kept an image, a style, a font or a medium from being loaded. */
  onBlocked: () => void;
}

/** rrweb applies events *before* the offset; ours must be applied *at* it. Far below any clock's resolution. */
const AT_OFFSET_MS = 0.001;

/** Keeps rrweb from ending when it has played what is loaded so far. Ten years after the first event. */
const NEVER_MS = 10 * 365 * 24 * 3_600_000;

const TAIL = { duration: 400, lineCap: 'round', lineWidth: 2, strokeStyle: '#3d71d9' } as const;

const BLOCKED_DIRECTIVES = /^(img|style|font|media|frame|object)-src/;

type RrwebEvent = Parameters<Replayer['addEvent']>[0];

/** One stretch of a window being shown by rrweb. Times are timestamps. Everything happens at once, nothing is awaited. */
export class Replay {
  /** The instant of the full snapshot that this replay began with. */
  readonly start: number;
  private readonly replayer: Replayer;
  private size: Size | undefined;
  private seeking = false;
  private settled = false;

  constructor(private readonly options: ReplayOptions) {
    this.start = options.events[0].timestamp;
    const end = { type: 5, timestamp: this.start + NEVER_MS, data: { tag: 'playhead.end', payload: {} } };
    // Recorded data has no type that could be trusted; rrweb narrows what it plays.
    const events = [...options.events, end] as RrwebEvent[];
    this.replayer = new Replayer(events, {
      root: options.root,
      mouseTail: options.mouseTail ? TAIL : false,
      // Focus would leave the player's controls and go into the recording.
      triggerFocus: false,
      // rrweb's virtual DOM makes elements in the document around the player before it moves them into the frame:
      // an image would be fetched from there, outside of the frame's policy.
      useVirtualDom: false,
      showWarning: false,
    });
    this.replayer.on('resize', (size) => this.resized(size as Size));
    this.replayer.on('fullsnapshot-rebuilded', () => this.watchPolicy());
    // rrweb sets the first Meta's size in a timer of its own, after we have seeked beyond it. This one runs later.
    setTimeout(() => this.settle());
  }

  /** Shows the document after all events with timestamp ≤ ts, and stands still. */
  show(ts: number): void {
    this.seeking = true;
    try {
      this.replayer.pause(this.offset(ts));
    } finally {
      this.seeking = false;
    }
  }

  play(ts: number): void {
    this.seeking = true;
    try {
      this.replayer.play(this.offset(ts));
    } finally {
      this.seeking = false;
    }
  }

  pause(): void {
    this.replayer.pause();
  }

  time(): number {
    return this.start + this.replayer.getCurrentTime();
  }

  setSpeed(speed: number): void {
    this.replayer.setConfig({ speed });
  }

  /** Adds prepared events; those before the start cannot be shown any more. */
  add(events: RecordedEvent[]): void {
    for (const event of events) {
      if (event.timestamp >= this.start) {
        this.replayer.addEvent(event as RrwebEvent);
      }
    }
  }

  destroy(): void {
    this.replayer.destroy();
  }

  private offset(ts: number): number {
    return Math.max(0, ts - this.start) + AT_OFFSET_MS;
  }

  private resized(size: Size): void {
    if (this.settled || this.seeking) {
      this.size = size;
      this.options.onSize(size);
    }
  }

  private settle(): void {
    this.settled = true;
    if (this.size) {
      this.replayer.iframe.setAttribute('width', String(this.size.width));
      this.replayer.iframe.setAttribute('height', String(this.size.height));
    }
  }

  private watchPolicy(): void {
    this.replayer.iframe.contentDocument?.addEventListener('securitypolicyviolation', (event) => {
      if (BLOCKED_DIRECTIVES.test(event.effectiveDirective)) {
        this.options.onBlocked();
      }
    });
  }
}
