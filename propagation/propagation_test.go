package propagation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/slogtest"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/baggage"
	otelpropagation "go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/playhead/playhead/propagation"
)

const (
	session = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000"
	other   = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0001"
)

// The session id reaches every span, the log and the next server, whichever
// way it came; what is no id reaches none.
func TestSessionIDReachesSpansAndLog(t *testing.T) {
	tests := map[string]struct {
		header, baggage string
		want            string
	}{
		"header":                {header: session, want: session},
		"baggage":               {baggage: "session.id=" + session, want: session},
		"baggage before header": {header: other, baggage: "session.id=" + session, want: session},
		"beside other baggage":  {header: session, baggage: "tenant=a", want: session},
		"bad baggage, header":   {header: session, baggage: "session.id=%3Cscript%3E", want: session},
		"none":                  {},
		"too short":             {header: "abc"},
		"too long":              {header: string(bytes.Repeat([]byte("a"), 65))},
		"a script":              {header: "<script>alert(1)</script>"},
		"a line break":          {header: session + "\r\nX: y"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			spans := tracetest.NewSpanRecorder()
			provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(propagation.SpanProcessor()), sdktrace.WithSpanProcessor(spans))
			both := otelpropagation.NewCompositeTextMapPropagator(otelpropagation.TraceContext{}, otelpropagation.Baggage{})
			var lines bytes.Buffer
			log := slog.New(propagation.NewLogHandler(slog.NewJSONHandler(&lines, nil)))
			var passedOn http.Header
			handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				ctx, span := provider.Tracer("test").Start(r.Context(), "work")
				log.InfoContext(ctx, "working")
				passedOn = http.Header{}
				both.Inject(ctx, otelpropagation.HeaderCarrier(passedOn))
				span.End()
			})
			server := otelhttp.NewHandler(propagation.Middleware(handler), "server", otelhttp.WithTracerProvider(provider), otelhttp.WithPropagators(both))
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/orders", nil)
			request.Header.Set("X-Session-ID", test.header)
			request.Header.Set("baggage", test.baggage)
			server.ServeHTTP(httptest.NewRecorder(), request)

			if got := len(spans.Ended()); got != 2 {
				t.Fatalf("%d spans, want 2", got)
			}
			for _, span := range spans.Ended() {
				if got := sessionOf(span); got != test.want {
					t.Errorf("span %s has session %q, want %q", span.Name(), got, test.want)
				}
			}
			var line map[string]string
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			if line["session_id"] != test.want || len(line["trace_id"]) != 32 || len(line["span_id"]) != 16 {
				t.Errorf("log line %v, want session %q and the ids of the span", line, test.want)
			}
			bag, err := baggage.Parse(passedOn.Get("baggage"))
			if err != nil {
				t.Fatal(err)
			}
			if got := bag.Member("session.id").Value(); test.want != "" && got != test.want {
				t.Errorf("the next server gets session %q, want %q", got, test.want)
			}
		})
	}
}

func sessionOf(span sdktrace.ReadOnlySpan) string {
	for _, a := range span.Attributes() {
		if a.Key == propagation.Attribute {
			return a.Value.AsString()
		}
	}
	return ""
}

// A full baggage must not cost the request.
func TestFullBaggageIsLeftAsItIs(t *testing.T) {
	bag, err := baggage.New()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 64 {
		member, err := baggage.NewMemberRaw("key"+string(rune('0'+i%10))+string(rune('a'+i/10)), "v")
		if err != nil {
			t.Fatal(err)
		}
		if bag, err = bag.SetMember(member); err != nil {
			t.Fatal(err)
		}
	}
	served := false
	handler := propagation.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served = true }))
	request := httptest.NewRequestWithContext(baggage.ContextWithBaggage(t.Context(), bag), http.MethodGet, "/", nil)
	request.Header.Set("X-Session-ID", session)
	handler.ServeHTTP(httptest.NewRecorder(), request)
	if !served {
		t.Error("the request was not served")
	}
}

// Links look for session_id at the top of a line, whatever groups are open.
func TestIDsStayOutsideOfGroups(t *testing.T) {
	var lines bytes.Buffer
	log := slog.New(propagation.NewLogHandler(slog.NewJSONHandler(&lines, nil))).With("app", "shop").WithGroup("order").With("number", 7)
	member, err := baggage.NewMemberRaw(propagation.Attribute, session)
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	log.InfoContext(baggage.ContextWithBaggage(context.Background(), bag), "placed", "total", 12)
	var line map[string]any
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	order, _ := line["order"].(map[string]any)
	if line["session_id"] != session || line["app"] != "shop" || order["number"] != 7.0 || order["total"] != 12.0 {
		t.Errorf("log line %s", lines.String())
	}
}

// The handler keeps slog's own rules.
func TestLogHandlerKeepsTheRulesOfSlog(t *testing.T) {
	var lines bytes.Buffer
	handler := propagation.NewLogHandler(slog.NewJSONHandler(&lines, nil))
	err := slogtest.TestHandler(handler, func() []map[string]any {
		var all []map[string]any
		for line := range bytes.Lines(lines.Bytes()) {
			var m map[string]any
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		return all
	})
	if err != nil {
		t.Error(err)
	}
}
