package shop_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/playhead/playhead/examples/shop"
	sessions "github.com/playhead/playhead/propagation"
)

const session = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000"

func start(t *testing.T, capture time.Duration) (*httptest.Server, *tracetest.SpanRecorder, *bytes.Buffer) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans),
		sdktrace.WithSpanProcessor(sessions.SpanProcessor()))
	var log bytes.Buffer
	handler, err := shop.New(shop.Options{TracerProvider: provider, Log: slog.New(sessions.NewLogHandler(slog.NewJSONHandler(&log, nil))), Capture: capture}).Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server, spans, &log
}

func order(t *testing.T, server *httptest.Server) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/orders", strings.NewReader(`{"cart":"c1","delivery":"friday"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Session-ID", session)
	request.Header.Set("baggage", "session.id="+session)
	request.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	response, err := server.Client().Do(request)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// The fault of the second scenario, and what makes it findable: two orders, a
// 500, and the session id on every span of the browser's trace.
func TestDoubleOrder(t *testing.T) {
	server, spans, log := start(t, 50*time.Millisecond)
	statuses := make([]int, 2)
	var both sync.WaitGroup
	for i := range statuses {
		both.Go(func() { statuses[i] = order(t, server) })
	}
	both.Wait()
	if statuses[0]+statuses[1] != http.StatusCreated+http.StatusInternalServerError {
		t.Errorf("statuses %v, want one 201 and one 500", statuses)
	}
	response, err := server.Client().Get(server.URL + "/api/orders")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	list, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(list), `"number"`); n != 2 {
		t.Errorf("%d orders, want 2: %s", n, list)
	}
	withSession := 0
	for _, span := range spans.Ended() {
		if span.SpanContext().TraceID().String() != "0af7651916cd43dd8448eb211c80319c" {
			continue
		}
		for _, a := range span.Attributes() {
			if a.Key == "session.id" && a.Value.AsString() == session {
				withSession++
				break
			}
		}
	}
	if withSession != 4 {
		t.Errorf("%d spans of the browser's trace carry the session id, want 4 (two requests, two payments)", withSession)
	}
	if n := strings.Count(log.String(), `"session_id":"`+session+`"`); n != 2 {
		t.Errorf("%d log lines carry the session id, want 2:\n%s", n, log)
	}
}

func TestForeignSessionIDIsNotAnAttribute(t *testing.T) {
	server, spans, _ := start(t, 0)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/orders", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Session-ID", `"; drop`)
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	for _, span := range spans.Ended() {
		for _, a := range span.Attributes() {
			if a.Key == "session.id" {
				t.Errorf("span %s has session.id %q", span.Name(), a.Value.AsString())
			}
		}
	}
}
