package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/retention"
)

// retainDictionaries is how old a dictionary without packs becomes: a server
// that could not reach a store for that long may still need it.
const retainDictionaries = 7 * 24 * time.Hour

func runRetain(ctx context.Context, c *call) (err error) {
	config := c.configFlags()
	project := c.flags.String("project", "", "only the project with this `ID`; all that have objects otherwise")
	dry := c.flags.Bool("dry-run", false, "say what would be done, and do nothing")
	age := keepTime(retainDictionaries)
	c.flags.Func("dictionary-age", "keep a dictionary at least so `LONG`, as 7d or 36h (7d)", func(s string) error { return age.UnmarshalText([]byte(s)) })
	if err := c.parseNoWords(); err != nil {
		return err
	}
	if *project != "" {
		if _, err := recording.ParseProjectID(*project); err != nil {
			return &usageError{"--project: " + err.Error()}
		}
	}
	if time.Duration(age) < dictionary.LeastAge {
		return &usageError{fmt.Sprintf("--dictionary-age must be at least %s", dictionary.LeastAge)}
	}
	cfg, err := config.load()
	if err != nil {
		return err
	}
	s, err := openStores(ctx, cfg, true, newLog(c.stderr, cfg.Log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if !*dry {
		// Deleting by a clock that is wrong would delete what is to be kept.
		if err := s.index.Check(ctx); err != nil {
			return fmt.Errorf("nothing is deleted before ClickHouse confirms the time: %w", err)
		}
	}
	out := json.NewEncoder(c.stdout)
	var broken error // of the output
	summary, err := retention.Run(ctx, s.bucket, retention.Options{
		Project: recording.ProjectID(*project), Now: time.Now(), Keep: keepTimes(cfg.Retention), DictionaryAge: time.Duration(age), DryRun: *dry,
		Told: func(a retention.Action) { broken = errors.Join(broken, out.Encode(a)) },
	})
	return errors.Join(err, broken, out.Encode(summary))
}
