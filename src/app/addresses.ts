import { locationUtil } from '@grafana/data';

import { APP_ID } from '../shared/pluginIds';

/** Where a session of a data source is played; at is an instant, ms since the epoch. */
export function sessionPath(sessionId: string, datasourceUid: string, at?: number): string {
  const params = new URLSearchParams({ ds: datasourceUid });
  if (at !== undefined) {
    params.set('t', String(Math.round(at)));
  }
  return `/a/${APP_ID}/sessions/${encodeURIComponent(sessionId)}?${params}`;
}

export const sessionsPath = `/a/${APP_ID}/sessions`;

/** The path as a link's href, whatever path Grafana is served under. */
export function hrefOf(path: string): string {
  return locationUtil.assureBaseUrl(path);
}
