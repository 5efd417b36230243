// Command storage measures what a recording costs at rest: bytes after all
// merges, index included, beside ClickStack's table, PostHog's blocks and
// plain gzip, for sites that are seen for the first time and for sites that
// have a dictionary; and how many PUTs 1000 sessions cause.
package main

import (
	"context"
	"flag"
	"os"
	"time"

	"github.com/playhead/playhead/tests/bench/rig"
	"github.com/playhead/playhead/tests/traffic"
)

var (
	only        = flag.String("only", "", "one of bytes (unseen and known), unseen, known, puts, settled; default all but settled, which takes 24 minutes")
	sessions    = flag.Int("sessions", 1000, "concurrent sessions of the PUT count")
	putDuration = flag.Duration("puts-duration", 3*time.Minute, "time of the PUT count")
)

func main() { rig.Main("storage", measure) }

func measure(ctx context.Context, dir string) error {
	recordings, err := rig.Recordings(time.Now().Add(-24 * time.Hour))
	if err != nil {
		return err
	}
	steps := []struct {
		name, group string
		run         func(context.Context, string, []*traffic.Recording) ([]rig.Result, error)
	}{{"unseen", "bytes", unseenSites}, {"known", "bytes", knownSites}, {"puts", "", countPuts}, {"settled", "", countSettledPuts}}
	for _, s := range steps {
		if *only == "" && s.name == "settled" || *only != "" && *only != s.name && *only != s.group {
			continue
		}
		results, err := s.run(ctx, dir, recordings)
		if err != nil {
			return err
		}
		if err := rig.Write(os.Stdout, results...); err != nil {
			return err
		}
	}
	return nil
}
