import type { DataSourceInstanceSettings } from '@grafana/data';

import type { LogQuery } from '../player';
import { CLICKHOUSE, sqlQuery, sqlText, tableOf } from './clickhouse';

/** Where a session's lines are in Loki. */
export interface Streams {
  /** LogQL stream selector. */
  selector: string;
  /** The attribute with the session id; Loki's label has no dots. */
  attribute: string;
}

/** The query for the lines of a session in the language of the data source. */
export function logQuery(
  settings: DataSourceInstanceSettings,
  { selector, attribute }: Streams,
  query: LogQuery
): Record<string, unknown> {
  if (settings.type === CLICKHOUSE) {
    return sqlQuery('logs', logSql(settings, attribute, query));
  }
  const label = attribute.replace(/[^A-Za-z0-9_]/g, '_');
  return {
    queryType: 'range',
    expr: `${selector} | ${label}="${query.sessionId.replace(/[\\"]/g, '\\$&')}"`,
    maxLines: query.limit,
    direction: 'forward',
  };
}

function logSql(settings: DataSourceInstanceSettings, attribute: string, query: LogQuery): string {
  const { sessionId, from, to, limit } = query;
  const names = [...new Set([attribute, attribute.replace(/[^A-Za-z0-9_]/g, '_')])];
  const session = names.map((name) => `LogAttributes[${sqlText(name)}] = ${sqlText(sessionId)}`).join(' OR ');
  return [
    'SELECT Timestamp AS timestamp, Body AS body, SeverityText AS level,',
    // A link on a label is told of labels only, and is to know the instant.
    "mapUpdate(LogAttributes, map('observed_timestamp', toString(toUnixTimestamp64Nano(Timestamp)))) AS labels,",
    'ServiceName AS service_name, TraceId AS trace_id, SpanId AS span_id',
    `FROM ${tableOf(settings, 'logs')}`,
    `WHERE Timestamp >= fromUnixTimestamp64Milli(${Math.floor(from)}) AND Timestamp < fromUnixTimestamp64Milli(${Math.ceil(to)})`,
    `AND (${session})`,
    `ORDER BY Timestamp LIMIT ${limit}`,
  ].join('\n');
}
