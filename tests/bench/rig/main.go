package rig

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/embedded/s3gateway"
	"github.com/playhead/playhead/tests/traffic"
)

// Main runs a bench: in a folder of its own, which goes with it, until it ends
// or is told to. Flags must be defined before; what measure writes to standard
// output are results only.
func Main(name string, measure func(ctx context.Context, dir string) error) {
	embedded.RunChild(s3gateway.Serve)
	flag.Parse()
	if err := inFolder(name, measure); err != nil {
		fmt.Fprintf(os.Stderr, "bench %s: %v\n", name, err)
		os.Exit(1)
	}
}

func inFolder(name string, measure func(ctx context.Context, dir string) error) (err error) {
	if flag.NArg() > 0 {
		return fmt.Errorf("takes flags only, not %q", flag.Args())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "playhead-bench-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	begin := time.Now()
	if err = measure(ctx, dir); err != nil {
		sayLogs(dir)
	}
	Say("%s took %v", name, time.Since(begin).Round(time.Second))
	return err
}

// sayLogs prints the ends of the logs that are still there.
func sayLogs(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".log" && d.Type().IsRegular() {
			if tail := (&Process{log: path}).Tail(); tail != "" {
				Say("%s: …%s", d.Name(), tail)
			}
		}
		return nil
	})
}

// Say tells people how it goes.
func Say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// Recordings are what the bench sends: the corpus, or built-in ones where
// there is none, which it then says.
func Recordings(start time.Time) ([]*traffic.Recording, error) {
	recordings, which, err := traffic.Load(".", start)
	if err != nil {
		return nil, err
	}
	bytes, events := 0, 0
	for _, r := range recordings {
		bytes += r.RawBytes
		events += r.Events
	}
	Say("%s: %d recordings, %.1f MB, %d events", which, len(recordings), float64(bytes)/1e6, events)
	if which != "corpus" {
		Say("without the corpus ($%s) the figures stand for nothing", traffic.FolderEnv)
	}
	return recordings, nil
}

// Random is a repeatable source.
func Random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// Stopper is what a bench has to stop at its end.
type Stopper interface{ Stop() error }

// Stop stops, and keeps the first thing that went wrong.
func Stop(err *error, s Stopper) { *err = errors.Join(*err, s.Stop()) }
