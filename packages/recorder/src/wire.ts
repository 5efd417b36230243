import { type Session } from './session';
import { utf8 } from './text';
import { RECORDER_VERSION, RRWEB_VERSION } from './version';

export interface User {
  id: string;
  attributes?: Record<string, string>;
}

/** What all events of a segment have in common. */
export interface SegmentContext {
  session: Pick<Session, 'id' | 'previousId'>;
  windowId: string;
  pageId: string;
  page: { url: string; referrer: string; viewport: [width: number, height: number] };
  user?: User;
  release?: string;
  environment?: string;
}

/** Ordered events of one page; see docs/format/wire-v1.md. */
export interface Segment {
  readonly context: SegmentContext;
  /** One event per line, UTF-8 JSON. */
  lines: Array<Uint8Array<ArrayBuffer>>;
  /** Has a full snapshot, without which what follows cannot be replayed. */
  readonly snapshot: boolean;
  /** The window is closing. */
  final: boolean;
  /** Segments lost right before this one; as many numbers are left out. */
  skipped: number;
  /** Given when it is first sent, so that segments that never leave the page take no number. */
  seq?: number;
}

/** Bytes of the events, newlines included. */
export function segmentBytes(segment: Segment): number {
  return segment.lines.reduce((sum, line) => sum + line.length + 1, 0);
}

/** The body of a request before compression: header line, event lines. */
export function encodeSegment(segment: Segment, sentAt: number, token: string | undefined): Uint8Array<ArrayBuffer> {
  const { session, windowId, pageId, page, user, release, environment } = segment.context;
  const header = utf8(
    JSON.stringify({
      v: 1,
      token,
      session_id: session.id,
      previous_id: session.previousId,
      window_id: windowId,
      page_id: pageId,
      seq: segment.seq,
      sent_at: sentAt,
      reason: 'sampled',
      final: segment.final,
      recorder: { name: 'playhead', version: RECORDER_VERSION, rrweb: RRWEB_VERSION },
      page,
      user,
      release,
      environment,
    })
  );
  const body = new Uint8Array(header.length + 1 + segmentBytes(segment));
  let at = 0;
  for (const line of [header, ...segment.lines]) {
    body.set(line, at);
    body[at + line.length] = 0x0a;
    at += line.length + 1;
  }
  return body;
}

/** What a reply may ask for. */
export interface Reply {
  snapshot: boolean;
  stop: boolean;
  token?: string;
}

export function parseReply(text: string): Reply {
  const value = parseObject(text);
  return {
    snapshot: value.snapshot === true,
    stop: value.stop === true,
    token: typeof value.token === 'string' ? value.token : undefined,
  };
}

/** The line that a problem+json reply complains of; 1 is the header. */
export function parseProblemLine(text: string): number | undefined {
  const { line } = parseObject(text);
  return typeof line === 'number' ? line : undefined;
}

/** Whether a problem+json reply complains of the session token. */
export function isTokenProblem(text: string): boolean {
  return parseObject(text).field === 'token';
}

/** Replies may have passed a proxy: anything that is not a JSON object counts as empty. */
function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
