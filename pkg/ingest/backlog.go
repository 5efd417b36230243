package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/insight"
	"github.com/playhead/playhead/pkg/recording"
)

const (
	// lateLimit bounds the late sessions that are remembered; one takes about
	// 100 bytes. For what is beyond all sessions since then are looked for in the
	// index, as after a crash.
	lateLimit = 10_000

	// lookBack is how much earlier than the note says sessions are looked for
	// after a crash: a segment is stored within a minute of what happened in it.
	lookBack = 2 * time.Minute

	// longestLookBack bounds that where the times of segments are far back: they
	// come up to a day late.
	longestLookBack = 25 * time.Hour

	// notedLimit bounds the sessions that a note names; one takes about 40 bytes.
	// While there are more, the last note stays, which is right too: it makes
	// more to be read again.
	notedLimit = 1 << 15

	// sessionsPerPage is the largest that an index gives.
	sessionsPerPage = 1000
)

// backlog is what insights have not got to and of which they do not know the
// segments: the index says later what is stored. It is safe for concurrent use.
type backlog struct {
	limit int // lateLimit
	now   func() time.Time

	mu     sync.Mutex
	late   map[insight.Session]struct{}
	missed time.Time // there was no room for sessions that end then or later; zero: there was
	search *search   // for those that were missed before; nil: none
}

// search goes through the sessions that end at or after an instant, the latest
// first.
type search struct {
	from     time.Time
	projects []recording.ProjectID // that are left
	before   string                // cursor in the first of them
}

func newBacklog(now func() time.Time) *backlog {
	return &backlog{limit: lateLimit, now: now, late: map[insight.Session]struct{}{}}
}

// add makes the sessions of segments late.
func (b *backlog) add(segments ...recording.StoredSegment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range segments {
		id := insight.Session{Project: s.Project, ID: s.Session}
		if _, known := b.late[id]; !known && len(b.late) >= b.limit {
			b.miss(time.UnixMilli(s.EndMs))
			continue
		}
		b.late[id] = struct{}{}
	}
}

// miss notes that sessions which end at an instant or later are to be searched
// for; b.mu is held.
func (b *backlog) miss(end time.Time) {
	now := b.now()
	if end.After(now) {
		end = now
	}
	if oldest := now.Add(-longestLookBack); end.Before(oldest) {
		end = oldest
	}
	if b.missed.IsZero() || end.Before(b.missed) {
		b.missed = end
	}
}

// take takes out a late session: what is stored of it from now on makes it late
// again.
func (b *backlog) take() (id insight.Session, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range b.late {
		delete(b.late, id)
		return id, true
	}
	return id, false
}

// putBack makes a session late that was taken out.
func (b *backlog) putBack(id insight.Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.late[id] = struct{}{}
}

// next returns the search to go on with, when no session is late; nil when
// there is nothing to search for.
func (b *backlog) next(projects func() []recording.ProjectID) *search {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.search == nil && !b.missed.IsZero() {
		if all := projects(); len(all) > 0 {
			b.search = &search{from: b.missed, projects: all}
		}
		b.missed = time.Time{}
	}
	return b.search
}

// searched takes in what a search found on a page. Without another page its
// project has been searched.
func (b *backlog) searched(s *search, project recording.ProjectID, page index.SessionPage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, found := range page.Sessions {
		b.late[insight.Session{Project: project, ID: found.ID}] = struct{}{}
	}
	if s.before = page.Next; s.before != "" {
		return
	}
	if s.projects = s.projects[1:]; len(s.projects) == 0 {
		b.search = nil
	}
}

// isEmpty says that nothing is late and nothing was missed.
func (b *backlog) isEmpty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.late) == 0 && b.search == nil && b.missed.IsZero()
}

// copyTo adds the late sessions to others, and returns since when there may be
// more; zero: there are no more.
func (b *backlog) copyTo(sessions map[insight.Session]struct{}) (missed time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range b.late {
		sessions[id] = struct{}{}
	}
	missed = b.missed
	if b.search != nil && (missed.IsZero() || b.search.from.Before(missed)) {
		missed = b.search.from
	}
	return missed
}

// noted is what the note holds, from which the next process goes on.
type noted struct {
	// FollowedMs: of the sessions that are not named below, all that was stored
	// before has been followed.
	FollowedMs int64 `json:"followed_ms"`

	// Stopped says that nothing was stored after the note was written.
	Stopped bool `json:"stopped,omitempty"`

	Sessions map[recording.ProjectID][]recording.SessionID `json:"sessions,omitempty"`
}

// writeNote replaces the note.
func writeNote(path string, followed time.Time, stopped bool, sessions map[insight.Session]struct{}) error {
	n := noted{FollowedMs: followed.UnixMilli(), Stopped: stopped, Sessions: map[recording.ProjectID][]recording.SessionID{}}
	for id := range sessions {
		n.Sessions[id.Project] = append(n.Sessions[id.Project], id.ID)
	}
	for _, ids := range n.Sessions {
		slices.Sort(ids)
	}
	content, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode note: %w", err)
	}
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return fmt.Errorf("write note: %w", err)
	}
	return os.Rename(path+".new", path)
}

// resume makes late what the last process did not get to. When it did not stop
// in order, all that was active since its note is looked at.
func (b *backlog) resume(path string) error {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var n noted
	if err == nil {
		err = json.Unmarshal(content, &n)
	}
	if err != nil {
		return fmt.Errorf("read note: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for project, ids := range n.Sessions {
		for _, id := range ids {
			b.late[insight.Session{Project: project, ID: id}] = struct{}{}
		}
	}
	if !n.Stopped {
		b.missed = time.UnixMilli(n.FollowedMs).Add(-lookBack)
	}
	return nil
}

// revisitOne lets the tracker look at a late session, or searches for some;
// false when there is nothing to do, or the index does not answer.
func (i *insights) revisitOne(ctx context.Context) bool {
	if i.tracker.Full() {
		return false
	}
	if id, ok := i.backlog.take(); ok {
		err := i.retry.few(ctx, "index", func(ctx context.Context) error { return i.tracker.Revisit(ctx, id.Project, id.ID) })
		if err != nil {
			i.backlog.putBack(id)
		}
		return err == nil
	}
	s := i.backlog.next(i.projects)
	if s == nil {
		return false
	}
	return i.searchPage(ctx, s) == nil
}

// searchPage goes through a page of the sessions that were missed. Each call of
// the index has its time: all of them together may take long.
func (i *insights) searchPage(ctx context.Context, s *search) error {
	q := index.SessionQuery{Project: s.projects[0], FromMs: s.from.UnixMilli(), Before: s.before, Limit: sessionsPerPage}
	return i.retry.few(ctx, "index", func(ctx context.Context) error {
		page, err := i.stores.Index.Sessions(ctx, q)
		if err == nil {
			i.backlog.searched(s, q.Project, page)
		}
		return err
	})
}
