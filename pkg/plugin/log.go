package plugin

import (
	"context"
	"log/slog"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
)

// newLog lets the packages below write to Grafana's log, with the trace id and
// the data source of the request.
func newLog(to log.Logger) *slog.Logger { return slog.New(&logHandler{to: to}) }

type logHandler struct {
	to     log.Logger
	prefix string // of the keys, from WithGroup
}

// Enabled leaves the choice to the logger.
func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle passes a record on.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	args := make([]any, 0, 2*r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		args = h.appendAttr(args, a)
		return true
	})
	to := h.to.FromContext(ctx)
	switch {
	case r.Level >= slog.LevelError:
		to.Error(r.Message, args...)
	case r.Level >= slog.LevelWarn:
		to.Warn(r.Message, args...)
	case r.Level >= slog.LevelInfo:
		to.Info(r.Message, args...)
	default:
		to.Debug(r.Message, args...)
	}
	return nil
}

// WithAttrs returns a handler that adds attrs to every record.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var args []any
	for _, a := range attrs {
		args = h.appendAttr(args, a)
	}
	return &logHandler{to: h.to.With(args...), prefix: h.prefix}
}

// WithGroup returns a handler whose keys begin with name.
func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{to: h.to, prefix: h.prefix + name + "."}
}

func (h *logHandler) appendAttr(args []any, a slog.Attr) []any {
	value := a.Value.Resolve()
	if err, ok := value.Any().(error); ok {
		return append(args, h.prefix+a.Key, err.Error())
	}
	return append(args, h.prefix+a.Key, value.Any())
}
