// Command smoke checks the whole way once: a browser acts as a user in the
// demo shop, the built plugin binary, started as Grafana starts it, finds the
// sessions, and their replays show the text that was on the real pages. In the
// middle it kills the demo with SIGKILL and starts it again; nothing that was
// acknowledged may be missing.
//
// It writes JSON lines to standard output and fails when anything differs. It
// is run from the root of the repository, after the build.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/playhead/playhead/pkg/plugin/plugintest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := run(ctx, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
}

// results are the numbers that smoke prints.
type results struct {
	sessions, acknowledged, stored, lost, instants, mismatches int
}

func run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "playhead-smoke-*")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(dir)
		} else {
			fmt.Fprintln(stderr, "what the demo stored and logged is in", dir)
		}
	}()
	demo, err := startDemo(ctx, dir, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, demo.stop()) }()

	scenarios, err := record(ctx, demo, stderr)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	acknowledged, err := demo.front.segments()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "plugin.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	plugin, err := plugintest.Start(ctx, filepath.Join("dist", "datasource", "gpx_playhead_"+runtime.GOOS+"_"+runtime.GOARCH), log)
	if err != nil {
		return fmt.Errorf("start the plugin: %w", err)
	}
	defer plugin.Stop()
	source, err := newSource(plugin, demo.at)
	if err != nil {
		return err
	}
	var r results
	if err := r.find(ctx, source, scenarios, acknowledged, stderr); err != nil {
		return fmt.Errorf("find: %w", err)
	}
	if err := r.replay(ctx, source, scenarios, stderr); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if err := r.print(stdout); err != nil {
		return err
	}
	return r.verdict()
}

func (r *results) print(w io.Writer) error {
	out := json.NewEncoder(w)
	for _, line := range []struct {
		Name  string `json:"name"`
		Value int    `json:"value"`
		Unit  string `json:"unit"`
	}{
		{"smoke.sessions", r.sessions, "count"},
		{"smoke.events_acknowledged", r.acknowledged, "count"},
		{"smoke.events_stored", r.stored, "count"},
		{"smoke.acknowledged_segments_lost", r.lost, "count"},
		{"smoke.instants_compared", r.instants, "count"},
		{"smoke.mismatches", r.mismatches, "count"},
	} {
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func (r *results) verdict() error {
	switch {
	case r.lost > 0:
		return fmt.Errorf("%d acknowledged segments are missing or changed", r.lost)
	case r.mismatches > 0:
		return fmt.Errorf("%d of %d instants differ", r.mismatches, r.instants)
	case r.sessions < 3 || r.instants < 10*r.sessions:
		return fmt.Errorf("only %d sessions and %d instants were compared", r.sessions, r.instants)
	}
	return nil
}
