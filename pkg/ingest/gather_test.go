package ingest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// rowsOfProject is a batch of one segment.
func rowsOfProject(project recording.ProjectID) index.Batch {
	now := time.Now().UnixMilli()
	segment := recording.StoredSegment{Class: recording.ClassNormal, Location: recording.Location{Object: "o", Length: 1}}
	segment.SegmentID = recording.SegmentID{Project: project, Session: "session-1", Window: "window-1"}
	segment.Page, segment.StartMs, segment.EndMs, segment.ReceivedMs, segment.Events = "page-1", now, now, now, 1
	return index.Batch{Project: project, Token: string(project), Segments: []recording.StoredSegment{segment}}
}

// TestRowsOfPacksAreWrittenTogether lets packs of three projects come while the
// pause after a write lasts: one of them is refused, which the others must not
// suffer from.
func TestRowsOfPacksAreWrittenTogether(t *testing.T) {
	for _, refuse := range []recording.ProjectID{"", "project-1"} {
		t.Run(fmt.Sprintf("refuse %q", refuse), func(t *testing.T) {
			ctx, st := deadline(t), newStores(t)
			pause := make(chan time.Time)
			g := newGatherer(st.index, time.Minute, Options{Now: time.Now, after: func(time.Duration) <-chan time.Time { return pause }})
			if err := g.write(ctx, rowsOfProject("project-0")); err != nil {
				t.Fatal("the first does not wait:", err)
			}
			st.index.refuse = refuse
			var errs [3]error
			var writers sync.WaitGroup
			for i := range errs {
				writers.Go(func() { errs[i] = g.write(ctx, rowsOfProject(recording.ProjectID(fmt.Sprint("project-", i)))) })
			}
			eventually(t, "all wait for each other", func() bool {
				g.mu.Lock()
				defer g.mu.Unlock()
				return g.waiting != nil && len(g.waiting.batches) == len(errs)
			})
			if st.index.writes != 1 {
				t.Errorf("%d writes while packs wait, want the first one only", st.index.writes)
			}
			if refuse == "" {
				close(pause)
			} else {
				defer g.hurry()() // as a server does that stops
			}
			writers.Wait()
			wantWrites := 2
			for i, err := range errs {
				project := recording.ProjectID(fmt.Sprint("project-", i))
				if project == refuse {
					wantWrites++ // two packs alone in place of all together
					if !errors.Is(err, errRefused) {
						t.Errorf("%s: %v, want that it is refused", project, err)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", project, err)
				}
				if _, err := st.index.Segments(ctx, project, "session-1"); err != nil {
					t.Errorf("%s is not stored: %v", project, err)
				}
			}
			if st.index.writes != wantWrites {
				t.Errorf("%d writes, want %d", st.index.writes, wantWrites)
			}
		})
	}
}
