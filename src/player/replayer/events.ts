import { isRecord } from '../../shared/narrowing';
import { Stripper } from './strip';

/** An rrweb event with server time. Its data is whatever the recorded page sent. */
export interface RecordedEvent {
  type: number;
  timestamp: number;
  data: unknown;
}

// Numbers of rrweb's EventType and IncrementalSource.
const FULL_SNAPSHOT = 2;
const INCREMENTAL = 3;
const META = 4;
const SOURCES_WITH_POSITIONS = [1, 6, 12]; // mouse move, touch move, drag
const VIEWPORT_RESIZE = 4;
const MUTATION = 0;
const MEDIA = 7;
const FONT = 10;
/** Mouse and touch moves, clicks, scrolls, resizes, inputs, drags and selections: a person is doing something. */
const SOURCES_OF_A_PERSON = [1, 2, 3, 4, 5, 6, 12, 14];

/** Used for a full snapshot that comes without a size. */
const DEFAULT_SIZE = { width: 1280, height: 720 };

/** Reads one line of a segment; undefined when it is no event. */
export function parseEvent(line: string, clockOffsetMs: number): RecordedEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || typeof value.type !== 'number' || typeof value.timestamp !== 'number') {
    return undefined;
  }
  return { type: value.type, timestamp: value.timestamp + clockOffsetMs, data: value.data };
}

export function isFullSnapshot(event: RecordedEvent): boolean {
  return event.type === FULL_SNAPSHOT;
}

/** Whether the event shows that somebody was there, as opposed to a page that changes by itself. */
export function isActivity(event: RecordedEvent): boolean {
  return (
    event.type === INCREMENTAL &&
    isRecord(event.data) &&
    typeof event.data.source === 'number' &&
    SOURCES_OF_A_PERSON.includes(event.data.source)
  );
}

/**
 * Turns recorded events into events that rrweb can seek in exactly and safely. One per span, fed in order:
 *
 * - A Meta event gets the time of its full snapshot, and is left out when it has none. rrweb seeks to the newest Meta
 *   and would otherwise show the wrong page, or none, between the two.
 * - A move event becomes one event per position, each at its own time. rrweb plays such an event at the time of its
 *   first position and then, after a seek, applies what happened since then twice.
 * - Events that change nothing on the screen are left out.
 * - A font by address is left out: rrweb makes its FontFace in the page around the player, where the frame's policy
 *   does not hold, so it would be fetched. What else the policy cannot hold is taken out by strip.ts.
 */
export class EventPreparer {
  private meta: unknown;
  private size = DEFAULT_SIZE;
  private readonly stripper = new Stripper();

  prepare(event: RecordedEvent): RecordedEvent[] {
    const { data } = event;
    if (!isRecord(data)) {
      return [];
    }
    switch (event.type) {
      case META:
        this.meta = data;
        this.resize(data);
        return [];
      case FULL_SNAPSHOT:
        this.stripper.tree(data.node);
        return isRecord(data.node) ? [this.takeMeta(event.timestamp), event] : [];
      case INCREMENTAL:
        return this.incremental(event, data);
      default:
        return [];
    }
  }

  private incremental(event: RecordedEvent, data: Record<string, unknown>): RecordedEvent[] {
    if (data.source === VIEWPORT_RESIZE) {
      this.resize(data);
    }
    if (data.source === MUTATION) {
      this.stripper.mutation(data);
    }
    if (data.source === MEDIA || (data.source === FONT && data.buffer !== true)) {
      return [];
    }
    if (typeof data.source === 'number' && SOURCES_WITH_POSITIONS.includes(data.source)) {
      return splitPositions(event, data);
    }
    return [event];
  }

  private takeMeta(timestamp: number): RecordedEvent {
    const data = this.meta ?? { href: '', ...this.size };
    this.meta = undefined;
    return { type: META, timestamp, data };
  }

  private resize({ width, height }: Record<string, unknown>): void {
    if (typeof width === 'number' && typeof height === 'number') {
      this.size = { width, height };
    }
  }
}

function splitPositions(event: RecordedEvent, data: Record<string, unknown>): RecordedEvent[] {
  if (!Array.isArray(data.positions)) {
    return [];
  }
  return data.positions.filter(isRecord).map((position) => {
    const timeOffset = typeof position.timeOffset === 'number' ? Math.min(0, position.timeOffset) : 0;
    return {
      type: event.type,
      timestamp: event.timestamp + timeOffset,
      data: { ...data, positions: [{ ...position, timeOffset: 0 }] },
    };
  });
}
