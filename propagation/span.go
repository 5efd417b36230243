package propagation

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// SpanProcessor sets the session id on every span that starts in a context
// with one, and with that on the spans of all services of a trace that use it.
// Of the baggage it reads this one member.
func SpanProcessor() sdktrace.SpanProcessor { return spanProcessor{} }

type spanProcessor struct{}

// OnStart sets the attribute.
func (spanProcessor) OnStart(ctx context.Context, span sdktrace.ReadWriteSpan) {
	if id := SessionID(ctx); id != "" {
		span.SetAttributes(attribute.String(Attribute, id))
	}
}

// OnEnd does nothing.
func (spanProcessor) OnEnd(sdktrace.ReadOnlySpan) {}

// Shutdown does nothing.
func (spanProcessor) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (spanProcessor) ForceFlush(context.Context) error { return nil }
