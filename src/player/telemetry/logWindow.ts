import type { LogLine, LogQuery, LogSource } from './api';

/** Lines are asked for by stretches of this length, so that a moving playhead asks for each of them once. */
const STRETCH_MS = 60_000;
/** Lines this far around the playhead are always asked for. */
const AROUND_MS = 20_000;
/** Of a stretch. More than that is for Explore. */
const STRETCH_LINES = 500;
/** Stretches kept; a busy hour is then a few MB. */
const KEPT = 60;

export interface LogWindow {
  lines: LogLine[];
  /** Some stretch had more lines than were asked for. */
  cut: boolean;
}

/** The first instant of the stretches around the playhead: it changes when there is something else to load. */
export function windowAround(ts: number, start: number, end: number): { from: number; to: number } {
  const floor = (at: number) => Math.floor(at / STRETCH_MS) * STRETCH_MS;
  const within = (at: number) => Math.min(Math.max(at, start), end);
  return { from: floor(within(ts - AROUND_MS)), to: floor(within(ts + AROUND_MS)) + STRETCH_MS };
}

/** Reads stretches of a session's log and keeps what cannot change any more. */
export class LogReader {
  private readonly kept = new Map<number, LogLine[]>();

  constructor(
    private readonly source: LogSource,
    private readonly sessionId: string
  ) {}

  async read({ from, to }: { from: number; to: number }, signal: AbortSignal): Promise<LogWindow> {
    const starts = Array.from(
      { length: Math.round((to - from) / STRETCH_MS) },
      (_, index) => from + index * STRETCH_MS
    );
    const stretches = await Promise.all(starts.map((start) => this.stretch(start, signal)));
    return {
      lines: stretches.flat().sort((a, b) => a.ts - b.ts),
      cut: stretches.some((lines) => lines.length >= STRETCH_LINES),
    };
  }

  private async stretch(from: number, signal: AbortSignal): Promise<LogLine[]> {
    const known = this.kept.get(from);
    if (known) {
      return known;
    }
    const lines = await this.source.lines(queryOf(this.sessionId, from, from + STRETCH_MS), signal);
    // Lines may still arrive where there are none yet.
    if (lines.length > 0) {
      this.kept.set(from, lines);
    }
    if (this.kept.size > KEPT) {
      this.kept.delete(this.kept.keys().next().value ?? from);
    }
    return lines;
  }
}

export function queryOf(sessionId: string, from: number, to: number): LogQuery {
  return { sessionId, from, to, limit: STRETCH_LINES };
}
