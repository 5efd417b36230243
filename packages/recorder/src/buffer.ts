import { type Faults } from './faults';
import { utf8 } from './text';
import { type Segment, type SegmentContext } from './wire';

/** A segment waits this long for more events. */
const FLUSH_MS = 5_000;
/** A segment is full at this size, before compression. */
const SEGMENT_BYTES = 256 * 1024;
/** Half of what a server accepts by default. */
const SEGMENT_EVENTS = 5_000;

export interface BufferConfig {
  /** What holds for the events up to now. */
  context: () => SegmentContext;
  /** Events that belong at the end of a segment. */
  closing: () => unknown[];
  onSegment: (segment: Segment) => void;
}

/** Collects events into segments. */
export class Buffer {
  private lines: Array<Uint8Array<ArrayBuffer>> = [];
  private bytes = 0;
  private snapshot = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly config: BufferConfig,
    private readonly faults: Faults
  ) {}

  add(event: unknown): void {
    this.push(event);
    if (this.bytes >= SEGMENT_BYTES || this.lines.length >= SEGMENT_EVENTS) {
      this.seal();
    } else {
      this.timer ??= setTimeout(
        this.faults.guard(() => this.seal()),
        FLUSH_MS
      );
    }
  }

  /** Adds a full snapshot and ends the segment: if the page goes away soon, only what has been sent is left of it. */
  addSnapshot(event: unknown): void {
    this.snapshot = true;
    this.push(event);
    this.seal();
  }

  /** Ends the segment. With `maxBytes` as many events as fit into it become a segment of their own. */
  seal(final = false, maxBytes = Infinity): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.lines.length === 0) {
      return;
    }
    this.config.closing().forEach((event) => this.push(event));
    const context = this.config.context();
    const { lines, snapshot } = this;
    const head = this.bytes > maxBytes ? lines.splice(0, countFitting(lines, maxBytes)) : [];
    this.lines = [];
    this.bytes = 0;
    this.snapshot = false;
    for (const part of [head, lines]) {
      if (part.length > 0) {
        this.config.onSegment({ context, lines: part, snapshot, final: final && part === lines, skipped: 0 });
      }
    }
  }

  private push(event: unknown): void {
    const line = utf8(JSON.stringify(event));
    this.lines.push(line);
    this.bytes += line.length + 1;
  }
}

function countFitting(lines: Uint8Array[], maxBytes: number): number {
  let bytes = 0;
  const end = lines.findIndex((line) => (bytes += line.length + 1) > maxBytes);
  return end < 0 ? lines.length : end;
}
