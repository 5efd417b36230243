package propagation

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// The names that Loki gives to OpenTelemetry's fields: links from log lines
// look for these.
const (
	logSession = "session_id"
	logTrace   = "trace_id"
	logSpan    = "span_id"
)

// NewLogHandler adds session_id, trace_id and span_id of the context to each
// record, as far as there are any. For handlers that send records as
// OpenTelemetry, which carry the trace by themselves, use NewSessionLogHandler.
func NewLogHandler(next slog.Handler) slog.Handler { return &logHandler{next: next, withTrace: true} }

// NewSessionLogHandler adds only the session_id.
func NewSessionLogHandler(next slog.Handler) slog.Handler { return &logHandler{next: next} }

// logHandler keeps groups to itself: what it adds must stay at the top of a
// record, where links look for it, and not end up inside an open group.
type logHandler struct {
	next      slog.Handler
	withTrace bool
	open      []group // opened by WithGroup, outermost first
}

type group struct {
	name  string
	attrs []slog.Attr // given after the group was opened
}

// Enabled is the next handler's answer.
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle adds the ids to the record.
func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	out := slog.NewRecord(record.Time, record.Level, record.Message, record.PC)
	out.AddAttrs(h.ids(ctx)...)
	out.AddAttrs(h.attrsOf(record)...)
	return h.next.Handle(ctx, out)
}

func (h *logHandler) ids(ctx context.Context) []slog.Attr {
	var ids []slog.Attr
	if id := SessionID(ctx); id != "" {
		ids = append(ids, slog.String(logSession, id))
	}
	if span := trace.SpanContextFromContext(ctx); h.withTrace && span.IsValid() {
		ids = append(ids, slog.String(logTrace, span.TraceID().String()), slog.String(logSpan, span.SpanID().String()))
	}
	return ids
}

// attrsOf are the record's own attributes, inside the open groups.
func (h *logHandler) attrsOf(record slog.Record) []slog.Attr {
	attrs := make([]slog.Attr, 0, record.NumAttrs())
	record.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	for i := len(h.open) - 1; i >= 0; i-- {
		g := h.open[i]
		inside := append(append([]slog.Attr{}, g.attrs...), attrs...)
		attrs = []slog.Attr{{Key: g.name, Value: slog.GroupValue(inside...)}}
	}
	return attrs
}

// WithAttrs gives the attributes to every record.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	copied := *h
	if len(h.open) == 0 {
		copied.next = h.next.WithAttrs(attrs)
		return &copied
	}
	copied.open = append([]group{}, h.open...)
	last := &copied.open[len(copied.open)-1]
	last.attrs = append(append([]slog.Attr{}, last.attrs...), attrs...)
	return &copied
}

// WithGroup puts what follows into a group.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	copied := *h
	copied.open = append(append([]group{}, h.open...), group{name: name})
	return &copied
}
