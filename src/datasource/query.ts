import type { PlayheadQuery, QueryFilters } from './types';

const DEFAULT_SESSIONS_LIMIT = 50;

export const defaultQuery: Partial<PlayheadQuery> = {
  queryType: 'sessions',
  limit: DEFAULT_SESSIONS_LIMIT,
};

/** A replay needs to know which session; without one there is nothing to ask the backend for. */
export function isRunnable(query: PlayheadQuery): boolean {
  if (query.queryType === 'replay') {
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
    filters: query.filters && interpolateFilters(query.filters, text),
  };
}

function interpolateFilters(
  filters: QueryFilters,
  text: (value: string | undefined) => string | undefined
): QueryFilters {
  return { ...filters, user: text(filters.user), url: text(filters.url) };
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
  ];
  return parts.filter(Boolean).join(', ');
}
