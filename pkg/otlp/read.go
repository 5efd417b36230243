package otlp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/playhead/playhead/pkg/recording"
)

const (
	// maxSpans is what a trace's answer holds at most.
	maxSpans = 5000
	// MaxLines is what an answer with log lines holds at most.
	MaxLines = 5000
)

// aroundTrace is how far from the given instant a trace's spans are looked for:
// days are partitions.
const aroundTrace = 24 * time.Hour

// Span is a span as the panes read it. Times are ms since the epoch.
type Span struct {
	SpanID       string            `json:"span_id"`
	ParentSpanID string            `json:"parent_span_id"`
	Name         string            `json:"name"`
	Service      string            `json:"service"`
	StartMs      float64           `json:"start"`
	DurationMs   float64           `json:"duration_ms"`
	Failed       bool              `json:"failed"`
	Message      string            `json:"message"`
	Attributes   map[string]string `json:"attributes"`
}

// Line is a log line as the panes read it.
type Line struct {
	TimestampMs float64 `json:"ts"`
	Level       string  `json:"level"` // error, warning, info or debug
	Text        string  `json:"text"`
	Service     string  `json:"service"`
	TraceID     string  `json:"trace_id"`
	SpanID      string  `json:"span_id"`
}

// Spans returns the spans of a trace of the project that ran around atMs, the
// first ones when there are more than 5000; none when there is no such trace.
func (s *Store) Spans(ctx context.Context, trace string, atMs int64) ([]Span, error) {
	at := time.UnixMilli(atMs)
	rows, err := s.conn.Query(ctx, `
		SELECT SpanId, ParentSpanId, SpanName, ServiceName, toUnixTimestamp64Nano(Timestamp), Duration, StatusCode, StatusMessage, SpanAttributes
		FROM `+s.database+`.otel_traces
		WHERE TraceId = {trace:String} AND ResourceAttributes['`+ProjectAttribute+`'] = {project:String}
		  AND toDate(Timestamp) BETWEEN toDate({first:String}) AND toDate({last:String})
		ORDER BY Timestamp LIMIT {limit:UInt32}`,
		clickhouse.Named("trace", trace), clickhouse.Named("project", string(s.project)),
		clickhouse.Named("first", day(at.Add(-aroundTrace))), clickhouse.Named("last", day(at.Add(aroundTrace))),
		clickhouse.Named("limit", uint32(maxSpans)))
	if isEmpty(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read spans: %w", err)
	}
	defer rows.Close()
	var spans []Span
	for rows.Next() {
		var span Span
		var status string
		var startNs int64
		var duration uint64
		if err := rows.Scan(&span.SpanID, &span.ParentSpanID, &span.Name, &span.Service, &startNs, &duration, &status, &span.Message, &span.Attributes); err != nil {
			return nil, fmt.Errorf("read spans: %w", err)
		}
		span.StartMs, span.DurationMs = millis(startNs), float64(duration)/1e6
		// The exporter has written both spellings over time.
		span.Failed = status == "Error" || status == "STATUS_CODE_ERROR"
		spans = append(spans, span)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read spans: %w", err)
	}
	return spans, nil
}

// Lines returns the log lines of a session of the project in a stretch of time
// [fromMs, toMs), oldest first: those that name the session, and those of a
// trace that a span of the session is in.
func (s *Store) Lines(ctx context.Context, session recording.SessionID, fromMs, toMs int64, limit int) ([]Line, error) {
	const within = "toDate(Timestamp) BETWEEN toDate({first:String}) AND toDate({last:String}) AND ResourceAttributes['" + ProjectAttribute + "'] = {project:String}"
	rows, err := s.conn.Query(ctx, `
		SELECT toUnixTimestamp64Nano(Timestamp), SeverityText, SeverityNumber, Body, ServiceName, TraceId, SpanId
		FROM `+s.database+`.otel_logs
		WHERE `+within+`
		  AND toUnixTimestamp64Nano(Timestamp) >= {from:Int64} AND toUnixTimestamp64Nano(Timestamp) < {to:Int64}
		  AND (LogAttributes['session_id'] = {session:String} OR LogAttributes['session.id'] = {session:String}
		    OR TraceId != '' AND TraceId IN (
		      SELECT TraceId FROM `+s.database+`.otel_traces WHERE `+within+` AND SpanAttributes['session.id'] = {session:String}))
		ORDER BY Timestamp LIMIT {limit:UInt32}`,
		clickhouse.Named("project", string(s.project)), clickhouse.Named("session", string(session)),
		clickhouse.Named("from", fromMs*1e6), clickhouse.Named("to", toMs*1e6),
		clickhouse.Named("first", day(time.UnixMilli(fromMs))), clickhouse.Named("last", day(time.UnixMilli(toMs))),
		clickhouse.Named("limit", uint32(limit)))
	if isEmpty(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read log lines: %w", err)
	}
	defer rows.Close()
	var lines []Line
	for rows.Next() {
		var line Line
		var ns int64
		var text string
		var number uint8
		if err := rows.Scan(&ns, &text, &number, &line.Text, &line.Service, &line.TraceID, &line.SpanID); err != nil {
			return nil, fmt.Errorf("read log lines: %w", err)
		}
		line.TimestampMs, line.Level = millis(ns), levelOf(number, text)
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read log lines: %w", err)
	}
	return lines, nil
}

// millis divides in two parts: a float64 does not hold all digits of today's ns.
func millis(ns int64) float64 { return float64(ns/1e6) + float64(ns%1e6)/1e6 }

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// levelOf follows the severity numbers of the log data model; 0 is unknown.
func levelOf(number uint8, text string) string {
	switch {
	case number >= 17:
		return "error"
	case number >= 13:
		return "warning"
	case number >= 9:
		return "info"
	case number >= 1:
		return "debug"
	}
	switch text = strings.ToLower(text); {
	case strings.HasPrefix(text, "err"), strings.HasPrefix(text, "fatal"), strings.HasPrefix(text, "crit"):
		return "error"
	case strings.HasPrefix(text, "warn"):
		return "warning"
	case strings.HasPrefix(text, "debug"), strings.HasPrefix(text, "trace"):
		return "debug"
	default:
		return "info"
	}
}
