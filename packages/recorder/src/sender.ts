import { type Compress } from './compress';
import { type Faults } from './faults';
import {
  encodeSegment,
  isTokenProblem,
  parseProblemLine,
  parseReply,
  type Reply,
  type Segment,
  segmentBytes,
} from './wire';

/**
 * Bytes of keepalive requests that may be in flight together. Browsers allow 64 KiB for all of a page's; the rest is
 * left for the page and for what a browser adds.
 */
const KEEPALIVE_BYTES = 60 * 1024;
/** Unsent segments in memory. */
const QUEUE_BYTES = 8 * 1024 * 1024;
const BACKOFF_MIN_MS = 1_000;
const BACKOFF_MAX_MS = 5 * 60_000;
/** An hour is the longest that a server can keep a recorder waiting. */
const RETRY_AFTER_MAX_MS = 60 * 60_000;

export interface SenderConfig {
  url: string;
  key: string;
  /** The page's own `fetch`, before the recorder patched it. */
  fetch: typeof fetch;
  compress: Compress | undefined;
  now: () => number;
  /** 0 to 1. */
  random: () => number;
  tokenOf: (sessionId: string) => string | undefined;
  takeSeq: (sessionId: string, skip: number) => number;
  /** A segment is stored. `caughtUp` when none waits behind it. */
  onStored: (segment: Segment, reply: Reply, caughtUp: boolean) => void;
  /** Events are lost. */
  onDropped: (segment: Segment, events: number, reason: 'memory' | 'refused' | 'too_large') => void;
  /** The server takes no more of this session. False when no other one may follow. */
  onSessionRefused: (sessionId: string) => boolean;
  /** The server does not want anything from this recorder; nothing more is sent. */
  onStop: () => void;
}

interface Entry {
  segment: Segment;
  bytes: number;
  phase: 'waiting' | 'compressing' | 'sending';
  /** Counts attempts: a compression that ends after a newer attempt has begun is of no use. */
  attempt: number;
  /** Whether the next attempt may be a keepalive request. */
  keepalive: boolean;
  /** It is one half of a segment that was too large. */
  split: boolean;
  /** That the last attempt carried. */
  token?: string;
}

interface Answer {
  status: number;
  text: string;
  /** 0 when the server did not say. */
  retryAfterMs: number;
}

/** The network failed, or CORS hides the answer. */
const NO_ANSWER: Answer = { status: 0, text: '', retryAfterMs: 0 };

/** Sends segments one at a time in order of their numbers, until each is stored or refused. */
export class Sender {
  private queue: Entry[] = [];
  private keepaliveBytes = 0;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private askedToWait = false;
  private stopped = false;

  constructor(
    private readonly config: SenderConfig,
    private readonly faults: Faults
  ) {}

  enqueue(segment: Segment): void {
    if (this.stopped) {
      return;
    }
    this.queue.push({
      segment,
      bytes: segmentBytes(segment),
      phase: 'waiting',
      attempt: 0,
      keepalive: true,
      split: false,
    });
    this.dropOverflow();
    this.pump();
  }

  /** Bytes, header included, that can be sent now and will arrive even when the page goes away. */
  keepaliveRoom(): number {
    return KEEPALIVE_BYTES - this.keepaliveBytes;
  }

  /**
   * The page may go away: sends at once, uncompressed and not in turn, what fits into keepalive requests. Compression
   * is asynchronous and would not end in time. What does not fit goes the usual way if the page lives on.
   */
  flushOnHide(): void {
    if (this.askedToWait) {
      return;
    }
    for (const entry of this.queue.filter(({ phase }) => phase !== 'sending')) {
      const body = this.encode(entry);
      if (body.length <= this.keepaliveRoom()) {
        this.faults.watch(this.post(entry, body, '', true));
      }
    }
  }

  /** The network is back: no need to wait for the end of a pause that was made without it. */
  retryNow(): void {
    if (this.timer !== undefined && !this.askedToWait) {
      clearTimeout(this.timer);
      this.timer = undefined;
      this.pump();
    }
  }

  private pump(): void {
    const head = this.queue[0];
    const busy = this.timer !== undefined || this.queue.some(({ phase }) => phase !== 'waiting');
    if (head && !busy) {
      this.faults.watch(this.send(head));
    }
  }

  private async send(entry: Entry): Promise<void> {
    const { compress } = this.config;
    let body = this.encode(entry);
    let encoding = '';
    if (compress) {
      entry.phase = 'compressing';
      const attempt = ++entry.attempt;
      try {
        body = await compress(body);
        encoding = 'gzip';
      } catch {
        // Without compression it costs more, but arrives.
      }
      if (entry.attempt !== attempt || !this.queue.includes(entry)) {
        return;
      }
    }
    await this.post(entry, body, encoding, entry.keepalive && body.length <= this.keepaliveRoom());
  }

  private encode(entry: Entry): Uint8Array<ArrayBuffer> {
    const { segment } = entry;
    segment.seq ??= this.config.takeSeq(segment.context.session.id, segment.skipped);
    entry.token = this.tokenOf(entry);
    return encodeSegment(segment, this.config.now(), entry.token);
  }

  private tokenOf({ segment }: Entry): string | undefined {
    return this.config.tokenOf(segment.context.session.id);
  }

  private async post(entry: Entry, body: Uint8Array<ArrayBuffer>, encoding: string, keepalive: boolean): Promise<void> {
    entry.phase = 'sending';
    entry.attempt++;
    const answer = await this.request(body, encoding, keepalive).catch(() => NO_ANSWER);
    entry.phase = 'waiting';
    // The page may have used up what keepalive requests may carry; that looks like a network error.
    entry.keepalive = answer !== NO_ANSWER;
    if (this.queue.includes(entry)) {
      this.settle(entry, answer);
    }
    this.pump();
  }

  private async request(body: Uint8Array<ArrayBuffer>, encoding: string, keepalive: boolean): Promise<Answer> {
    const { url, key, fetch } = this.config;
    const query = '?key=' + encodeURIComponent(key) + (encoding && '&enc=' + encoding);
    const init: RequestInit = {
      method: 'POST',
      // With text/plain it is a CORS simple request, which costs no preflight.
      headers: { 'Content-Type': 'text/plain' },
      body,
      keepalive,
      credentials: 'omit',
      cache: 'no-store',
      referrerPolicy: 'origin',
    };
    const held = keepalive ? body.length : 0;
    this.keepaliveBytes += held;
    try {
      return await readAnswer(await fetch(url + query, init), this.config.now());
    } finally {
      this.keepaliveBytes -= held;
    }
  }

  private settle(entry: Entry, { status, text, retryAfterMs }: Answer): void {
    if (status >= 200 && status < 300) {
      this.failures = 0;
      this.askedToWait = false;
      this.remove(entry);
      const reply = parseReply(text);
      this.config.onStored(entry.segment, reply, this.queue.length === 0);
      if (reply.stop) {
        this.stop();
      }
    } else if (status === 400) {
      this.drop(entry, 'refused');
    } else if (status === 422) {
      this.dropEvent(entry, parseProblemLine(text));
    } else if (status === 413) {
      this.split(entry);
    } else if (status === 0 || status === 408 || status === 425 || status === 429 || status >= 500) {
      this.pause(retryAfterMs);
    } else if (status === 403 && isTokenProblem(text)) {
      // Another tab may have got the token meanwhile: then it is sent again.
      if (entry.token === this.tokenOf(entry)) {
        this.abandon(entry.segment.context.session.id);
      }
    } else {
      // 401, 403, 410, 415, or not an ingest server at all: asking again would not change the answer.
      this.stop();
    }
  }

  /** Drops all that is left of a session, also what its end brings. */
  private abandon(sessionId: string): void {
    const lost = this.takeOut(sessionId);
    const goesOn = this.config.onSessionRefused(sessionId);
    for (const { segment } of [...lost, ...this.takeOut(sessionId)]) {
      this.config.onDropped(segment, segment.lines.length, 'refused');
    }
    if (!goesOn) {
      this.stop();
    }
  }

  private takeOut(sessionId: string): Entry[] {
    const taken = this.queue.filter(({ segment }) => segment.context.session.id === sessionId);
    taken.forEach((entry) => this.remove(entry));
    return taken;
  }

  private pause(retryAfterMs: number): void {
    this.askedToWait ||= retryAfterMs > 0;
    if (this.timer !== undefined) {
      return;
    }
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** this.failures);
    this.failures++;
    // Full jitter: thousands of pages must not come back in the same moment.
    const jitter = this.config.random() * ceiling;
    const wait = retryAfterMs > 0 ? Math.min(retryAfterMs, RETRY_AFTER_MAX_MS) + Math.min(jitter, 1_000) : jitter;
    this.timer = setTimeout(
      this.faults.guard(() => {
        this.timer = undefined;
        this.askedToWait = false;
        this.pump();
      }),
      wait
    );
  }

  private stop(): void {
    this.stopped = true;
    this.queue = [];
    clearTimeout(this.timer);
    this.config.onStop();
  }

  private dropEvent(entry: Entry, line: number | undefined): void {
    // Line 1 is the header, so line 2 is the first event.
    const index = (line ?? 0) - 2;
    if (!(index in entry.segment.lines) || entry.segment.lines.length === 1) {
      this.drop(entry, 'refused');
      return;
    }
    entry.segment.lines.splice(index, 1);
    entry.bytes = segmentBytes(entry.segment);
    this.config.onDropped(entry.segment, 1, 'refused');
  }

  private split(entry: Entry): void {
    const { segment } = entry;
    if (entry.split || segment.lines.length < 2) {
      this.drop(entry, 'too_large');
      return;
    }
    const half = Math.ceil(segment.lines.length / 2);
    const rest: Segment = { ...segment, lines: segment.lines.slice(half), skipped: 0, seq: undefined };
    segment.lines = segment.lines.slice(0, half);
    entry.split = true;
    entry.bytes = segmentBytes(segment);
    this.queue.splice(this.queue.indexOf(entry) + 1, 0, {
      ...entry,
      segment: rest,
      bytes: segmentBytes(rest),
    });
  }

  private drop(entry: Entry, reason: 'memory' | 'refused' | 'too_large'): void {
    this.remove(entry);
    this.config.onDropped(entry.segment, entry.segment.lines.length, reason);
  }

  private dropOverflow(): void {
    let bytes = this.queue.reduce((sum, entry) => sum + entry.bytes, 0);
    while (bytes > QUEUE_BYTES) {
      const waiting = this.queue.filter(({ phase }) => phase !== 'sending');
      // Without its snapshot nothing of a page can be replayed, so snapshots go last.
      const victim = waiting.find((entry) => !entry.segment.snapshot) ?? waiting[0];
      if (!victim || waiting.length === 1) {
        return;
      }
      const next = this.queue[this.queue.indexOf(victim) + 1];
      if (next && victim.segment.seq === undefined) {
        next.segment.skipped += 1 + victim.segment.skipped;
      }
      bytes -= victim.bytes;
      this.drop(victim, 'memory');
    }
  }

  private remove(entry: Entry): void {
    this.queue = this.queue.filter((other) => other !== entry);
  }
}

async function readAnswer(response: Response, now: number): Promise<Answer> {
  const retryAfterMs = parseRetryAfter(response.headers.get('Retry-After'), now);
  return { status: response.status, text: await response.text(), retryAfterMs };
}

/** `Retry-After` is a number of seconds or an HTTP date; anything else is taken as absent. */
function parseRetryAfter(value: string | null, now: number): number {
  if (!value) {
    return 0;
  }
  const seconds = Number(value);
  const ms = Number.isNaN(seconds) ? Date.parse(value) - now : seconds * 1000;
  return ms > 0 ? ms : 0;
}
