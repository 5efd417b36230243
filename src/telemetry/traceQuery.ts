import type { DataSourceInstanceSettings } from '@grafana/data';

import { CLICKHOUSE, sqlQuery, sqlText, tableOf } from './clickhouse';

/** Of a trace; a pane cannot show more. */
const MAX_SPANS = 5000;
const DAY_SECONDS = 86_400;

/** The query for one trace in the language of the data source. */
export function traceQuery(settings: DataSourceInstanceSettings, traceId: string, at: number): Record<string, unknown> {
  switch (settings.type) {
    case 'tempo':
      return { queryType: 'traceql', query: traceId };
    case CLICKHOUSE:
      return sqlQuery('traces', traceSql(settings, traceId, at));
    case 'zipkin':
      return { queryType: 'traceID', query: traceId };
    default:
      // Jaeger, and what is made like it.
      return { query: traceId };
  }
}

/** The columns that Grafana's view of a trace knows. */
function traceSql(settings: DataSourceInstanceSettings, traceId: string, at: number): string {
  const seconds = Math.round(at / 1000);
  return [
    'SELECT TraceId AS traceID, SpanId AS spanID, ParentSpanId AS parentSpanID, SpanName AS operationName,',
    'ServiceName AS serviceName, toUnixTimestamp64Micro(Timestamp) / 1000 AS startTime, Duration / 1000000 AS duration,',
    `${tagsOf('SpanAttributes')} AS tags, ${tagsOf('ResourceAttributes')} AS serviceTags,`,
    "if(StatusCode IN ('Error', 'STATUS_CODE_ERROR'), 2, 0) AS statusCode, StatusMessage AS statusMessage",
    `FROM ${tableOf(settings, 'traces')}`,
    `WHERE TraceId = ${sqlText(traceId)}`,
    `AND Timestamp BETWEEN toDateTime(${seconds - DAY_SECONDS}) AND toDateTime(${seconds + DAY_SECONDS})`,
    `ORDER BY Timestamp LIMIT ${MAX_SPANS}`,
  ].join('\n');
}

function tagsOf(column: string): string {
  return `arrayMap(key -> map('key', key, 'value', ${column}[key]), mapKeys(${column}))`;
}
