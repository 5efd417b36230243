package clickhouse

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// listing is a page that is being filled, from the newest session back in time.
type listing struct {
	*search
	rows    []sessionRow
	pending []candidate // older than rows; they are read when they may fill the page
	seen    map[candidate]bool
}

// lookMeanwhile looks through a window while something else is found out.
func (l *listing) lookMeanwhile(ctx context.Context, w window, find func(context.Context) error) (full bool, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return find(ctx) })
	g.Go(func() (err error) {
		full, err = l.look(ctx, w)
		return err
	})
	return full, g.Wait()
}

// look adds the sessions of a window, until there is one more than the limit.
func (l *listing) look(ctx context.Context, w window) (full bool, err error) {
	if l.seen == nil {
		l.seen = make(map[candidate]bool)
	}
	// A session that goes on has many rows in the table until they have been
	// merged: each further look is a wider one.
	last := l.before
	for n := 2 * (l.limit + 1); ; n *= 4 {
		candidates, err := l.candidates(ctx, w, last, n)
		if err != nil {
			return false, err
		}
		for _, c := range candidates {
			if !l.seen[c] {
				l.seen[c], l.pending = true, append(l.pending, c)
			}
		}
		if l.found() > l.limit {
			if err := l.read(ctx); err != nil {
				return false, err
			}
		}
		if len(l.rows) > l.limit || len(candidates) < n {
			return len(l.rows) > l.limit, nil
		}
		end := candidates[n-1]
		last = &cursor{startMs: end.StartTs.UnixMilli(), session: end.SessionID}
	}
}

// found is how many sessions were found, as far as is known.
func (l *listing) found() int { return len(l.rows) + len(l.pending) }

// read turns what is pending into rows.
func (l *listing) read(ctx context.Context) (err error) {
	l.rows, err = l.fill(ctx, l.rows, l.pending)
	l.pending = nil
	return err
}

// older goes on with what began before a window that was looked through. Twice
// it reads half as much time again as would fill the page at the rate so far, as
// a whole; in what is left the order is followed, lest there is much.
func (l *listing) older(ctx context.Context, newest window) ([]sessionRow, error) {
	oldest, to := max(l.q.FromMs, 0), newest.fromMs
	for n := 0; to > oldest; n++ {
		w := window{fromMs: oldest, toMs: to}
		if n < 2 {
			w = window{fromMs: max(to-l.span(to), oldest), toMs: to, whole: true}
		}
		if full, err := l.look(ctx, w); err != nil || full {
			return l.rows, err
		}
		to = w.fromMs
	}
	if oldest > 0 {
		if full, err := l.look(ctx, window{toMs: oldest, endsFromMs: oldest}); err != nil || full {
			return l.rows, err
		}
	}
	err := l.read(ctx)
	return l.rows, err
}

// span is the time in which enough sessions should have begun, at the rate since
// an instant; not more than widest.
func (l *listing) span(sinceMs int64) int64 {
	times := max((l.limit+1)*3/2/max(l.found(), 1), 1)
	return min((l.latest()-sinceMs)*int64(times), widest.Milliseconds())
}
