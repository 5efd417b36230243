package reindex

import (
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
)

// maxNamed bounds the packs, and the segments, that a summary names. All of
// them are in the log.
const maxNamed = 1000

// Summary says what a run did.
type Summary struct {
	Projects []recording.ProjectID `json:"projects"`
	Packs    int64                 `json:"packs"`
	Segments int64                 `json:"segments"`
	Moments  int64                 `json:"moments"`
	Bytes    int64                 `json:"bytes"`     // of the packs
	RawBytes int64                 `json:"raw_bytes"` // of their events
	Seconds  float64               `json:"seconds"`

	// Packs that add no rows, because they cannot be read. The lists hold the
	// first 1000.
	UnreadablePacks int          `json:"unreadable_packs"`
	Unreadable      []Unreadable `json:"unreadable,omitempty"`

	// Segments whose rows have no moments, because their events cannot be
	// read: the pack's footer says the rest.
	DamagedSegments int       `json:"damaged_segments"`
	Damaged         []Damaged `json:"damaged,omitempty"`

	// ResumeAfter is set when the run ended early: Options.After of one that
	// goes on. Empty: from the beginning.
	Complete    bool   `json:"complete"`
	ResumeAfter string `json:"resume_after,omitempty"`
}

// Unreadable is a pack that cannot be read.
type Unreadable struct {
	Object string `json:"object"`
	Reason string `json:"reason"`
}

// Damaged is a segment whose events cannot be read.
type Damaged struct {
	Object    string              `json:"object"`
	SessionID recording.SessionID `json:"session_id"`
	WindowID  recording.WindowID  `json:"window_id"`
	Seq       uint32              `json:"seq"`
	Reason    string              `json:"reason"`
}

// tally counts what the workers do. It is safe for concurrent use.
type tally struct {
	mu       sync.Mutex
	progress Progress
	summary  Summary

	// Groups are finished out of order; a run goes on after the last one
	// before which all are done.
	next     int            // number of the next group
	running  map[int]*group // begun or done, and not before all that are done
	finished map[int]bool
	passed   int    // groups below this number are done
	after    string // last key of those
}

func (t *tally) expect(o objectstore.Object) {
	t.progress.TotalPacks++
	t.progress.TotalBytes += o.Size
}

func (t *tally) begin(g *group) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == nil {
		t.running, t.finished = map[int]*group{}, map[int]bool{}
	}
	g.number = t.next
	t.next++
	t.running[g.number] = g
}

// done counts a group as finished and returns how far the run is.
func (t *tally) done(g *group) Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.progress.Packs += int64(len(g.packs))
	t.progress.Bytes += g.bytes
	t.finished[g.number] = true
	for t.finished[t.passed] {
		t.after = t.running[t.passed].last()
		delete(t.running, t.passed)
		delete(t.finished, t.passed)
		t.passed++
	}
	return t.progress
}

func (t *tally) project(id recording.ProjectID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summary.Projects = append(t.summary.Projects, id)
}

func (t *tally) rows(packs, segments, moments int, rawBytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summary.Packs += int64(packs)
	t.summary.Segments += int64(segments)
	t.summary.Moments += int64(moments)
	t.summary.RawBytes += rawBytes
	t.progress.Segments += int64(segments)
	t.progress.RawBytes += rawBytes
}

func (t *tally) unreadable(u Unreadable) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.summary.UnreadablePacks++; t.summary.UnreadablePacks <= maxNamed {
		t.summary.Unreadable = append(t.summary.Unreadable, u)
	}
}

func (t *tally) damaged(d Damaged) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.summary.DamagedSegments++; t.summary.DamagedSegments <= maxNamed {
		t.summary.Damaged = append(t.summary.Damaged, d)
	}
}

// close returns what was done in the time since the run began.
func (t *tally) close(took time.Duration, complete bool, from string) Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.summary
	s.Bytes, s.Seconds, s.Complete = t.progress.Bytes, took.Seconds(), complete
	if !complete {
		if s.ResumeAfter = from; t.after != "" {
			s.ResumeAfter = t.after
		}
	}
	return s
}
