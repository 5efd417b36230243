package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/recording"
)

func runTranscript(ctx context.Context, c *call) (err error) {
	sc := c.onStores()
	asJSON := c.flags.Bool("json", false, "write a JSON object for each line")
	words, err := c.parse()
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return &usageError{"name one session"}
	}
	id, err := recording.ParseSessionID(words[0])
	if err != nil {
		return &usageError{err.Error()}
	}
	_, project, s, _, err := sc.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	reader := playback.New(playback.Config{Project: project, Bucket: s.bucket, Index: s.index, Log: slog.New(slog.DiscardHandler)})
	lines, err := reader.Transcript(ctx, id)
	if err != nil {
		return err
	}
	if *asJSON {
		return playback.WriteTranscriptJSON(c.stdout, lines)
	}
	return playback.WriteTranscript(c.stdout, lines)
}
