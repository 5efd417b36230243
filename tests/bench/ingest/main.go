// Command ingest measures what it costs to accept and store recordings: raw
// bytes per second of processor time, the time to an acknowledgement, memory,
// and how fast a backlog goes away, beside an OpenTelemetry Collector that is
// as durable and beside ClickStack's pipeline.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/playhead/playhead/tests/bench/rig"
	"github.com/playhead/playhead/tests/traffic"
)

var (
	only        = flag.String("only", "", "one of rounds, memory, catchup; default all")
	rounds      = flag.Int("rounds", 5, "how often everything is measured; medians are reported")
	budget      = flag.Duration("budget", 210*time.Second, "no round begins after this, for machines that are busy or slow")
	raw         = flag.Int64("raw", 120, "MB of events, uncompressed, that each run sends")
	offered     = flag.Float64("offered", 200, "MB/s of events offered while memory is watched")
	memoryTime  = flag.Duration("memory-duration", 30*time.Second, "how long memory is watched")
	awayTime    = flag.Duration("away", 40*time.Second, "how long the stores are away before the backlog is measured")
	arrivals    = flag.Float64("arrivals", 5, "MB/s of events that arrive while the stores are away and while the backlog goes away; 5 is what 1000 sessions of the corpus make")
	connections = flag.Int("connections", 32, "connections of the load")
)

const (
	mb = 1e6
	// sessionsAtOnce is the number of sessions that are mixed on a connection.
	sessionsAtOnce = 8
	// steadyRate is the load at which times to acknowledgement are compared,
	// bytes of events a second: what 2000 sessions of the corpus make.
	steadyRate = 10 * mb

	// shortPackAge makes the last pack of a run wait less than the default of
	// 10 s. Under this load packs are closed by their size.
	shortPackAge = 3 * time.Second
	// drainTime bounds the storing of what was accepted.
	drainTime = 3 * time.Minute
)

func main() { rig.Main("ingest", measure) }

// bench is what all measurements share.
type bench struct {
	dir        string
	recordings []*traffic.Recording
	otlp       []*rig.OTLPRecording
	seed       uint64 // another one for every run: no run repeats a segment
}

func measure(ctx context.Context, dir string) error {
	recordings, err := rig.Recordings(time.Now())
	if err != nil {
		return err
	}
	b := &bench{dir: dir, recordings: recordings}
	for _, r := range recordings {
		otlp, err := rig.NewOTLP(r)
		if err != nil {
			return err
		}
		b.otlp = append(b.otlp, otlp)
	}
	for _, part := range []struct {
		name string
		run  func(context.Context) ([]rig.Result, error)
	}{{"rounds", b.rounds}, {"memory", b.memory}, {"catchup", b.catchup}} {
		if *only != "" && *only != part.name {
			continue
		}
		results, err := part.run(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		if err := rig.Write(os.Stdout, results...); err != nil {
			return err
		}
	}
	return nil
}

// folder is a new one for a run, and what removes it when the run went well:
// the logs of one that did not are wanted.
func (b *bench) folder(name string, err *error) (dir string, remove func()) {
	b.seed += 1000
	dir = filepath.Join(b.dir, fmt.Sprint(name, "-", b.seed))
	return dir, func() {
		if *err == nil {
			*err = os.RemoveAll(dir)
		}
	}
}

// lanes send sessions of sites that nobody has seen, so that no dictionary
// fits: the same recordings again and again would fit one far too well.
func (b *bench) lanes(p *rig.Playhead) []rig.Lane {
	return rig.PlayheadLanes(p, b.recordings, b.seed, *connections, sessionsAtOnce, rig.UnseenSite(b.seed))
}

// knownLanes send sessions of the same few sites.
func (b *bench) knownLanes(p *rig.Playhead) []rig.Lane {
	return rig.PlayheadLanes(p, b.recordings, b.seed, *connections, sessionsAtOnce, nil)
}
