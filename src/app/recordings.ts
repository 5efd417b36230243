import { isRecord } from '../shared/narrowing';
import { narrowSession, type Session } from '../shared/session';

/** Which recording is wanted: that of a session, else the one that took part in a trace. */
export interface Wanted {
  sessionId?: string;
  traceId?: string;
}

export interface Recording {
  datasourceUid: string;
  session: Session;
}

/** Reads an API path (docs/format/playback.md) of a data source. */
export type ReadResource = (datasourceUid: string, path: string) => Promise<Response>;

// A recording that is not there now may arrive: segments take some seconds from the page to the index.
const ABSENT_FOR_MS = 30_000;
// A view asks about one recording, so this is many views.
const MOST_ANSWERS = 200;

interface Answer {
  askedAt: number;
  recording: Promise<Recording | undefined>;
  /** Set when the answer is here: whether there is a recording. */
  exists?: boolean;
}

/** Finds recordings in any of the data sources, and remembers what it found. */
export class Recordings {
  private readonly answers = new Map<string, Answer>();

  constructor(
    private readonly read: ReadResource,
    private readonly now: () => number = Date.now
  ) {}

  /** Asks the data sources in their order; rejects when none has it and one could not say. */
  async find(wanted: Wanted, datasourceUids: string[]): Promise<Recording | undefined> {
    const key = keyOf(wanted);
    const known = this.answers.get(key);
    if (known && this.isFresh(known)) {
      return known.recording;
    }
    const answer: Answer = { askedAt: this.now(), recording: this.ask(wanted, datasourceUids) };
    this.remember(key, answer);
    try {
      answer.exists = (await answer.recording) !== undefined;
    } catch {
      // The next view asks again.
      this.answers.delete(key);
    }
    return answer.recording;
  }

  /** Whether an earlier look-up has shown that there is no such recording. */
  isKnownAbsent(wanted: Wanted): boolean {
    const known = this.answers.get(keyOf(wanted));
    return known !== undefined && known.exists === false && this.isFresh(known);
  }

  private isFresh(answer: Answer): boolean {
    return answer.exists !== false || this.now() - answer.askedAt < ABSENT_FOR_MS;
  }

  private remember(key: string, answer: Answer) {
    const [oldest] = this.answers.keys();
    if (this.answers.size >= MOST_ANSWERS && oldest !== undefined) {
      this.answers.delete(oldest);
    }
    this.answers.set(key, answer);
  }

  private async ask(wanted: Wanted, datasourceUids: string[]): Promise<Recording | undefined> {
    const failures: unknown[] = [];
    const questions = queriesOf(wanted).flatMap((query) =>
      datasourceUids.map((datasourceUid) => ({ datasourceUid, query }))
    );
    for (const { datasourceUid, query } of questions) {
      try {
        const session = await this.first(datasourceUid, query);
        if (session) {
          return { datasourceUid, session };
        }
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) {
      throw failures[0];
    }
    return undefined;
  }

  private async first(datasourceUid: string, query: URLSearchParams): Promise<Session | undefined> {
    const response = await this.read(datasourceUid, `sessions?${query}`);
    if (!response.ok) {
      throw new Error(`The data source answered ${response.status}.`);
    }
    const body: unknown = await response.json();
    return isRecord(body) && Array.isArray(body.sessions) ? narrowSession(body.sessions[0]) : undefined;
  }
}

function keyOf({ sessionId = '', traceId = '' }: Wanted): string {
  return `${sessionId} ${traceId}`;
}

/** The session by its id; by the trace when that is not there, or no id is known. */
function queriesOf({ sessionId, traceId }: Wanted): URLSearchParams[] {
  const queries = [];
  if (sessionId) {
    queries.push(new URLSearchParams({ session_id: sessionId, limit: '1' }));
  }
  if (traceId) {
    queries.push(new URLSearchParams({ trace_id: whole(traceId), limit: '1' }));
  }
  return queries;
}

/** Tempo's lists leave out the zeros at the start of a trace id. */
function whole(traceId: string): string {
  return /^[0-9a-f]{16,31}$/i.test(traceId) ? traceId.padStart(32, '0') : traceId;
}
