package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/reindex"
)

const (
	// reindexDictionaryBytes is what a run keeps of dictionaries: packs follow
	// each other in time, so that few are needed at once.
	reindexDictionaryBytes = 32 << 20

	// progressEvery is how often a run says how far it is.
	progressEvery = 2 * time.Second
)

func runReindex(ctx context.Context, c *call) (err error) {
	config := c.configFlags()
	project := c.flags.String("project", "", "only the project with this `ID`; all that have packs otherwise")
	clearFirst := c.flags.Bool("clear", false, "delete the rows first; otherwise missing ones are added")
	after := c.flags.String("after", "", "go on after the pack with this `KEY`: resume_after of a run that ended early")
	parallel := c.flags.Int("parallel", 4, "read so many packs at the same time")
	if err := c.parseNoWords(); err != nil {
		return err
	}
	if *project != "" {
		if _, err := recording.ParseProjectID(*project); err != nil {
			return &usageError{"--project: " + err.Error()}
		}
	}
	if *parallel < 1 || *parallel > 64 {
		return &usageError{"--parallel must be between 1 and 64"}
	}
	if *clearFirst && *after != "" {
		return &usageError{"--clear would delete what the run before --after has done"}
	}
	cfg, err := config.load()
	if err != nil {
		return err
	}
	log := newLog(c.stderr, cfg.Log)
	s, err := openStores(ctx, cfg, true, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.index.Migrate(ctx); err != nil {
		return err
	}
	meter := progressMeter{w: c.stderr, now: time.Now, begun: time.Now(), last: time.Now()}
	summary, err := reindex.Run(ctx, reindex.Config{
		Bucket: s.bucket, Index: s.index, Dictionaries: dictionary.NewReader(s.bucket, reindexDictionaryBytes),
		Log: log, Now: time.Now, After: time.After,
	}, reindex.Options{
		Project: recording.ProjectID(*project), Clear: *clearFirst,
		ResumeAfter: *after, Parallel: *parallel, Progress: meter.report,
	})
	if encodeErr := json.NewEncoder(c.stdout).Encode(summary); encodeErr != nil {
		return errors.Join(err, encodeErr)
	}
	if err == nil && summary.UnreadablePacks+summary.DamagedSegments > 0 {
		err = fmt.Errorf("the rest is indexed; packs that cannot be read: %d; segments without their moments: %d", summary.UnreadablePacks, summary.DamagedSegments)
	}
	return err
}

// progressMeter prints how far a run is, one line every progressEvery.
type progressMeter struct {
	w           io.Writer
	now         func() time.Time
	begun, last time.Time
}

func (m *progressMeter) report(p reindex.Progress) {
	now := m.now()
	if now.Sub(m.last) < progressEvery {
		return
	}
	m.last = now
	seconds := now.Sub(m.begun).Seconds()
	fmt.Fprintf(m.w, "%d of %d packs, %d segments, %.1f MB/s (%.1f MB/s of events), %s left\n",
		p.Packs, p.TotalPacks, p.Segments, float64(p.Bytes)/1e6/seconds, float64(p.RawBytes)/1e6/seconds, timeLeft(p, now.Sub(m.begun)))
}

// timeLeft is what the rest takes at the speed so far.
func timeLeft(p reindex.Progress, took time.Duration) string {
	if p.Bytes == 0 {
		return "unknown time"
	}
	left := float64(max(p.TotalBytes-p.Bytes, 0)) / float64(p.Bytes) * float64(took)
	return time.Duration(left).Round(time.Second).String()
}
