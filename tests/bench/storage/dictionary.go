package main

import (
	"context"

	"github.com/playhead/playhead/tests/bench/rig"
	"github.com/playhead/playhead/tests/traffic"
)

func knownSites(ctx context.Context, dir string, recordings []*traffic.Recording) ([]rig.Result, error) {
	return nil, nil
}
