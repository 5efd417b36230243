// Command shop serves the demo shop by itself, for docker compose. The same
// shop is part of `playhead demo`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/playhead/playhead/examples/shop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("shop", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8090", "address to serve on")
	recorder := flags.String("recorder", "http://127.0.0.1:8080/playhead.js", "address of the recorder")
	key := flags.String("key", "", "write key of the project")
	if err := flags.Parse(args); err != nil {
		return err
	}
	telemetry, err := shop.NewTelemetry(ctx, stdout, "")
	if err != nil {
		return err
	}
	handler, err := shop.New(shop.Options{
		RecorderURL: *recorder, WriteKey: *key, TracerProvider: telemetry.Traces, Log: telemetry.Log, Capture: 300 * time.Millisecond,
	}).Handler()
	if err != nil {
		return err
	}
	server := &http.Server{Addr: *listen, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(drain), telemetry.Shutdown(drain))
}
