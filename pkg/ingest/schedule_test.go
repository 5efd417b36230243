package ingest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/recording"
)

// TestMemoryIsFull: packs may be larger than memory. When that is full, what is
// encoded becomes packs; what comes while those are on their way becomes a small
// one only where nothing else makes room.
func TestMemoryIsFull(t *testing.T) {
	const mib = 1 << 20
	p := &pipeline{
		now: time.Now, limit: 24 * mib, maxBytes: 64 * mib, maxAge: time.Minute,
		queues: map[journal.Group]*queue{}, running: map[*job]struct{}{},
	}
	encode := func(project recording.ProjectID, segments int) {
		q := p.queue(journal.Group{Project: project, Class: "normal"})
		for range segments {
			it := &item{number: p.next, sinceMs: p.now().UnixMilli(), made: &encoded{frame: make([]byte, mib), bytes: mib}}
			q.head, q.bytes = append(q.head, it), q.bytes+it.packBytes()
			p.next++
			p.held += mib
		}
	}
	take := func(when string, want int) *job {
		t.Helper()
		j, _ := p.take()
		got := 0
		if j != nil {
			got = len(j.items)
		}
		if got != want {
			t.Fatalf("%s: a pack of %d segments, want %d", when, got, want)
		}
		return j
	}
	end := func(j *job) {
		delete(p.running, j)
		p.queue(j.group).running--
		p.held -= j.held
	}

	encode("shop", 23)
	take("while there is room", 0)
	encode("shop", 1)
	first := take("when memory is full", 12)
	second := take("when it still is", 12)
	end(first)
	encode("shop", 4)
	encode("blog", 8)
	take("a second project's, when memory is full", 8)
	take("a small one, while others are on their way", 0)
	end(second)
	encode("shop", 12)
	take("when memory is full again", 12)

	// Small packs of many projects, none of which would become due.
	p.queues, p.running, p.held = map[journal.Group]*queue{}, map[*job]struct{}{}, 0
	for n := range 24 {
		encode(recording.ProjectID(fmt.Sprint("project-", n)), 1)
	}
	for range 6 {
		take("a small one, when nothing makes room", 1)
	}
	take("when enough are on their way", 0)
}

// TestCatchingUp: while older segments than flush.pack_age are still to be
// encoded, a pack waits for more of them, and for no longer than its age.
func TestCatchingUp(t *testing.T) {
	now := time.UnixMilli(1763791872123)
	p := &pipeline{
		now: func() time.Time { return now }, limit: encodedLimit, maxBytes: 8 << 20, maxAge: time.Minute,
		queues: map[journal.Group]*queue{}, running: map[*job]struct{}{},
	}
	q := p.queue(journal.Group{Project: "shop", Class: "normal"})
	hourAgo := now.Add(-time.Hour).UnixMilli()
	encode := func() {
		q.head = append(q.head, &item{number: p.next, sinceMs: hourAgo, madeMs: now.UnixMilli(), made: &encoded{frame: make([]byte, 1<<10)}})
		p.next++
	}
	encode()
	encode()
	q.head = append(q.head, &item{number: p.next, sinceMs: hourAgo})
	if j, wait := p.take(); j != nil || wait != time.Minute {
		t.Errorf("of what was encoded just now: %d segments, next look in %v; want none, and a minute", itemsOf(j), wait)
	}
	now = now.Add(time.Minute - time.Second)
	encode()
	if j, wait := p.take(); j != nil || wait != time.Second {
		t.Errorf("a second before its time: %d segments, next look in %v; want none, and a second", itemsOf(j), wait)
	}
	now = now.Add(time.Second)
	if j, _ := p.take(); itemsOf(j) != 2 {
		t.Errorf("a minute after the first was encoded: %d segments, want the 2 that were encoded before one that was not", itemsOf(j))
	}
}

func itemsOf(j *job) int {
	if j == nil {
		return 0
	}
	return len(j.items)
}

func TestPackIsClosedByAge(t *testing.T) {
	st, o := newStores(t), newOracle()
	var mu sync.Mutex
	now := time.Now()
	timers := make(chan chan time.Time, 100)
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{
		Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now },
		after: func(time.Duration) <-chan time.Time {
			c := make(chan time.Time, 1)
			timers <- c
			return c
		},
	})
	running(t, s)
	fire := func() { // lets the pipeline look at the clock
		for {
			select {
			case c := <-timers:
				c <- time.Time{}
			default:
				return
			}
		}
	}
	o.send(t, s, "session-1", 0)
	mu.Lock()
	now = now.Add(9 * time.Second)
	mu.Unlock()
	o.send(t, s, "session-1", 1)
	eventually(t, "the pipeline looks", func() bool { return len(timers) > 0 })
	fire()
	if keys := packKeys(t, st.bucket); len(keys) != 0 {
		t.Errorf("a pack is stored after 9 s: %v", keys)
	}
	mu.Lock()
	now = now.Add(time.Second)
	mu.Unlock()
	eventually(t, "the pack is stored", func() bool { fire(); return s.journal.Stats().Segments == 0 })
	if keys := packKeys(t, st.bucket); len(keys) != 1 || !strings.HasPrefix(keys[0], "v1/shop/normal/") {
		t.Errorf("packs %v", keys)
	}
	o.check(t, st)
}

func TestPackIsClosedBySize(t *testing.T) {
	st, o := newStores(t), newOracle()
	cfg := testConfig(t)
	cfg.Flush.PackBytes = 64 << 10
	s := newServer(t, cfg, st.bucket, st.index, Options{})
	for seq := range 200 {
		o.send(t, s, "session-1", seq)
	}
	running(t, s)
	eventually(t, "full packs are stored", func() bool { return s.journal.Stats().Segments < 200 })
	flush(t, s)
	o.check(t, st)
	keys := packKeys(t, st.bucket)
	if len(keys) < 2 {
		t.Errorf("%d packs", len(keys))
	}
	for _, k := range keys {
		if size := len(readObject(t, st.bucket, k)); size > 64<<10 {
			t.Errorf("%s has %d bytes", k, size)
		}
	}
}
