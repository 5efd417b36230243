import { locationUtil } from '@grafana/data';

import { APP_ID } from './pluginIds';

/** The app's list of sessions. */
export const sessionsPath = `/a/${APP_ID}/sessions`;

/** Where the app plays a session of a data source, from an instant, ms since the epoch, else from a trace on. */
export function sessionPath(sessionId: string, datasourceUid: string, at?: number, traceId?: string): string {
  const params = new URLSearchParams({ ds: datasourceUid });
  if (at !== undefined) {
    params.set('t', String(Math.round(at)));
  } else if (traceId) {
    params.set('trace', traceId);
  }
  return `${sessionsPath}/${encodeURIComponent(sessionId)}?${params}`;
}

/** The instant in an address, ms since the epoch, or undefined when it names none. */
export function readInstant(text: string | null): number | undefined {
  const instant = Number(text);
  return Number.isFinite(instant) && instant > 0 ? instant : undefined;
}

/** What a link to a replay knows: at least one of the ids, and the instant if it has one. */
export interface ReplayTarget {
  sessionId?: string;
  traceId?: string;
  /** ms since the epoch; without it a replay begins where its trace does. */
  at?: number;
}

/**
 * Where the app looks for a recording in all data sources and then plays it, or says why there is none. For links that
 * do not know which data source has it.
 */
export function replayPath({ sessionId, traceId, at }: ReplayTarget): string {
  const params = new URLSearchParams();
  if (sessionId !== undefined) {
    params.set('session', sessionId);
  }
  if (traceId !== undefined) {
    params.set('trace', traceId);
  }
  if (at !== undefined) {
    params.set('t', String(Math.round(at)));
  }
  return `/a/${APP_ID}/replay?${params}`;
}

/** The path as a link's href, whatever path Grafana is served under. */
export function hrefOf(path: string): string {
  return locationUtil.assureBaseUrl(path);
}

/** The path as an address that can be sent to somebody. */
export function absoluteHrefOf(path: string): string {
  return window.location.origin + hrefOf(path);
}
