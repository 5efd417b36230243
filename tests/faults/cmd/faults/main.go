//go:build unix

// Command faults runs the fault table of docs/faults.md and prints its figures
// as JSON lines.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/embedded/s3gateway"
	"github.com/playhead/playhead/tests/faults"
)

func main() {
	embedded.RunChild(s3gateway.Serve)
	faults.RunAttackers()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

func run() error {
	seed := flag.Uint64("seed", 1, "of everything random")
	rows := flag.String("rows", "", "numbers of the rows, with commas; all when empty")
	short := flag.Bool("short", false, "the form of the tests: the same steps, fewer of them")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is not expected here", flag.Arg(0))
	}
	o := faults.Options{Root: ".", Seed: *seed, Short: *short, Out: os.Stdout, Log: os.Stderr}
	for word := range strings.SplitSeq(*rows, ",") {
		if word == "" {
			continue
		}
		n, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf("--rows: %w", err)
		}
		o.Rows = append(o.Rows, n)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return faults.Run(ctx, o)
}
