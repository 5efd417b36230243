package recipes

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	logscollector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	tracecollector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver takes what servers export by OTLP/HTTP as protobuf, and keeps it by
// trace.
type receiver struct {
	url     string
	mu      sync.Mutex
	spans   map[string][]*trace.Span
	records map[string][]*logs.LogRecord
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{spans: map[string][]*trace.Span{}, records: map[string][]*logs.LogRecord{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body := io.Reader(request.Body)
	if request.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	data, err := io.ReadAll(body)
	if err == nil {
		err = r.take(request.URL.Path, data)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (r *receiver) take(path string, data []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch path {
	case "/v1/traces":
		var in tracecollector.ExportTraceServiceRequest
		if err := proto.Unmarshal(data, &in); err != nil {
			return err
		}
		for _, resource := range in.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					id := string(span.TraceId)
					r.spans[id] = append(r.spans[id], span)
				}
			}
		}
	case "/v1/logs":
		var in logscollector.ExportLogsServiceRequest
		if err := proto.Unmarshal(data, &in); err != nil {
			return err
		}
		for _, resource := range in.ResourceLogs {
			for _, scope := range resource.ScopeLogs {
				for _, record := range scope.LogRecords {
					id := string(record.TraceId)
					r.records[id] = append(r.records[id], record)
				}
			}
		}
	}
	return nil
}

// telemetry is what one request left behind.
type telemetry struct {
	server *trace.Span // of the request
	work   *trace.Span // begun in the handler
	record *logs.LogRecord
}

// await waits until all of a trace's telemetry has arrived.
func (r *receiver) await(t *testing.T, traceID []byte) telemetry {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		got := r.of(string(traceID))
		if got.server != nil && got.work != nil && got.record != nil {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("of trace %x only %+v arrived", traceID, got)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (r *receiver) of(traceID string) telemetry {
	r.mu.Lock()
	defer r.mu.Unlock()
	var got telemetry
	for _, span := range r.spans[traceID] {
		switch {
		case span.Kind == trace.Span_SPAN_KIND_SERVER:
			got.server = span
		case span.Name == "work":
			got.work = span
		}
	}
	if records := r.records[traceID]; len(records) > 0 {
		got.record = records[0]
	}
	return got
}
