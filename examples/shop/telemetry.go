package shop

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	sessions "github.com/playhead/playhead/propagation"
)

// Telemetry is what the shop reports to.
type Telemetry struct {
	Traces *sdktrace.TracerProvider
	Log    *slog.Logger
	logs   *sdklog.LoggerProvider
}

// NewTelemetry sends traces and logs to OTEL_EXPORTER_OTLP_ENDPOINT; without
// it spans are made and dropped and logs go to w as JSON.
func NewTelemetry(ctx context.Context, w io.Writer) (*Telemetry, error) {
	res, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "shop")), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	traces := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(res),
		// The session id reaches every span of the trace, here and in the
		// services behind, through W3C baggage.
		sdktrace.WithSpanProcessor(sessions.SpanProcessor()),
	}
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		return &Telemetry{Traces: sdktrace.NewTracerProvider(traces...), Log: slog.New(sessions.NewLogHandler(slog.NewJSONHandler(w, nil)))}, nil
	}
	spans, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, err
	}
	records, err := otlploghttp.New(ctx)
	if err != nil {
		return nil, err
	}
	logs := sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(sdklog.NewBatchProcessor(records)))
	return &Telemetry{
		Traces: sdktrace.NewTracerProvider(append(traces, sdktrace.WithBatcher(spans))...),
		Log:    slog.New(sessions.NewSessionLogHandler(otelslog.NewHandler("shop", otelslog.WithLoggerProvider(logs)))),
		logs:   logs,
	}, nil
}

// Shutdown sends what is left.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	err := t.Traces.Shutdown(ctx)
	if t.logs != nil {
		err = errors.Join(err, t.logs.Shutdown(ctx))
	}
	return err
}
