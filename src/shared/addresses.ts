import { locationUtil } from '@grafana/data';

import { APP_ID } from './pluginIds';

/** The app's list of sessions. */
export const sessionsPath = `/a/${APP_ID}/sessions`;

/** Where the app plays a session of a data source; at is an instant, ms since the epoch. */
export function sessionPath(sessionId: string, datasourceUid: string, at?: number): string {
  const params = new URLSearchParams({ ds: datasourceUid });
  if (at !== undefined) {
    params.set('t', String(Math.round(at)));
  }
  return `${sessionsPath}/${encodeURIComponent(sessionId)}?${params}`;
}

/** The path as a link's href, whatever path Grafana is served under. */
export function hrefOf(path: string): string {
  return locationUtil.assureBaseUrl(path);
}

/** The path as an address that can be sent to somebody. */
export function absoluteHrefOf(path: string): string {
  return window.location.origin + hrefOf(path);
}
