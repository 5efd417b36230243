package ingest

import (
	"context"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/index"
)

// gatherAge is the most that rows wait for those of other packs. It is part of
// the time until a stored segment is seen, which flush.pack_age rules.
const gatherAge = 2 * time.Second

// gatherer writes the rows of packs that are stored at about the same time
// together: much of what a write costs is the same for one pack and for ten. It
// is safe for concurrent use.
type gatherer struct {
	index index.Index
	age   time.Duration
	now   func() time.Time
	after func(time.Duration) <-chan time.Time

	mu      sync.Mutex
	waiting *gathering // which others can join; nil: none
	last    time.Time  // when a write began
	hurries int        // while it is not 0, nobody waits for others
}

// gathering is one write.
type gathering struct {
	batches []index.Batch
	full    chan struct{} // closed when no others are waited for
	done    chan struct{} // closed when err is valid
	err     error
}

func newGatherer(idx index.Index, packAge time.Duration, opts Options) *gatherer {
	return &gatherer{index: idx, age: min(gatherAge, packAge/2), now: opts.Now, after: opts.after}
}

// write returns when the rows are written: at once when there was no write
// lately, else with those that come meanwhile. What cannot be written together
// is written alone, so that nobody's rows stand in for another's.
func (g *gatherer) write(ctx context.Context, b index.Batch) error {
	g.mu.Lock()
	all := g.waiting
	first := all == nil
	if first {
		all = &gathering{full: make(chan struct{}), done: make(chan struct{})}
		g.waiting = all
	}
	all.batches = append(all.batches, b)
	wait := min(g.age-g.now().Sub(g.last), g.age) // also after the clock was set back
	if g.hurries > 0 {
		wait = 0
	}
	g.mu.Unlock()
	if first {
		g.lead(ctx, all, wait)
	}
	select {
	case <-all.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if all.err == nil || len(all.batches) == 1 {
		return all.err
	}
	return g.index.Write(ctx, b)
}

// lead writes a gathering after a pause. What comes later is of the next one,
// even while this one hangs.
func (g *gatherer) lead(ctx context.Context, all *gathering, wait time.Duration) {
	defer close(all.done)
	if wait > 0 {
		select {
		case <-g.after(wait):
		case <-all.full:
		case <-ctx.Done():
			all.err = ctx.Err()
		}
	}
	g.mu.Lock()
	if g.waiting == all {
		g.waiting = nil
	}
	g.last = g.now()
	g.mu.Unlock()
	if all.err == nil {
		all.err = g.index.Write(ctx, all.batches...)
	}
}

// hurry ends the waiting for others until end is called.
func (g *gatherer) hurry() (end func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hurries++
	g.full()
	return func() {
		g.mu.Lock()
		g.hurries--
		g.mu.Unlock()
	}
}

// begin ends the waiting of those that wait now.
func (g *gatherer) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.full()
}

// full lets the write of a gathering begin; g.mu is held.
func (g *gatherer) full() {
	if g.waiting != nil {
		close(g.waiting.full)
		g.waiting = nil
	}
}
