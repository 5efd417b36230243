// Package collector proves the Collector configuration of docs/correlate.md
// against a real OpenTelemetry Collector: `go tool mage collector` builds one
// and runs this. It is not for measuring; tests/bench does that.
package collector

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	logscollector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	tracecollector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	binary  = "../../.cache/otelcol"
	session = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000"
	other   = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0001"
)

var captured = &common.KeyValue{Key: "http.request.header.x-session-id", Value: &common.AnyValue{Value: &common.AnyValue_ArrayValue{
	ArrayValue: &common.ArrayValue{Values: []*common.AnyValue{text(session)}},
}}}

var tests = []struct {
	name   string
	header string // X-Session-ID of the export request
	attrs  []*common.KeyValue
	want   string
}{
	{"a browser's export request has the header", session, nil, session},
	{"the server's SDK captured the header", "", []*common.KeyValue{captured}, session},
	{"the SDK set the attribute by itself", other, []*common.KeyValue{{Key: "session.id", Value: text(session)}, captured}, session},
	{"nothing says which session", "", nil, ""},
	{"the header is no id", "<script>", nil, ""},
}

func TestSessionIDReachesTracesAndLogs(t *testing.T) {
	c := start(t, "../../provisioning/stack/collector.yaml")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := c.span(t, test.header, test.attrs); got != test.want {
				t.Errorf("the span has session %q, want %q", got, test.want)
			}
			if got := c.record(t, test.header, test.attrs); got != test.want {
				t.Errorf("the log record has session %q, want %q", got, test.want)
			}
		})
	}
}

// When this fails, the Collector has learned it, and docs/correlate.md has to
// say so.
func TestTheWidelyCopiedConfigurationSetsNothing(t *testing.T) {
	c := start(t, "testdata/widely-copied.yaml")
	for _, test := range tests[:2] {
		if got := c.span(t, test.header, test.attrs); got != "" {
			t.Errorf("%s: the span has session %q", test.name, got)
		}
	}
}

// collector is a running Collector and what it exports to.
type collector struct {
	address string
	spans   chan *trace.Span
	records chan *logs.LogRecord
}

func start(t *testing.T, config string) *collector {
	if _, err := os.Stat(binary); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no Collector is built; go tool mage collector builds one")
	}
	c := &collector{spans: make(chan *trace.Span, 16), records: make(chan *logs.LogRecord, 16), address: freeAddress(t)}
	backend := httptest.NewServer(http.HandlerFunc(c.receive))
	t.Cleanup(backend.Close)
	var output bytes.Buffer
	command := exec.CommandContext(t.Context(), binary, "--config", config, "--config", "testdata/quiet.yaml")
	command.Env = append(os.Environ(), "OTLP_LISTEN="+c.address, "TEMPO_OTLP="+backend.URL, "LOKI_OTLP="+backend.URL)
	command.Stdout, command.Stderr = &output, &output
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		if t.Failed() {
			t.Log(output.String())
		}
	})
	c.await(t)
	return c
}

func freeAddress(t *testing.T) string {
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (c *collector) await(t *testing.T) {
	deadline := time.Now().Add(30 * time.Second)
	var dial net.Dialer
	for time.Now().Before(deadline) {
		connection, err := dial.DialContext(t.Context(), "tcp", c.address)
		if err == nil {
			connection.Close()
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	t.Fatal("the Collector does not listen")
}

// receive takes what the Collector exports.
func (c *collector) receive(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	data, err := io.ReadAll(body)
	if err == nil {
		err = c.take(r.URL.Path, data)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (c *collector) take(path string, data []byte) error {
	if path == "/v1/logs" {
		var in logscollector.ExportLogsServiceRequest
		if err := proto.Unmarshal(data, &in); err != nil {
			return err
		}
		for _, resource := range in.ResourceLogs {
			for _, scope := range resource.ScopeLogs {
				for _, record := range scope.LogRecords {
					c.records <- record
				}
			}
		}
		return nil
	}
	var in tracecollector.ExportTraceServiceRequest
	if err := proto.Unmarshal(data, &in); err != nil {
		return err
	}
	for _, resource := range in.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				c.spans <- span
			}
		}
	}
	return nil
}

// span sends a span and gives the session that it has on the other side.
func (c *collector) span(t *testing.T, header string, attrs []*common.KeyValue) string {
	t.Helper()
	span := &trace.Span{TraceId: []byte("0123456789abcdef"), SpanId: []byte("01234567"), Name: "POST /orders", Attributes: attrs}
	c.send(t, "/v1/traces", header, &tracecollector.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{ScopeSpans: []*trace.ScopeSpans{{Spans: []*trace.Span{span}}}}}})
	return sessionOf(arrived(t, c.spans).GetAttributes())
}

// record does the same with a log record.
func (c *collector) record(t *testing.T, header string, attrs []*common.KeyValue) string {
	t.Helper()
	record := &logs.LogRecord{Body: text("order placed"), Attributes: attrs}
	c.send(t, "/v1/logs", header, &logscollector.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{ScopeLogs: []*logs.ScopeLogs{{LogRecords: []*logs.LogRecord{record}}}}}})
	return sessionOf(arrived(t, c.records).GetAttributes())
}

func (c *collector) send(t *testing.T, path, header string, message proto.Message) {
	t.Helper()
	body, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.address+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	if header != "" {
		request.Header.Set("X-Session-ID", header)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the Collector answered %s", response.Status)
	}
}

func arrived[T any](t *testing.T, from chan T) T {
	t.Helper()
	select {
	case item := <-from:
		return item
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came out of the Collector")
		panic("not reached")
	}
}

func sessionOf(attrs []*common.KeyValue) string {
	for _, a := range attrs {
		if a.Key == "session.id" {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

func text(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}
