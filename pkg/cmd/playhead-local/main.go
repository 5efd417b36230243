// Command playhead-local is what playhead starts beside itself where it runs on
// one machine: an S3 gateway over a local folder, and the shop of the demo. Both
// need far more code than a server that stores recordings, which should neither
// have it in memory nor have its faults.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/playhead/playhead/examples/shop"
	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/embedded/s3gateway"
)

func main() {
	embedded.RunChild(s3gateway.Serve)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "playhead-local:", err)
		os.Exit(1)
	}
}

// run serves the shop, the one thing that a person or a container starts.
func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 0 || args[0] != "shop" {
		return fmt.Errorf("usage: playhead-local shop [flags]; the S3 gateway is started by playhead")
	}
	flags := flag.NewFlagSet("playhead-local shop", flag.ContinueOnError)
	var o shop.ServeOptions
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:8090", "`ADDRESS` to serve on")
	flags.StringVar(&o.RecorderURL, "recorder", "http://127.0.0.1:8080/playhead.js", "`URL` of the recorder")
	flags.StringVar(&o.WriteKey, "key", "", "write key of the project")
	flags.StringVar(&o.OTLP, "otlp", "", "`URL` that takes traces and logs over OTLP/HTTP, besides $OTEL_EXPORTER_OTLP_ENDPOINT")
	attached := flags.Bool("attached", false, "end with standard input: when the program that started this one is gone")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if *attached {
		var orphaned context.CancelFunc
		ctx, orphaned = context.WithCancel(ctx)
		go func() {
			_, _ = io.Copy(io.Discard, stdin) // returns when nobody can write any more
			orphaned()
		}()
	}
	return shop.Serve(ctx, o, stdout)
}
