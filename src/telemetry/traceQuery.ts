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
      return sqlQuery(traceSql(settings, traceId, at));
    default:
      // Jaeger, Zipkin and what is made like them.
      return { query: traceId };
  }
}

function traceSql(settings: DataSourceInstanceSettings, traceId: string, at: number): string {
  const seconds = Math.round(at / 1000);
  return [
    'SELECT SpanId AS spanID, ParentSpanId AS parentSpanID, SpanName AS operationName, ServiceName AS serviceName,',
    'toUnixTimestamp64Micro(Timestamp) / 1000 AS startTime, Duration / 1000000 AS duration,',
    'StatusCode AS statusCode, StatusMessage AS statusMessage, toJSONString(SpanAttributes) AS tags',
    `FROM ${tableOf(settings, 'traces')}`,
    `WHERE TraceId = ${sqlText(traceId)}`,
    `AND Timestamp BETWEEN toDateTime(${seconds - DAY_SECONDS}) AND toDateTime(${seconds + DAY_SECONDS})`,
    `ORDER BY Timestamp LIMIT ${MAX_SPANS}`,
  ].join(' ');
}
