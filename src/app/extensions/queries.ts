import { isRecord } from '../../shared/narrowing';
import type { Wanted } from '../recordings';

// A condition of TraceQL, LogQL or SQL on the session's attribute: session.id = "…", session_id="…", ['session.id'] = '…'.
const sessionCondition = /session[._]id['"\]]*\s*=~?\s*["'`]([0-9A-Za-z_-]{8,64})["'`]/;
const traceCondition = /trace[._]?id['"\]]*\s*=~?\s*["'`]([0-9a-f]{32})["'`]/i;
const sessionId = /^[0-9A-Za-z_-]{8,64}$/;
const traceId = /^\s*([0-9a-f]{32})\s*$/i;

/** The session or trace that one of the queries asks for; empty when none does. replace fills in variables. */
export function wantedByQueries(queries: readonly unknown[] = [], replace = (text: string) => text): Wanted {
  for (const query of queries) {
    const wanted = isRecord(query) ? wantedByQuery(query, replace) : {};
    if (wanted.sessionId ?? wanted.traceId) {
      return wanted;
    }
  }
  return {};
}

function wantedByQuery(query: Record<string, unknown>, replace: (text: string) => string): Wanted {
  const texts = Object.values(query)
    .filter((value): value is string => typeof value === 'string')
    .map(replace);
  const find = (pattern: RegExp) => texts.map((text) => pattern.exec(text)?.[1]).find(Boolean);
  const named = typeof query.sessionId === 'string' ? replace(query.sessionId) : '';
  return {
    sessionId: sessionId.test(named) ? named : find(sessionCondition),
    traceId: find(traceId) ?? find(traceCondition),
  };
}
