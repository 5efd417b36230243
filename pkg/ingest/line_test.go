package ingest

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/playhead/playhead/pkg/ingest/journal"
)

// waitingAt is a segment that waits, the n-th of a server, written to file 7 or a
// later one at a second.
func waitingAt(n int, second int64) item {
	return item{
		entry: journal.Entry{
			Position: journal.Position{File: 7 + uint64(n/1000), Offset: uint32(n)},
			Identity: journal.Identity{1, byte(n)}, Bytes: uint32(2 * n),
		},
		number: uint64(n), sinceMs: 1_763_791_872_000 + 1000*second, address: uint32(3 * n),
	}
}

// TestALineKeepsItsOrder, and all that the journal does not say of a segment.
func TestALineKeepsItsOrder(t *testing.T) {
	var l line
	last := 0
	push := func(n int) {
		for range n {
			l.push(waitingAt(last, int64(last)))
			last++
		}
	}
	next := 0
	pop := func(n int) {
		t.Helper()
		for range n {
			if first := l.first(); first == nil || first.number != uint64(next) {
				t.Fatalf("first is %v, want segment %d", first, next)
			}
			got, want := l.pop(), waitingAt(next, int64(next))
			if got.entry.Identity != want.entry.Identity {
				want.entry.Identity = journal.Identity{} // to be read
			}
			if got != want {
				t.Fatalf("got %+v, want %+v", got, want)
			}
			next++
			if l.length != last-next {
				t.Fatalf("%d wait, want %d", l.length, last-next)
			}
		}
	}
	push(10)
	pop(10)
	push(3*nearItems + 5)
	pop(nearItems - 1)
	push(1)
	pop(stretchPlaces)
	push(2 * nearItems)
	l.putBack([]item{waitingAt(next-2, int64(next-2)), waitingAt(next-1, int64(next-1))})
	next -= 2
	pop(last - next)
	if l.first() != nil {
		t.Error("something is left")
	}
}

// TestMoreThanWaitAsItems are stored, each once, but for one that is damaged; and
// repeats of them are recognized.
func TestMoreThanWaitAsItems(t *testing.T) {
	st, o := newStores(t), newOracle()
	cfg := testConfig(t)
	s := newServer(t, cfg, st.bucket, st.index, Options{})
	const segments, damaged = nearItems + stretchPlaces/2, nearItems + 9
	for seq := range segments {
		o.send(t, s, "session-1", seq)
	}
	damage(t, cfg.Journal.Dir, fmt.Sprintf(`"seq":%d,`, damaged))
	running(t, s)
	flush(t, s)
	delete(o.acked, segmentID("session-1", damaged))
	o.check(t, st)
	o.send(t, s, "session-1", segments-1)
	flush(t, s)
	o.check(t, st)
	if got := metric(t, s, "playhead_ingest_repeats_total"); got != "1" {
		t.Errorf("%s repeats, want 1", got)
	}
	if waiting := s.journal.Stats().Segments; waiting != 0 {
		t.Errorf("%d segments wait in the journal", waiting)
	}
}

// TestALineWithOddNeighbours: a clock that is set back, and a group that gets a
// segment once in a while, lose nothing.
func TestALineWithOddNeighbours(t *testing.T) {
	var l line
	for n := range nearItems {
		l.push(waitingAt(n, 0))
	}
	odd := []item{
		waitingAt(nearItems, 0), waitingAt(nearItems+1, -3600), waitingAt(nearItems+2, 7), waitingAt(nearItems+3, math.MaxUint32),
	}
	odd = append(odd, waitingAt(nearItems+4, 0), waitingAt(nearItems+5, 0))
	odd[4].number += math.MaxUint32
	odd[5].number, odd[5].entry.File = odd[4].number+1, math.MaxUint32+10
	for _, it := range odd {
		l.push(it)
	}
	for range nearItems {
		l.pop()
	}
	for _, want := range odd {
		want.entry.Identity = journal.Identity{}
		if got := l.pop(); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// TestWaitingTakesLittle: when stores are away for an hour a million segments wait.
func TestWaitingTakesLittle(t *testing.T) {
	const segments, most = 1_000_000, 32 // bytes each
	before := inUse()
	var l line
	for n := range segments {
		l.push(waitingAt(n, 0))
	}
	if took := inUse() - before; took > segments*most {
		t.Errorf("%d segments that wait take %d bytes each, want at most %d", segments, took/segments, most)
	}
	runtime.KeepAlive(&l)
}
