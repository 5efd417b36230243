package shop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// ServeOptions say where a shop is and whom it tells what happens in it.
type ServeOptions struct {
	Listen      string // host:port
	RecorderURL string
	WriteKey    string
	OTLP        string // address for traces and logs besides OTEL_EXPORTER_OTLP_ENDPOINT; may be empty
}

// Serve serves a shop until ctx ends. Without an address for them its log records
// go to log as JSON lines.
func Serve(ctx context.Context, o ServeOptions, log io.Writer) error {
	telemetry, err := NewTelemetry(ctx, log, o.OTLP)
	if err != nil {
		return err
	}
	handler, err := New(Options{
		RecorderURL: o.RecorderURL, WriteKey: o.WriteKey, TracerProvider: telemetry.Traces, Log: telemetry.Log, Capture: 300 * time.Millisecond,
	}).Handler()
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	group, serving := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-serving.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return errors.Join(server.Shutdown(ending), telemetry.Shutdown(ending))
	})
	return group.Wait()
}
