// Package propagation puts the id of the browser session that a request came
// from on the server's spans and log records, so that both lead to its replay.
//
// It is for servers that use OpenTelemetry and net/http; it needs nothing of
// Playhead's servers and imports nothing of them. It does not start spans: that
// is what otelhttp is for.
//
//	provider := trace.NewTracerProvider(trace.WithSpanProcessor(propagation.SpanProcessor()), …)
//	http.ListenAndServe(addr, otelhttp.NewHandler(propagation.Middleware(mux), "server", …))
//	log := slog.New(propagation.NewLogHandler(slog.NewJSONHandler(os.Stdout, nil)))
package propagation

import (
	"context"
	"net/http"
	"regexp"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
)

const (
	// Header is the request header in which Playhead's recorder sends the
	// session id.
	Header = "X-Session-ID"
	// Attribute is OpenTelemetry's name for a session id, on spans, on log
	// records and in baggage.
	Attribute = "session.id"
)

// Whoever sends a request writes its headers: anything may be in them.
var pattern = regexp.MustCompile(`^[0-9A-Za-z_-]{8,64}$`)

// Middleware finds the session id of a request in its baggage, else in the
// X-Session-ID header, sets it on the request's span, and puts it into the
// baggage of the request's context: outgoing requests that are made with that
// context take it along, to servers of other owners too. It belongs inside the
// handler that starts the span.
func Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		id := SessionID(ctx)
		if id == "" {
			if id = r.Header.Get(Header); pattern.MatchString(id) {
				ctx = withSessionID(ctx, id)
			} else {
				id = ""
			}
		}
		if id != "" {
			trace.SpanFromContext(ctx).SetAttributes(attribute.String(Attribute, id))
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// SessionID is the session id of a context that came through Middleware, or
// whose baggage holds one; empty when there is none. It is for finding things,
// never for deciding what somebody may do.
func SessionID(ctx context.Context) string {
	id := baggage.FromContext(ctx).Member(Attribute).Value()
	if !pattern.MatchString(id) {
		return ""
	}
	return id
}

// withSessionID leaves the context as it is when the baggage cannot take more.
func withSessionID(ctx context.Context, id string) context.Context {
	member, err := baggage.NewMemberRaw(Attribute, id)
	if err != nil {
		return ctx
	}
	bag, err := baggage.FromContext(ctx).SetMember(member)
	if err != nil {
		return ctx
	}
	return baggage.ContextWithBaggage(ctx, bag)
}
