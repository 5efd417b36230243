package otlp

import (
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/playhead/playhead/pkg/recording"
)

const serviceName = "service.name"

// spanRow is a row of otel_traces.
type spanRow struct {
	Timestamp          time.Time           `ch:"Timestamp" type:"DateTime64(9)"`
	TraceID            string              `ch:"TraceId" type:"String"`
	SpanID             string              `ch:"SpanId" type:"String"`
	ParentSpanID       string              `ch:"ParentSpanId" type:"String"`
	TraceState         string              `ch:"TraceState" type:"String"`
	SpanName           string              `ch:"SpanName" type:"String"`
	SpanKind           string              `ch:"SpanKind" type:"String"`
	ServiceName        string              `ch:"ServiceName" type:"String"`
	ResourceAttributes map[string]string   `ch:"ResourceAttributes" type:"Map(String, String)"`
	ScopeName          string              `ch:"ScopeName" type:"String"`
	ScopeVersion       string              `ch:"ScopeVersion" type:"String"`
	SpanAttributes     map[string]string   `ch:"SpanAttributes" type:"Map(String, String)"`
	Duration           uint64              `ch:"Duration" type:"UInt64"` // ns
	StatusCode         string              `ch:"StatusCode" type:"String"`
	StatusMessage      string              `ch:"StatusMessage" type:"String"`
	EventTimestamps    []time.Time         `ch:"Events.Timestamp" type:"Array(DateTime64(9))"`
	EventNames         []string            `ch:"Events.Name" type:"Array(String)"`
	EventAttributes    []map[string]string `ch:"Events.Attributes" type:"Array(Map(String, String))"`
	LinkTraceIDs       []string            `ch:"Links.TraceId" type:"Array(String)"`
	LinkSpanIDs        []string            `ch:"Links.SpanId" type:"Array(String)"`
	LinkTraceStates    []string            `ch:"Links.TraceState" type:"Array(String)"`
	LinkAttributes     []map[string]string `ch:"Links.Attributes" type:"Array(Map(String, String))"`
}

// logRow is a row of otel_logs.
type logRow struct {
	Timestamp          time.Time         `ch:"Timestamp" type:"DateTime64(9)"`
	TraceID            string            `ch:"TraceId" type:"String"`
	SpanID             string            `ch:"SpanId" type:"String"`
	TraceFlags         uint8             `ch:"TraceFlags" type:"UInt8"`
	SeverityText       string            `ch:"SeverityText" type:"String"`
	SeverityNumber     uint8             `ch:"SeverityNumber" type:"UInt8"`
	ServiceName        string            `ch:"ServiceName" type:"String"`
	Body               string            `ch:"Body" type:"String"`
	ResourceSchemaURL  string            `ch:"ResourceSchemaUrl" type:"String"`
	ResourceAttributes map[string]string `ch:"ResourceAttributes" type:"Map(String, String)"`
	ScopeSchemaURL     string            `ch:"ScopeSchemaUrl" type:"String"`
	ScopeName          string            `ch:"ScopeName" type:"String"`
	ScopeVersion       string            `ch:"ScopeVersion" type:"String"`
	ScopeAttributes    map[string]string `ch:"ScopeAttributes" type:"Map(String, String)"`
	LogAttributes      map[string]string `ch:"LogAttributes" type:"Map(String, String)"`
	EventName          string            `ch:"EventName" type:"String"`
}

func spanRows(traces ptrace.Traces, project recording.ProjectID) []spanRow {
	rows := make([]spanRow, 0, traces.SpanCount())
	for _, resource := range traces.ResourceSpans().All() {
		attributes := owned(resource.Resource().Attributes(), project)
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				row := newSpanRow(span)
				row.ServiceName, row.ResourceAttributes = attributes[serviceName], attributes
				row.ScopeName, row.ScopeVersion = scope.Scope().Name(), scope.Scope().Version()
				rows = append(rows, row)
			}
		}
	}
	return rows
}

func newSpanRow(span ptrace.Span) spanRow {
	row := spanRow{
		Timestamp: timeOf(span.StartTimestamp()),
		TraceID:   span.TraceID().String(), SpanID: span.SpanID().String(), ParentSpanID: span.ParentSpanID().String(),
		TraceState: span.TraceState().AsRaw(), SpanName: span.Name(), SpanKind: span.Kind().String(),
		SpanAttributes: texts(span.Attributes()),
		StatusCode:     span.Status().Code().String(), StatusMessage: span.Status().Message(),
	}
	// A clock that was set back between start and end must not make a span of centuries.
	if end := span.EndTimestamp(); end > span.StartTimestamp() {
		row.Duration = uint64(end - span.StartTimestamp())
	}
	for _, event := range span.Events().All() {
		row.EventTimestamps = append(row.EventTimestamps, timeOf(event.Timestamp()))
		row.EventNames = append(row.EventNames, event.Name())
		row.EventAttributes = append(row.EventAttributes, texts(event.Attributes()))
	}
	for _, link := range span.Links().All() {
		row.LinkTraceIDs = append(row.LinkTraceIDs, link.TraceID().String())
		row.LinkSpanIDs = append(row.LinkSpanIDs, link.SpanID().String())
		row.LinkTraceStates = append(row.LinkTraceStates, link.TraceState().AsRaw())
		row.LinkAttributes = append(row.LinkAttributes, texts(link.Attributes()))
	}
	return row
}

func logRows(logs plog.Logs, project recording.ProjectID) []logRow {
	rows := make([]logRow, 0, logs.LogRecordCount())
	for _, resource := range logs.ResourceLogs().All() {
		attributes := owned(resource.Resource().Attributes(), project)
		for _, scope := range resource.ScopeLogs().All() {
			scopeAttributes := texts(scope.Scope().Attributes())
			for _, record := range scope.LogRecords().All() {
				rows = append(rows, logRow{
					Timestamp: timeOf(firstSet(record.Timestamp(), record.ObservedTimestamp())),
					TraceID:   record.TraceID().String(), SpanID: record.SpanID().String(), TraceFlags: uint8(record.Flags()),
					SeverityText: record.SeverityText(), SeverityNumber: uint8(record.SeverityNumber()),
					ServiceName: attributes[serviceName], Body: record.Body().AsString(),
					ResourceSchemaURL: resource.SchemaUrl(), ResourceAttributes: attributes,
					ScopeSchemaURL: scope.SchemaUrl(), ScopeName: scope.Scope().Name(), ScopeVersion: scope.Scope().Version(),
					ScopeAttributes: scopeAttributes, LogAttributes: texts(record.Attributes()), EventName: record.EventName(),
				})
			}
		}
	}
	return rows
}

// owned are the attributes of a resource with the project that they came in
// for, whatever the sender says.
func owned(attributes pcommon.Map, project recording.ProjectID) map[string]string {
	out := texts(attributes)
	out[ProjectAttribute] = string(project)
	return out
}

func texts(attributes pcommon.Map) map[string]string {
	out := make(map[string]string, attributes.Len()+1)
	for name, value := range attributes.All() {
		out[name] = value.AsString()
	}
	return out
}

func firstSet(times ...pcommon.Timestamp) pcommon.Timestamp {
	for _, t := range times {
		if t != 0 {
			return t
		}
	}
	return 0
}

// timeOf keeps a time within what a DateTime64(9) holds, to 2262.
func timeOf(t pcommon.Timestamp) time.Time { return time.Unix(0, int64(min(t, math.MaxInt64))).UTC() }
