package ingest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/buckettest"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// TestPoisonBlocksNobodyElse: a store refuses the packs of one project, as long
// as it takes somebody to repair that.
func TestPoisonBlocksNobodyElse(t *testing.T) {
	const poisoned = recording.ProjectID("poisoned")
	cases := map[string]struct{ fail, heal func(*stores) }{
		"bucket": {
			func(st *stores) {
				st.bucket.Fail(buckettest.Fault{Op: buckettest.Put, Match: func(key string) bool { return strings.Contains(key, "/poisoned/") }})
			},
			func(st *stores) { st.bucket.Heal() },
		},
		"index": {
			func(st *stores) { st.index.refuse = poisoned },
			func(st *stores) { st.index.mu.Lock(); st.index.refuse = ""; st.index.mu.Unlock() },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			st, o := newStores(t), newOracle()
			cfg := testConfig(t)
			cfg.Projects = append(cfg.Projects, Project{ID: poisoned})
			cfg.Flush.PackAge, cfg.Flush.PackBytes = 10*time.Millisecond, 64<<10
			c.fail(st)
			s := newServer(t, cfg, st.bucket, st.index, Options{after: soon})
			running(t, s)
			const bad = 400 // many packs
			for seq := range bad {
				if err := s.Accept(deadline(t), poisoned, uploadOf("session-1", uint32(seq), clickLines("session-1", seq))); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "packs are given up for now", func() bool { return s.pipeline.parkedPacks() > 0 })
			for seq := range 20 {
				o.send(t, s, "session-1", seq)
			}
			eventually(t, "the others' segments are stored", func() bool { return s.journal.Stats().Segments == bad })
			eventually(t, "/readyz tells of it", func() bool {
				w := serve(s, newGet("/readyz"))
				return w.Code == http.StatusOK && !strings.Contains(w.Body.String(), `"parked_packs":0`)
			})
			c.heal(st)
			flush(t, s)
			if rows, err := st.index.Segments(deadline(t), poisoned, "session-1"); err != nil || len(rows) != bad {
				t.Errorf("%d rows (%v), want %d", len(rows), err, bad)
			}
			if n := s.pipeline.parkedPacks(); n != 0 {
				t.Errorf("%d packs are parked", n)
			}
			o.checkSession(deadline(t), t, st, "session-1", packed(t, st.bucket, testProject))
		})
	}
}

// TestPoisonLeavesRoomForOthers: what a store refuses for good of one project
// takes half of the journal at most, and twice the journal's bound of another
// project passes beside it.
func TestPoisonLeavesRoomForOthers(t *testing.T) {
	const poisoned = recording.ProjectID("poisoned")
	ctx, st := t.Context(), newStores(t)
	cfg := testConfig(t)
	cfg.Projects = append(cfg.Projects, Project{ID: poisoned})
	cfg.Flush.PackAge, cfg.Flush.PackBytes = 10*time.Millisecond, 64<<10
	cfg.Journal.FileBytes, cfg.Journal.MaxBytes = 64<<10, 512<<10
	st.index.refuse = poisoned
	s := newServer(t, cfg, st.bucket, st.index, Options{after: soon})
	running(t, s)
	taken := map[recording.ProjectID]int{}
	accept := func(project recording.ProjectID, text string) error {
		line := fmt.Sprintf(`{"type":5,"timestamp":%d,"data":{"tag":"t","payload":{"text":"%s"}}}`+"\n", time.Now().UnixMilli(), text)
		err := s.Accept(ctx, project, uploadOf("session-1", uint32(taken[project]), line))
		if err == nil {
			taken[project]++
		} else if !errors.Is(err, journal.ErrFull) { // it may come faster than it is stored
			t.Fatal(err)
		}
		return err
	}
	eventually(t, "it is known that one project is refused", func() bool {
		return accept(testProject, "") == nil && accept(poisoned, "") == nil && s.pipeline.isRefused(poisoned)
	})
	const size = 16 << 10
	eventually(t, "no more is taken of what is refused", func() bool {
		_ = accept(testProject, randomText(size))
		return errors.Is(accept(poisoned, randomText(size)), errShare)
	})
	before := taken[testProject]
	for end := time.Now().Add(time.Minute); (taken[testProject]-before)*size < 2*int(cfg.Journal.MaxBytes); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d uploads of the other project in a minute; the journal: %+v", taken[testProject]-before, s.journal.Stats())
		}
		_ = accept(poisoned, randomText(size))
		_ = accept(testProject, randomText(size))
	}
	st.index.mu.Lock()
	st.index.refuse = ""
	st.index.mu.Unlock()
	flush(t, s)
	for project, want := range taken {
		if rows, err := st.index.Segments(ctx, project, "session-1"); err != nil || len(rows) != want {
			t.Errorf("%s: %d rows (%v), want %d", project, len(rows), err, want)
		}
	}
	if err := accept(poisoned, ""); err != nil {
		t.Errorf("after the repair: %v", err)
	}
}

// randomText does not compress to less than three quarters.
func randomText(bytes int) string {
	var text strings.Builder
	for text.Len() < bytes {
		text.WriteString(rand.Text())
	}
	return text.String()[:bytes]
}

// packed returns where the segments of a project lie.
func packed(t *testing.T, b objectstore.Bucket, project recording.ProjectID) map[recording.SegmentID]recording.Location {
	t.Helper()
	found := map[recording.SegmentID]recording.Location{}
	for _, key := range packKeys(t, b) {
		data := readObject(t, b, key)
		footer, err := segment.ReadFooter(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range footer.Entries {
			if e.Project == project {
				found[e.SegmentID] = e.Location
			}
		}
	}
	return found
}
