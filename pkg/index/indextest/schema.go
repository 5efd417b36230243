package indextest

import (
	"sync"
	"testing"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

func migratesAtOnce(t *testing.T, x index.Index) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := x.Migrate(t.Context()); err != nil {
				t.Errorf("Migrate, four at once: %v", err)
			}
		})
	}
	wg.Wait()
	mustWrite(t, x, "batch", []recording.StoredSegment{segment(sid, "window-1", 0)})
	if err := x.Migrate(t.Context()); err != nil {
		t.Errorf("Migrate again: %v", err)
	}
	if err := x.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	mustSession(t, x, shop, sid)
}
