package ingest

import (
	"sync"

	"github.com/playhead/playhead/pkg/ingest/journal"
)

// recentSegments is how many stored segments are remembered. A recorder
// repeats within minutes; what comes later is found by index.Stored when its
// pack is made.
const recentSegments = 1 << 17

// ledger knows the segments that are on their way or arrived lately, so that a
// repeat is told from a new one without asking a store.
type ledger struct {
	mu       sync.Mutex
	arriving map[journal.Identity]*arrival
	kept     identities // in the journal, not stored
	stored   *lately
}

// arrival is a segment being journaled; err is valid when done is closed.
type arrival struct {
	done chan struct{}
	err  error
}

// claim is the right to journal a segment, or the reason not to.
type claim struct {
	mine    *arrival // the caller journals it and calls settle
	other   *arrival // somebody else is journaling it
	arrived bool     // it is durable already
}

func newLedger() *ledger {
	return &ledger{
		arriving: map[journal.Identity]*arrival{},
		stored:   newLately(recentSegments),
	}
}

func (l *ledger) claim(id journal.Identity) claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.arriving[id]; a != nil {
		return claim{other: a}
	}
	if l.stored.has(id) || l.kept.has(id) {
		return claim{arrived: true}
	}
	a := &arrival{done: make(chan struct{})}
	l.arriving[id] = a
	return claim{mine: a}
}

// has says whether a segment is durable.
func (l *ledger) has(id journal.Identity) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stored.has(id) || l.kept.has(id)
}

// finish ends an arrival: the segment is in the journal, or err says why not.
func (l *ledger) finish(id journal.Identity, a *arrival, err error) {
	l.mu.Lock()
	delete(l.arriving, id)
	if err == nil {
		l.kept.add(id)
	}
	l.mu.Unlock()
	a.err = err
	close(a.done)
}

// recovered adds segments that the journal held when it was opened.
func (l *ledger) recovered(entries []journal.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		l.kept.add(e.Identity)
	}
}

// settle moves segments from the journal to the stored ones.
func (l *ledger) settle(entries []journal.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		l.kept.remove(e.Identity)
		l.stored.add(e.Identity)
	}
}

// generations is a map that forgets what was not used lately: it keeps between
// half of its capacity and all of it. It is not safe for concurrent use.
type generations[V any] struct {
	capacity   int
	young, old map[journal.Identity]V
}

func newGenerations[V any](capacity int) *generations[V] {
	return &generations[V]{capacity: capacity, young: map[journal.Identity]V{}}
}

func (g *generations[V]) get(id journal.Identity) (V, bool) {
	if v, ok := g.young[id]; ok {
		return v, true
	}
	v, ok := g.old[id]
	if ok {
		g.put(id, v)
	}
	return v, ok
}

func (g *generations[V]) put(id journal.Identity, v V) {
	if _, known := g.young[id]; !known && len(g.young) >= g.capacity/2 {
		g.young, g.old = map[journal.Identity]V{}, g.young
	}
	g.young[id] = v
}
