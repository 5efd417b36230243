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

/** A query that answers with a plain table: fields are read by name. */
export function sqlQuery(rawSql: string): Record<string, unknown> {
  return { editorType: 'sql', queryType: 'table', format: 1, rawSql, pluginVersion: '4.0.0' };
}

export function sqlText(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
