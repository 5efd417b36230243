import { config } from '@grafana/runtime';

/** Address of a resource of the data source with this uid, whatever path Grafana is served under. */
export function resourceUrl(datasourceUid: string, path: string): string {
  return `${config.appSubUrl ?? ''}/api/datasources/uid/${encodeURIComponent(datasourceUid)}/resources/${path}`;
}

/**
 * `fetch` as the signed-in user. Grafana's own client cannot stream a body; what it adds and we need is the
 * organization, without which a second tab in another organization would read the wrong data source.
 */
export const grafanaFetch: typeof fetch = (input, init) => {
  const headers = new Headers(init?.headers);
  headers.set('X-Grafana-Org-Id', String(config.bootData.user.orgId));
  return fetch(input, { ...init, headers, credentials: 'same-origin' });
};
