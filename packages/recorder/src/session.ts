import { uuidv7 } from './ids';
import { type KeyValue } from './storage';

/** A session ends after this long without anything done by the user. */
export const IDLE_MS = 30 * 60_000;
/** A session ends at this age, however busy it is. */
export const MAX_AGE_MS = 24 * 60 * 60_000;
/** How often activity is written to storage: writing is synchronous and wakes all tabs of the origin. */
const PERSIST_MS = 5_000;

export const SESSION_KEY = 'playhead.session';

export interface Session {
  readonly id: string;
  readonly previousId: string | null;
  readonly startedAt: number;
  /** When the user last did something, in any tab. */
  readonly activeAt: number;
  /** Decided when the session begins and kept: a session is recorded from its start or not at all. */
  readonly sampled: boolean;
  /** Session token of an earlier reply. */
  readonly token?: string;
}

export interface SessionKeeperConfig {
  storage: KeyValue;
  now: () => number;
  /** Decides for a new session whether it is recorded. */
  sample: () => boolean;
}

/**
 * The session shared by all tabs of an origin. Storage is the truth, memory only a copy: a frozen tab may wake up in a
 * session that another tab has ended long ago.
 */
export class SessionKeeper {
  private session: Session;
  /** The one before, of which segments may still be unsent. */
  private before: Session | undefined;
  private persistedAt: number;

  constructor(private readonly config: SessionKeeperConfig) {
    const stored = this.read();
    this.session = stored && !this.hasEnded(stored) ? stored : this.create(stored?.id ?? null);
    this.persistedAt = 0;
    this.touch();
  }

  current(): Session {
    return this.session;
  }

  /** Notes that the user did something. True when this led to another session. */
  touch(): boolean {
    const now = this.config.now();
    if (Math.abs(now - this.persistedAt) < PERSIST_MS && !this.hasEnded(this.session)) {
      this.session = { ...this.session, activeAt: now };
      return false;
    }
    const before = this.session.id;
    this.adopt();
    if (this.hasEnded(this.session)) {
      this.follow(this.create(this.session.id));
    }
    this.write({ ...this.session, activeAt: now });
    return this.session.id !== before;
  }

  /** Takes over what another tab wrote, a new session or later activity. True when it is another session. */
  adopt(): boolean {
    const stored = this.read();
    if (!stored || this.hasEnded(stored)) {
      return false;
    }
    const before = this.session;
    if (stored.id === before.id) {
      this.session = { ...stored, activeAt: Math.max(stored.activeAt, before.activeAt) };
      return false;
    }
    this.follow(stored);
    return true;
  }

  /** Ends a session that the server refuses; the next one is recorded as this one was. */
  renew(): void {
    if (!this.adopt()) {
      const { id, sampled } = this.session;
      this.follow({ ...this.create(id), sampled });
      this.write(this.session);
    }
  }

  /**
   * True when the session is over: nobody did anything in any tab for too long, or another tab has begun the next one.
   * Which session follows is not decided here, but when the user does something.
   */
  isOver(): boolean {
    if (!this.hasEnded(this.session)) {
      return false;
    }
    const stored = this.read();
    if (stored?.id !== this.session.id || this.hasEnded(stored)) {
      return true;
    }
    this.session = stored;
    return false;
  }

  tokenOf(sessionId: string): string | undefined {
    // Another tab may have got it.
    return [this.session, this.before, this.read()].find((session) => session?.id === sessionId && session.token)
      ?.token;
  }

  setToken(sessionId: string, token: string): void {
    if (this.session.id === sessionId && this.session.token !== token) {
      this.write({ ...this.session, token });
    }
  }

  private follow(session: Session): void {
    this.before = this.session;
    this.session = session;
  }

  private create(previousId: string | null): Session {
    const now = this.config.now();
    return { id: uuidv7(now), previousId, startedAt: now, activeAt: now, sampled: this.config.sample() };
  }

  private hasEnded(session: Session): boolean {
    const now = this.config.now();
    // Math.abs: a clock set back by hours must not keep a session alive for hours.
    return Math.abs(now - session.activeAt) > IDLE_MS || Math.abs(now - session.startedAt) > MAX_AGE_MS;
  }

  private write(session: Session): void {
    this.session = session;
    this.persistedAt = this.config.now();
    this.config.storage.set(SESSION_KEY, JSON.stringify(session));
  }

  private read(): Session | undefined {
    return parseSession(this.config.storage.get(SESSION_KEY));
  }
}

function parseSession(text: string | null): Session | undefined {
  let value: Partial<Session> | null;
  try {
    value = JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
  const valid =
    value &&
    isId(value.id) &&
    (value.previousId === null || isId(value.previousId)) &&
    typeof value.startedAt === 'number' &&
    typeof value.activeAt === 'number' &&
    typeof value.sampled === 'boolean';
  return valid ? (value as Session) : undefined;
}

/** Storage can be written by anything on the page; only what the wire accepts is taken from it. */
function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{8,64}$/.test(value);
}
