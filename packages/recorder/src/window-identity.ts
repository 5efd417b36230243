import { uuidv7 } from './ids';
import { type KeyValue } from './storage';

const WINDOW_KEY = 'playhead.window';
/** Set while a document holds the window id. */
const HELD_KEY = 'playhead.window.held';

/** Segments of the session before may still wait when a new one begins; older ones are gone with their document. */
const SESSIONS_KEPT = 3;

interface StoredWindow {
  id: string;
  /** The next `seq` of this window by session, oldest session first. */
  seqs: Array<[sessionId: string, next: number]>;
}

/**
 * One browser tab and the numbers of its segments. Kept in sessionStorage, so that both survive a reload.
 *
 * "Duplicate tab" and `window.open` copy sessionStorage: a document that starts and finds the id held by a document
 * that is still alive is such a copy and takes an id of its own.
 */
export class WindowIdentity {
  readonly id: string;
  private readonly seqs: Map<string, number>;

  constructor(
    private readonly storage: KeyValue,
    now: () => number
  ) {
    const stored = storage.get(HELD_KEY) ? undefined : parseWindow(storage.get(WINDOW_KEY));
    this.id = stored?.id ?? uuidv7(now());
    this.seqs = new Map(stored?.seqs);
    this.hold();
  }

  hold(): void {
    this.storage.set(HELD_KEY, '1');
  }

  release(): void {
    this.storage.remove(HELD_KEY);
  }

  /** The next number of a session's segments from this window; `skip` numbers are left out, as a visible gap. */
  takeSeq(sessionId: string, skip: number): number {
    const seq = (this.seqs.get(sessionId) ?? 0) + skip;
    this.seqs.set(sessionId, seq + 1);
    const stored: StoredWindow = { id: this.id, seqs: [...this.seqs].slice(-SESSIONS_KEPT) };
    this.storage.set(WINDOW_KEY, JSON.stringify(stored));
    return seq;
  }
}

function parseWindow(text: string | null): StoredWindow | undefined {
  try {
    const value: Partial<StoredWindow> | null = JSON.parse(text ?? 'null');
    const valid =
      value &&
      /^[\w-]{8,64}$/.test(value.id ?? '') &&
      Array.isArray(value.seqs) &&
      value.seqs.every(([sessionId, next]) => typeof sessionId === 'string' && Number.isSafeInteger(next));
    return valid ? (value as StoredWindow) : undefined;
  } catch {
    return undefined;
  }
}
