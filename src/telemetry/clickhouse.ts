import type { DataSourceInstanceSettings } from '@grafana/data';

import { isRecord, readString } from '../shared/narrowing';

/** Grafana's data source for ClickHouse. */
export const CLICKHOUSE = 'grafana-clickhouse-datasource';

/** The table of a signal in the OpenTelemetry schema, as the data source's settings name it. */
export function tableOf({ jsonData }: DataSourceInstanceSettings, signal: 'traces' | 'logs'): string {
  const options: unknown = jsonData;
  const known = isRecord(options) ? options : {};
  const own = isRecord(known[signal]) ? known[signal] : {};
  const database = readString(own, 'defaultDatabase') || readString(known, 'defaultDatabase');
  const table = readString(own, 'defaultTable') || `otel_${signal}`;
  return [database, table]
    .filter(Boolean)
    .map((name) => `\`${name.replace(/[\\`]/g, '\\$&')}\``)
    .join('.');
}

// The plugin's numbers for what Explore is to draw.
const FORMATS = { logs: 2, traces: 3 };

/** A query for what Explore draws as logs or as a trace. */
export function sqlQuery(queryType: 'traces' | 'logs', rawSql: string): Record<string, unknown> {
  return { editorType: 'sql', queryType, format: FORMATS[queryType], rawSql, pluginVersion: '4.0.0' };
}

export function sqlText(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
