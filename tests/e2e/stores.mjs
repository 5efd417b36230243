const SPANS_OF_CLICKHOUSE = `SELECT SpanName AS name, SpanId AS id, toUnixTimestamp64Milli(Timestamp) AS start
  FROM otel_traces WHERE TraceId = {trace:String} FORMAT JSON`;
const LINES_OF_CLICKHOUSE = `SELECT Body AS text, toUnixTimestamp64Milli(Timestamp) AS ts
  FROM otel_logs WHERE LogAttributes['session_id'] = {session:String} ORDER BY Timestamp FORMAT JSON`;
const MICROSECONDS_PER_MS = 1000;

/** A Jaeger, and the data source for it. */
export function jaeger(address) {
  return {
    source: { uid: 'jaeger', name: 'Jaeger', type: 'jaeger', url: address },
    /** Name, id and start (ms since the epoch) of the spans of a trace. */
    async spans(traceId) {
      const answer = await fetch(`${address}/api/traces/${traceId}`);
      const { data } = await answer.json();
      return data[0].spans.map(({ operationName, spanID, startTime }) => ({
        name: operationName,
        id: spanID,
        start: startTime / MICROSECONDS_PER_MS,
      }));
    },
  };
}

/** A ClickHouse with the OpenTelemetry Collector's tables, at an address with user, password and database. */
export function clickhouse(address) {
  const { protocol, hostname, port, username, password, pathname } = new URL(address);
  const database = pathname.slice(1) || 'default';
  const ask = async (query, parameters) => {
    const params = new URLSearchParams({ database, output_format_json_quote_64bit_integers: '0' });
    Object.entries(parameters).forEach(([name, value]) => params.set(`param_${name}`, value));
    const authorization = `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
    const answer = await fetch(`${protocol}//${hostname}:${port}/?${params}`, {
      method: 'POST',
      headers: { Authorization: authorization },
      body: query,
    });
    return (await answer.json()).data;
  };
  return {
    source: {
      uid: 'clickhouse',
      name: 'ClickHouse',
      type: 'grafana-clickhouse-datasource',
      jsonData: {
        host: hostname,
        port: Number(port),
        protocol: 'http',
        secure: protocol === 'https:',
        username: decodeURIComponent(username),
        defaultDatabase: database,
        traces: { otelEnabled: true },
        logs: { otelEnabled: true },
      },
      secureJsonData: { password: decodeURIComponent(password) },
    },
    spans: (traceId) => ask(SPANS_OF_CLICKHOUSE, { trace: traceId }),
    /** Text and instant (ms since the epoch) of the lines of a session. */
    lines: (sessionId) => ask(LINES_OF_CLICKHOUSE, { session: sessionId }),
  };
}
