package clickhouse

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

const (
	// maxPosted is how many sessions of a term are read and sorted. What more
	// sessions have is found by going back in time.
	maxPosted = sessionsPerQuery

	// firstKeys is of how many terms postings are read first: of many terms those
	// of some often are too many already.
	firstKeys = 12

	// begunWithin is how long at most the moment of which a posting tells was
	// before its begunMs.
	begunWithin = 2 * time.Hour

	// clocksDiffer is by how much the time of a moment can be wrong: that of a
	// segment is corrected as it was sent, that of a session as its window says.
	clocksDiffer = 4 * time.Hour
)

// posting is a session that has a term. It had begun by an instant, and went
// on until at least begunWithin before that; what an older program wrote does
// not say, and then it is the end of time.
type posting struct {
	session recording.SessionID
	begunMs int64
}

// posted returns the sessions that have one of the terms, those that began last
// first, unless there are more than maxPosted.
func (s *search) posted(ctx context.Context, keys []uint64) (all []posting, few bool, err error) {
	for _, some := range [][]uint64{keys[:min(firstKeys, len(keys))], keys[min(firstKeys, len(keys)):]} {
		more, err := s.postings(ctx, some, maxPosted+1-len(all))
		if err != nil {
			return nil, false, err
		}
		if all = append(all, more...); len(all) > maxPosted {
			return nil, false, nil
		}
	}
	return lastBegun(all), true, nil
}

// postings reads postings of terms, as many as most.
func (s *search) postings(ctx context.Context, keys []uint64, most int) (all []posting, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	having := where(s.q.Project)
	having.terms = append(having.terms, "key IN ("+numbers(keys)+")")
	var rows []struct {
		SessionID string `ch:"session_id"`
		BegunHour uint32 `ch:"begun_hour"`
	}
	query := "SELECT session_id, begun_hour FROM postings WHERE " + having.String() + fmt.Sprintf(" LIMIT %d", most)
	if err := s.x.conn.Select(ctx, &rows, query, having.args...); err != nil {
		return nil, err
	}
	for _, r := range rows {
		all = append(all, posting{recording.SessionID(r.SessionID), int64(r.BegunHour) * time.Hour.Milliseconds()})
	}
	return all, nil
}

// lastBegun sorts postings, and keeps of those of one session the one that says
// most.
func lastBegun(all []posting) []posting {
	earliest := make(map[recording.SessionID]int64, len(all))
	for _, p := range all {
		if ms, known := earliest[p.session]; !known || p.begunMs < ms {
			earliest[p.session] = p.begunMs
		}
	}
	all = all[:0]
	for session, ms := range earliest {
		all = append(all, posting{session, ms})
	}
	slices.SortFunc(all, func(a, b posting) int {
		return cmp.Or(cmp.Compare(b.begunMs, a.begunMs), cmp.Compare(b.session, a.session))
	})
	return all
}

// newestPosted finds the newest sessions among some, as lastBegun sorts them.
func (s *search) newestPosted(ctx context.Context, all []posting) ([]sessionRow, error) {
	all, err := s.begunUntil(ctx, all)
	if err != nil {
		return nil, err
	}
	n, _ := slices.BinarySearchFunc(all, s.q.FromMs, func(p posting, from int64) int { return cmp.Compare(from, p.begunMs) })
	inside, before := all[:n], all[n:]
	w := walk{search: s}
	if full, err := w.through(ctx, inside, before); err != nil || full {
		return w.rows, err
	}
	if before, err = s.goneOn(ctx, before); err != nil {
		return nil, err
	}
	_, err = w.through(ctx, before, nil)
	return w.rows, err
}

// walk goes through postings, those that began last first.
type walk struct {
	*search
	rows []sessionRow // the newest that were found, one more than the limit if there are so many
}

// through looks at some postings at a time, until all others, and those that
// come after, are known to have begun before the sessions that were found.
func (w *walk) through(ctx context.Context, all, after []posting) (full bool, err error) {
	for n := w.limit + 1; len(all) > 0; n *= 4 {
		some := all[:w.first(all, n)]
		found, err := w.among(ctx, sessionsOf(some))
		if err != nil {
			return false, err
		}
		w.rows = newestOf(append(w.rows, found...), w.limit+1)
		all = all[len(some):]
		if w.fullBefore(all) && w.fullBefore(after) {
			return true, nil
		}
	}
	return w.fullBefore(after), nil
}

// fullBefore reports whether the page is full of sessions that began after others.
func (w *walk) fullBefore(others []posting) bool {
	return len(w.rows) > w.limit && (len(others) == 0 || w.rows[w.limit].StartTs.UnixMilli() > others[0].begunMs)
}

// first is how many of postings to look at: n that had begun when the last
// session of the query can, those that may have begun after the last of them that
// fills a page, and all that come before.
func (w *walk) first(all []posting, n int) int {
	latest := w.latest()
	later := 0
	for later < len(all) && all[later].begunMs > latest {
		later++
	}
	n += later
	for n < len(all) && all[n].begunMs > all[later+w.limit].begunMs-begunWithin.Milliseconds() {
		n++
	}
	return min(n, len(all))
}

// begunUntil leaves out sessions that had a term after the last instant at which
// a session of the query can begin, unless they had begun by then.
func (s *search) begunUntil(ctx context.Context, all []posting) ([]posting, error) {
	latest := s.latest()
	if latest >= s.x.now().UnixMilli() {
		return all, nil
	}
	after := latest + (begunWithin + clocksDiffer).Milliseconds()
	until := slices.DeleteFunc(slices.Clone(all), func(p posting) bool { return p.begunMs > after && p.begunMs != unknownHour*time.Hour.Milliseconds() })
	if len(all)-len(until) <= s.limit {
		return all, nil
	}
	goOn, err := s.goOnAt(ctx, latest)
	if err != nil {
		return nil, err
	}
	return lastBegun(append(until, goOn...)), nil
}

// goneOn leaves out sessions that had begun before the query's time range,
// unless they go on in it or are few.
func (s *search) goneOn(ctx context.Context, before []posting) ([]posting, error) {
	if len(before) <= 2*(s.limit+1) {
		return before, nil
	}
	return s.goOnAt(ctx, s.q.FromMs)
}

// goOnAt returns the sessions of the query that began before an instant and go
// on after it.
func (s *search) goOnAt(ctx context.Context, ms int64) ([]posting, error) {
	candidates, err := s.candidates(ctx, window{toMs: ms + 1, endsFromMs: ms}, s.before, maxGoingOn)
	if err != nil {
		return nil, err
	}
	all := make([]posting, len(candidates))
	for i, c := range candidates {
		all[i] = posting{recording.SessionID(c.SessionID), c.StartTs.UnixMilli()}
	}
	return lastBegun(all), nil
}

func sessionsOf(all []posting) []recording.SessionID {
	sessions := make([]recording.SessionID, len(all))
	for i, p := range all {
		sessions[i] = p.session
	}
	return sessions
}

// newestOf returns the n newest sessions, newest first, each once.
func newestOf(rows []sessionRow, n int) []sessionRow {
	slices.SortFunc(rows, func(a, b sessionRow) int {
		return cmp.Or(b.StartTs.Compare(a.StartTs), cmp.Compare(b.SessionID, a.SessionID))
	})
	listed := make(map[string]bool, len(rows))
	rows = slices.DeleteFunc(rows, func(r sessionRow) bool {
		again := listed[r.SessionID]
		listed[r.SessionID] = true
		return again
	})
	return rows[:min(n, len(rows))]
}
