/** Where the standalone page is. There are two places, and every link between them loads the page anew. */
export type Route = { page: 'sessions' } | { page: 'session'; sessionId: string; at: number | undefined };

export function readRoute({ pathname, search }: Pick<Location, 'pathname' | 'search'>): Route {
  const [place, id, ...rest] = pathname.split('/').filter((part) => part !== '');
  const sessionId = decode(id ?? '');
  if (place !== 'sessions' || !sessionId || rest.length > 0) {
    return { page: 'sessions' };
  }
  return { page: 'session', sessionId, at: readInstant(new URLSearchParams(search).get('t')) };
}

/** The address that opens a session, at an instant (ms since the epoch) when there is one. */
export function sessionHref(sessionId: string, at?: number): string {
  const path = `/sessions/${encodeURIComponent(sessionId)}`;
  return at === undefined ? path : `${path}?t=${Math.round(at)}`;
}

/** Address of a path of the playback API. */
export function apiUrl(path: string): string {
  return `/api/${path}`;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // Somebody mistyped the address.
  }
}

function readInstant(text: string | null): number | undefined {
  const instant = Number(text);
  return Number.isFinite(instant) && instant > 0 ? instant : undefined;
}
