// Package links builds the links between replays, traces and logs, as Grafana
// understands them: addresses and Explore queries.
//
// It knows the shape of the addresses only. Whether a recording, a trace or a
// log line exists is not its business, nor is attaching links to frames, which
// pkg/plugin does.
package links

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// AppID is the plugin id of the app whose session page plays a recording.
const AppID = "playhead-replay-app"

// DataSourceID is the plugin id of the data source that lists and loads
// recordings.
const DataSourceID = "playhead-replay-datasource"

// Variables that Grafana fills in for the row whose link is opened. They may
// stand wherever a link takes an id or an instant.
const (
	// RowValue is the value of the field that carries the link.
	RowValue = "${__value.raw}"
	// RowStart is the field "start" of the same row, ms since the epoch.
	RowStart = "${__data.fields.start.numeric}"
	// RowTime is the field "time" of the same row, ms since the epoch.
	RowTime = "${__data.fields.time.numeric}"
	// RowTimestamp is the field "timestamp" of the same row, ms since the epoch.
	RowTimestamp = "${__data.fields.timestamp.numeric}"
	// RowSpan is the field "span_id" of the same row.
	RowSpan = "${__data.fields.span_id}"
)

var rowVariables = []string{RowValue, RowStart, RowTime, RowTimestamp, RowSpan}

// The clock of a span may be ahead of the session's, and the work that a page
// started goes on after the page is gone.
const (
	widenBeforeMs = 60_000
	widenAfterMs  = 300_000
)

// Source names a data source of the same Grafana. A zero Source is none.
type Source struct {
	UID  string
	Name string
	Type string `json:",omitempty"` // plugin id; empty: Tempo for traces, Loki for logs
}

// The plugin ids of the data sources whose queries are known. The ClickHouse
// one is for tables with the schema of the OpenTelemetry exporter.
const (
	Tempo      = "tempo"
	Jaeger     = "jaeger"
	Zipkin     = "zipkin"
	Loki       = "loki"
	ClickHouse = "grafana-clickhouse-datasource"
)

// Logs is a data source with logs and the streams in which a session's lines
// are.
type Logs struct {
	Source
	Selector string // LogQL stream selector, for Loki
}

// Config says where links lead.
type Config struct {
	Self      Source // this data source
	Traces    Source
	Logs      Logs
	Attribute string // span attribute with the session id, without scope
}

// Range is a stretch of time, ms since the epoch.
type Range struct {
	FromMs int64
	ToMs   int64
}

// Link is a titled link. Either URL is set, or Target with Query: a query that
// Explore opens beside the present one, with the state of its panels.
type Link struct {
	Title  string
	URL    string         `json:",omitempty"`
	Target Source         `json:",omitzero"`
	Query  map[string]any `json:",omitempty"`
	Panels map[string]any `json:",omitempty"`
}

// Session returns the links that belong to a session id: its replay at an
// instant, on the app's page and in Explore, and the session's traces and logs
// as far as they are configured. The range is where the session lies; it is
// widened, and given explicitly because a link out of a dashboard would
// otherwise search the last hour only.
func (c Config) Session(session, atMs string, within Range) []Link {
	links := []Link{
		{Title: "Replay", URL: c.ReplayURL(session, atMs)},
		{Title: "Replay in Explore", Target: c.Self, Query: c.ReplayQuery(session, atMs)},
	}
	if query := c.sessionTraces(session); c.Traces.UID != "" && query != nil {
		links = append(links, Link{Title: "Traces of this session", URL: exploreURL(c.Traces, query, within)})
	}
	if c.Logs.UID != "" {
		links = append(links, Link{Title: "Logs of this session", URL: exploreURL(c.Logs.Source, c.sessionLogs(session), within)})
	}
	return links
}

// Trace returns the links that belong to a trace id; the trace opens at the
// span when that is not empty. A trace is looked up by its id alone, so that no
// range is needed.
func (c Config) Trace(trace, span string) []Link {
	if c.Traces.UID == "" {
		return nil
	}
	link := Link{Title: "Trace", Target: c.Traces, Query: c.traceQuery(trace)}
	if span != "" {
		link.Panels = map[string]any{"trace": map[string]any{"spanId": span}}
	}
	return []Link{link}
}

func (c Config) traceQuery(trace string) map[string]any {
	switch c.Traces.Type {
	case "", Tempo:
		return ask(c.Traces, Tempo, map[string]any{"queryType": "traceql", "query": trace})
	case ClickHouse:
		return ask(c.Traces, ClickHouse, sqlQuery("traces", 3, // the format of a trace
			"SELECT TraceId AS traceID, SpanId AS spanID, ParentSpanId AS parentSpanID, SpanName AS operationName,\n"+
				"ServiceName AS serviceName, toUnixTimestamp64Micro(Timestamp) / 1000 AS startTime, Duration / 1000000 AS duration,\n"+
				sqlTags("SpanAttributes")+" AS tags, "+sqlTags("ResourceAttributes")+" AS serviceTags,\n"+
				"if(StatusCode IN ('Error', 'STATUS_CODE_ERROR'), 2, 0) AS statusCode, StatusMessage AS statusMessage\n"+
				"FROM otel_traces\nWHERE TraceId = "+sqlText(trace)+"\nORDER BY Timestamp LIMIT 5000"))
	case Zipkin:
		return ask(c.Traces, Zipkin, map[string]any{"queryType": "traceID", "query": trace})
	default:
		return ask(c.Traces, c.Traces.Type, map[string]any{"query": trace})
	}
}

// ask completes a query to a data source.
func ask(source Source, plugin string, query map[string]any) map[string]any {
	query["refId"] = "A"
	query["datasource"] = map[string]any{"type": plugin, "uid": source.UID}
	return query
}

// sqlQuery is a query of Grafana's data source for ClickHouse.
func sqlQuery(kind string, format int, sql string) map[string]any {
	return map[string]any{"editorType": "sql", "queryType": kind, "format": format, "rawSql": sql, "pluginVersion": "4.0.0"}
}

// sqlTags is a map as the list of keys and values that a trace's view wants.
func sqlTags(column string) string {
	return "arrayMap(key -> map('key', key, 'value', " + column + "[key]), mapKeys(" + column + "))"
}

func sqlText(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// Sessions returns the link to the sessions of a time range whose filter of
// that name (docs/format/playback.md) is the row's value; nothing when the name
// is empty.
func (c Config) Sessions(filter string, within Range) []Link {
	if filter == "" {
		return nil
	}
	query := map[string]any{
		"refId":      "A",
		"datasource": map[string]any{"type": DataSourceID, "uid": c.Self.UID},
		"queryType":  "sessions",
		"filters":    map[string]any{filter: RowValue},
	}
	return []Link{{Title: "Sessions", URL: exploreURLOf(c.Self, query, within)}}
}

// ReplayURL is the address of a session's page, relative to Grafana's root,
// playing from atMs, ms since the epoch.
func (c Config) ReplayURL(session, atMs string) string {
	return "/a/" + AppID + "/sessions/" + escape(session) + "?ds=" + escape(c.Self.UID) + "&t=" + escape(atMs)
}

// ReplayQuery is the query that plays a session in Explore.
func (c Config) ReplayQuery(session, atMs string) map[string]any {
	return map[string]any{
		"refId":      "A",
		"datasource": map[string]any{"type": DataSourceID, "uid": c.Self.UID},
		"queryType":  "replay",
		"sessionId":  session,
		"at":         atMs,
	}
}

// sessionTraces is nil for sources that find traces by their id only, or need
// the name of a service.
func (c Config) sessionTraces(session string) map[string]any {
	switch c.Traces.Type {
	case "", Tempo:
		return ask(c.Traces, Tempo, map[string]any{
			"queryType": "traceql",
			"query":     "{ span." + c.Attribute + " = " + quote(session) + " }",
			"tableType": "traces",
			"limit":     20, // Tempo's own default in Explore
		})
	case ClickHouse:
		return ask(c.Traces, ClickHouse, sqlQuery("table", 1,
			"SELECT min(Timestamp) AS start, TraceId AS traceID, any(ServiceName) AS service,\n"+
				"argMin(SpanName, Timestamp) AS name, max(Duration) / 1000000 AS duration_ms\n"+
				"FROM otel_traces\nWHERE $__timeFilter(Timestamp)\n"+
				"AND SpanAttributes["+sqlText(c.Attribute)+"] = "+sqlText(session)+"\n"+
				"GROUP BY TraceId ORDER BY start LIMIT 1000"))
	default:
		return nil
	}
}

func (c Config) sessionLogs(session string) map[string]any {
	if c.Logs.Type == ClickHouse {
		return ask(c.Logs.Source, ClickHouse, sqlQuery("logs", 2,
			"SELECT Timestamp AS timestamp, Body AS body, SeverityText AS level,\n"+
				// A link on a label is told of labels only, and is to know the instant.
				"mapUpdate(LogAttributes, map('observed_timestamp', toString(toUnixTimestamp64Nano(Timestamp)))) AS labels,\n"+
				"ServiceName AS service_name, TraceId AS trace_id\n"+
				"FROM otel_logs\nWHERE $__timeFilter(Timestamp)\n"+
				"AND (LogAttributes["+sqlText(c.Attribute)+"] = "+sqlText(session)+" OR LogAttributes["+sqlText(label(c.Attribute))+"] = "+sqlText(session)+")\n"+
				"ORDER BY Timestamp LIMIT 1000"))
	}
	return ask(c.Logs.Source, Loki, map[string]any{
		"queryType": "range",
		"expr":      c.Logs.Selector + " | " + label(c.Attribute) + "=" + quote(session),
	})
}

// exploreURL is the address of one Explore pane, with a widened range.
func exploreURL(target Source, query map[string]any, within Range) string {
	return exploreURLOf(target, query, Range{FromMs: within.FromMs - widenBeforeMs, ToMs: within.ToMs + widenAfterMs})
}

// exploreURLOf is the address of one Explore pane.
func exploreURLOf(target Source, query map[string]any, within Range) string {
	panes, err := json.Marshal(map[string]any{
		// Explore keeps a pane's id only when it has three characters, not
		// all of them digits.
		"rpl": map[string]any{
			"datasource": target.UID,
			"queries":    []any{query},
			"range": map[string]string{
				"from": strconv.FormatInt(within.FromMs, 10),
				"to":   strconv.FormatInt(within.ToMs, 10),
			},
		},
	})
	if err != nil {
		panic(err) // strings and numbers alone always have a JSON form
	}
	return "/explore?schemaVersion=1&panes=" + escape(string(panes))
}

// escape makes s safe as a path segment or a query value. The row variables
// stay as they are; any other "$" becomes %24, so that Grafana expands nothing
// that came from a recording or a setting.
func escape(s string) string {
	escaped := strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	for _, variable := range rowVariables {
		escaped = strings.ReplaceAll(escaped, url.QueryEscape(variable), variable)
	}
	return escaped
}

var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quote makes a string literal of TraceQL and LogQL.
func quote(s string) string { return `"` + quoter.Replace(s) + `"` }

var notInLabel = regexp.MustCompile(`[^A-Za-z0-9_]`)

// label is the attribute's name as a log label: Loki takes no other characters.
func label(attribute string) string { return notInLabel.ReplaceAllString(attribute, "_") }
