import type { DataSourceInstanceSettings } from '@grafana/data';

import { hrefOf } from '../shared/addresses';
import type { Stretch } from './runQuery';

/** The address of an Explore pane with the query; of a trace, at the span when that is not empty. */
export function exploreHref(
  { uid, type }: DataSourceInstanceSettings,
  query: Record<string, unknown>,
  { from, to }: Stretch,
  spanId = ''
): string {
  const pane = {
    datasource: uid,
    queries: [{ ...query, refId: 'A', datasource: { type, uid } }],
    range: { from: String(Math.floor(from)), to: String(Math.ceil(to)) },
    ...(spanId && { panelsState: { trace: { spanId } } }),
  };
  // Explore keeps a pane's id only when it has three characters, not all of them digits.
  const params = new URLSearchParams({ schemaVersion: '1', panes: JSON.stringify({ rpl: pane }) });
  return hrefOf(`/explore?${params}`);
}
