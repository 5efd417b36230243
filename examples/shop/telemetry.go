package shop

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

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

// exportEvery is how long spans and records wait for others: somebody is
// watching.
const exportEvery = time.Second

// NewTelemetry sends traces and logs over OTLP/HTTP to
// OTEL_EXPORTER_OTLP_ENDPOINT and to the given address, as far as they are set.
// Without either, spans are made and dropped and logs go to w as JSON.
func NewTelemetry(ctx context.Context, w io.Writer, address string) (*Telemetry, error) {
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
	targets := targetsOf(os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), address)
	if len(targets) == 0 {
		return &Telemetry{Traces: sdktrace.NewTracerProvider(traces...), Log: slog.New(sessions.NewLogHandler(slog.NewJSONHandler(w, nil)))}, nil
	}
	logs := []sdklog.LoggerProviderOption{sdklog.WithResource(res)}
	for _, t := range targets {
		spans, err := otlptracehttp.New(ctx, t.traces...)
		if err != nil {
			return nil, err
		}
		records, err := otlploghttp.New(ctx, t.logs...)
		if err != nil {
			return nil, err
		}
		traces = append(traces, sdktrace.WithBatcher(spans, sdktrace.WithBatchTimeout(exportEvery)))
		logs = append(logs, sdklog.WithProcessor(sdklog.NewBatchProcessor(records, sdklog.WithExportInterval(exportEvery))))
	}
	provider := sdklog.NewLoggerProvider(logs...)
	return &Telemetry{
		Traces: sdktrace.NewTracerProvider(traces...),
		Log:    slog.New(sessions.NewSessionLogHandler(otelslog.NewHandler("shop", otelslog.WithLoggerProvider(provider)))),
		logs:   provider,
	}, nil
}

// target is one receiver; its options are added to those of the environment.
type target struct {
	traces []otlptracehttp.Option
	logs   []otlploghttp.Option
}

func targetsOf(environment, address string) []target {
	var targets []target
	if environment != "" {
		targets = append(targets, target{})
	}
	if address != "" {
		targets = append(targets, target{
			traces: []otlptracehttp.Option{otlptracehttp.WithEndpointURL(address + "/v1/traces")},
			logs:   []otlploghttp.Option{otlploghttp.WithEndpointURL(address + "/v1/logs")},
		})
	}
	return targets
}

// Shutdown sends what is left.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	err := t.Traces.Shutdown(ctx)
	if t.logs != nil {
		err = errors.Join(err, t.logs.Shutdown(ctx))
	}
	return err
}
