import { isRecord, readString } from '../shared/narrowing';
import { narrowSession, type Session } from '../shared/session';

/** One request for sessions, newest first. Times are ms since the epoch. */
export interface SessionsRequest {
  from: number;
  to: number;
  user: string;
  url: string;
  errors: boolean;
  /** In the search language of docs/format/playback.md; addresses need no quotes. */
  q: string;
  /** Cursor of the previous page; empty for the first. */
  before: string;
  limit: number;
}

export interface SessionsPage {
  sessions: Session[];
  /** Cursor of the next page; empty when this is the last. */
  next: string;
}

export type ListSessions = (request: SessionsRequest, signal: AbortSignal) => Promise<SessionsPage>;

/** Lists sessions over the playback API (docs/format/playback.md). resolveUrl makes an address of an API path. */
export function createSessionsApi(resolveUrl: (path: string) => string, fetchImpl: typeof fetch): ListSessions {
  return async (request, signal) => {
    const response = await fetchImpl(resolveUrl(`sessions?${queryOf(request)}`), {
      signal,
      headers: { Accept: 'application/json' },
    });
    if (!response.ok) {
      throw new Error(await readProblem(response));
    }
    return narrowPage(await response.json());
  };
}

function queryOf(request: SessionsRequest): URLSearchParams {
  const params = new URLSearchParams({
    from: String(request.from),
    to: String(request.to),
    limit: String(request.limit),
  });
  for (const key of ['user', 'url', 'before'] as const) {
    if (request[key] !== '') {
      params.set(key, request[key]);
    }
  }
  if (request.q !== '') {
    params.set('query', quoteAddresses(request.q));
  }
  if (request.errors) {
    params.set('errors', 'true');
  }
  return params;
}

/** A colon stands behind a key of the search language; people paste addresses as they are. */
function quoteAddresses(search: string): string {
  return search.replaceAll(/(?<=^|\s)https?:\/\/[^\s"]+/g, '"$&"');
}

function narrowPage(body: unknown): SessionsPage {
  if (!isRecord(body) || !Array.isArray(body.sessions)) {
    throw new Error('the answer holds no list of sessions');
  }
  const sessions = body.sessions.map(narrowSession).filter((session): session is Session => session !== undefined);
  return { sessions, next: readString(body, 'next') };
}

/** What a problem+json answer says, or its status when it says nothing. */
async function readProblem(response: Response): Promise<string> {
  const status = `${response.status} ${response.statusText}`.trim();
  try {
    const body: unknown = await response.json();
    return (
      (isRecord(body) && (readString(body, 'detail') || readString(body, 'message') || readString(body, 'title'))) ||
      status
    );
  } catch {
    // Not JSON: a proxy's error page. Its status is all we can show.
    return status;
  }
}
