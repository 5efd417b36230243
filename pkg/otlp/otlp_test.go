package otlp_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
	"github.com/playhead/playhead/pkg/index/clickhouse"
	"github.com/playhead/playhead/pkg/otlp"
	"github.com/playhead/playhead/pkg/recording"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

const (
	session = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000"
	trace   = "0af7651916cd43dd8448eb211c80319c"
)

// at is when everything here happened, ms since the epoch: lately, because what
// is older than the tables keep is dropped at once.
var at = time.Now().Add(-time.Hour).UnixMilli()

// open gives the store of a project in a database of the test's own.
func open(t *testing.T, database string, project recording.ProjectID) *otlp.Store {
	t.Helper()
	server := embeddedtest.Start(t).ClickHouse
	conn, err := clickhouse.Open(clickhouse.Config{
		Protocol: clickhouse.ProtocolHTTP, Addresses: []string{server.Address}, Database: "default", Username: server.User, Password: server.Password,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	store, err := otlp.New(otlp.Config{Conn: conn, Database: database, Project: project, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func nanos(ms int64) pcommon.Timestamp { return pcommon.Timestamp(ms * 1e6) }

func spans(t *testing.T) ptraceotlp.ExportRequest {
	t.Helper()
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "shop")
	resource.Resource().Attributes().PutStr(otlp.ProjectAttribute, "somebody-elses")
	scope := resource.ScopeSpans().AppendEmpty()
	root := scope.Spans().AppendEmpty()
	root.SetTraceID(pcommon.TraceID{0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c})
	root.SetSpanID(pcommon.SpanID{1})
	root.SetName("POST /api/orders")
	root.SetStartTimestamp(nanos(at))
	root.SetEndTimestamp(nanos(at + 312))
	root.Attributes().PutStr("session.id", session)
	root.Attributes().PutInt("http.response.status_code", 500)
	root.Status().SetCode(ptrace.StatusCodeError)
	root.Status().SetMessage("already paid")
	event := root.Events().AppendEmpty()
	event.SetName("exception")
	event.SetTimestamp(nanos(at + 300))
	event.Attributes().PutStr("exception.type", "Paid")
	child := scope.Spans().AppendEmpty()
	child.SetTraceID(root.TraceID())
	child.SetSpanID(pcommon.SpanID{2})
	child.SetParentSpanID(root.SpanID())
	child.SetName("capture payment")
	child.SetStartTimestamp(nanos(at) + 500_000)
	child.SetEndTimestamp(nanos(at)) // its clock was set back
	return ptraceotlp.NewExportRequestFromTraces(traces)
}

const logLines = `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeLogs":[{"logRecords":[
 {"timeUnixNano":"%d000000","severityNumber":17,"severityText":"ERROR","body":{"stringValue":"payment not captured"},"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"0100000000000000","attributes":[{"key":"session_id","value":{"stringValue":"0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000"}}]},
 {"timeUnixNano":"%d000000","severityText":"warn","body":{"stringValue":"says its trace only"},"traceId":"0af7651916cd43dd8448eb211c80319c"},
 {"timeUnixNano":"%d000000","severityNumber":9,"body":{"stringValue":"of another session"},"attributes":[{"key":"session_id","value":{"stringValue":"0199aaaa-bbbb-7ccc-8ddd-eeeeffff9999"}}]},
 {"timeUnixNano":"%d000000","severityNumber":9,"body":{"stringValue":"much later"},"attributes":[{"key":"session_id","value":{"stringValue":"0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000"}}]}]}]}]}`

func post(t *testing.T, handler http.Handler, path, contentType, encoding string, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, bytes.NewReader(body))
	request.Header.Set("Content-Type", contentType)
	if encoding != "" {
		request.Header.Set("Content-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, request)
	return w
}

func get(t *testing.T, handler http.Handler, path string) (int, map[string][]map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	var body map[string][]map[string]any
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("%s: %v: %s", path, err, w.Body)
		}
	}
	return w.Code, body
}

func TestReceivedTelemetryIsReadByItsProjectAlone(t *testing.T) {
	store, other := open(t, "otel_received", "shop"), open(t, "otel_received", "another")
	body, err := spans(t).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	if w := post(t, store.Receiver(), "/v1/traces", "application/x-protobuf", "gzip", zipped(t, body)); w.Code != http.StatusOK {
		t.Fatalf("traces answered %d: %s", w.Code, w.Body)
	}
	lines := fmt.Sprintf(logLines, at+10, at+20, at+30, at+120_000)
	if w := post(t, store.Receiver(), "/v1/logs", "application/json; charset=utf-8", "", []byte(lines)); w.Code != http.StatusOK {
		t.Fatalf("logs answered %d: %s", w.Code, w.Body)
	} else if err := plogotlp.NewExportResponse().UnmarshalJSON(w.Body.Bytes()); err != nil {
		t.Errorf("answer %q: %v", w.Body, err)
	}

	_, got := get(t, store.Handler(), fmt.Sprintf("/traces/%s?at=%d", strings.ToUpper(trace), at+50_000))
	want := []map[string]any{
		{
			"span_id": "0100000000000000", "parent_span_id": "", "name": "POST /api/orders", "service": "shop", "start": float64(at), "duration_ms": 312.0,
			"failed": true, "message": "already paid", "attributes": map[string]any{"session.id": session, "http.response.status_code": "500"},
		},
		{
			"span_id": "0200000000000000", "parent_span_id": "0100000000000000", "name": "capture payment", "service": "shop", "start": float64(at) + 0.5, "duration_ms": 0.0,
			"failed": false, "message": "", "attributes": map[string]any{},
		},
	}
	if diff := cmp.Diff(want, got["spans"]); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}

	path := fmt.Sprintf("/sessions/%s/logs?from=%d&to=%d&limit=10", session, at, at+60_000)
	_, got = get(t, store.Handler(), path)
	want = []map[string]any{
		{"ts": float64(at + 10), "level": "error", "text": "payment not captured", "service": "shop", "trace_id": trace, "span_id": "0100000000000000"},
		{"ts": float64(at + 20), "level": "warning", "text": "says its trace only", "service": "shop", "trace_id": trace, "span_id": ""},
	}
	if diff := cmp.Diff(want, got["lines"]); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}

	for _, path := range []string{path, fmt.Sprintf("/traces/%s?at=%d", trace, at)} {
		if code, body := get(t, other.Handler(), path); code != http.StatusOK || len(body["lines"])+len(body["spans"]) != 0 {
			t.Errorf("another project reads %d %v at %s", code, body, path)
		}
	}
}

func TestBeforeAnythingWasReceivedThereIsNothing(t *testing.T) {
	store := open(t, "otel_nothing", "shop")
	for _, path := range []string{fmt.Sprintf("/traces/%s?at=1", trace), fmt.Sprintf("/sessions/%s/logs?from=1&to=2&limit=1", session)} {
		if code, body := get(t, store.Handler(), path); code != http.StatusOK || len(body) != 1 {
			t.Errorf("%s answered %d %v", path, code, body)
		}
	}
}

func TestRefusals(t *testing.T) {
	store := open(t, "otel_refused", "shop")
	tests := map[string]struct {
		contentType, encoding, body string
		want                        int
	}{
		"a form of another site": {"text/plain", "", "{}", http.StatusUnsupportedMediaType},
		"no protobuf":            {"application/x-protobuf", "", "{}", http.StatusBadRequest},
		"no JSON":                {"application/json", "", "{", http.StatusBadRequest},
		"no gzip":                {"application/json", "gzip", "{}", http.StatusBadRequest},
		"another compression":    {"application/json", "br", "{}", http.StatusUnsupportedMediaType},
		"too large":              {"application/json", "gzip", string(zipped(t, bytes.Repeat([]byte(" "), 17<<20))), http.StatusRequestEntityTooLarge},
		"nothing in it":          {"application/json", "", "{}", http.StatusOK},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if w := post(t, store.Receiver(), "/v1/traces", test.contentType, test.encoding, []byte(test.body)); w.Code != test.want {
				t.Errorf("answered %d, want %d: %s", w.Code, test.want, w.Body)
			}
		})
	}
	for _, path := range []string{"/traces/xyz?at=1", "/traces/" + trace, "/traces/" + trace + "?at=-1", "/sessions/" + session + "/logs?from=5&to=5&limit=1", "/sessions/" + session + "/logs?from=0&to=90000000&limit=1", "/sessions/" + session + "/logs?from=0&to=1&limit=0", "/sessions/x/logs?from=0&to=1&limit=1"} {
		if code, _ := get(t, store.Handler(), path); code != http.StatusBadRequest {
			t.Errorf("%s answered %d", path, code)
		}
	}
	if err := otlp.CheckDatabase("otel; DROP"); err == nil {
		t.Error("a database named like a statement is taken")
	}
}

func zipped(t *testing.T, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
