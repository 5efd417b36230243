import type { PlayheadQuery, QueryFilters } from './types';

const DEFAULT_SESSIONS_LIMIT = 50;
// What a variable with an "All" gives for it: Grafana has no empty one.
const ALL = '*';

export const defaultQuery: Partial<PlayheadQuery> = {
  queryType: 'sessions',
  limit: DEFAULT_SESSIONS_LIMIT,
};

/** A replay and a transcript need to know which session; without one there is nothing to ask the backend for. */
export function isRunnable(query: PlayheadQuery): boolean {
  if (query.queryType === 'replay' || query.queryType === 'transcript') {
    return Boolean(query.sessionId || query.traceId || query.query);
  }
  return Boolean(query.queryType || query.query);
}

/** Applies replace to every part of the query in which a dashboard variable may stand. */
export function interpolate(query: PlayheadQuery, replace: (text: string) => string): PlayheadQuery {
  const text = (value: string | undefined) => (value === undefined ? undefined : replace(value));
  return {
    ...query,
    query: text(query.query),
    sessionId: text(query.sessionId),
    traceId: text(query.traceId),
    name: text(query.name),
    filters: query.filters && interpolateFilters(query.filters, text),
  };
}

function interpolateFilters(
  filters: QueryFilters,
  text: (value: string | undefined) => string | undefined
): QueryFilters {
  const filter = (value: string | undefined) => {
    const chosen = text(value);
    return chosen === ALL ? '' : chosen;
  };
  return { ...filters, user: filter(filters.user), url: filter(filters.url), signal: filter(filters.signal) };
}

/** What Explore's query history shows for a query. */
export function describeQuery(query: PlayheadQuery): string {
  const parts = [
    query.queryType ?? 'auto',
    query.sessionId,
    query.traceId && `trace ${query.traceId}`,
    query.query,
    query.filters?.user && `user ${query.filters.user}`,
    query.filters?.url && `URL ${query.filters.url}`,
    query.filters?.errors && 'with errors',
    query.filters?.signal && `signal ${query.filters.signal}`,
    query.queryType === 'metrics' && (query.metric ?? 'sessions'),
    query.by && `by ${query.by}`,
  ];
  return parts.filter(Boolean).join(', ');
}
