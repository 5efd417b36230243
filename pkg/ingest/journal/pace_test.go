package journal

import (
	"testing"
	"time"
)

// TestPace: an append waits for nobody else's fsync where there are few of them;
// where there are many, one is shared by all who come within an interval.
func TestPace(t *testing.T) {
	const interval, sync = 5 * time.Millisecond, time.Millisecond
	now := time.UnixMilli(1763791872123)
	p := pace{interval: interval}
	fsync := func() {
		p.spend(now, now.Add(sync))
		now = now.Add(sync)
	}
	atOnce := func() (n int) {
		for p.wait(now) <= 0 {
			fsync()
			n++
		}
		return n
	}
	if n := atOnce(); n != fsyncsAhead {
		t.Errorf("%d fsyncs follow each other at once, want %d", n, fsyncsAhead)
	}
	for range 100 {
		if wait := p.wait(now); wait != interval {
			t.Fatalf("under load an fsync waits %s after the one before, want %s", wait, interval)
		}
		now = now.Add(interval)
		fsync()
	}
	now = now.Add(3 * interval)
	if n := atOnce(); n != 3 {
		t.Errorf("%d fsyncs follow each other after three intervals, want as many", n)
	}
	now = now.Add(time.Hour)
	if n := atOnce(); n != fsyncsAhead {
		t.Errorf("%d fsyncs follow each other after an hour, want %d", n, fsyncsAhead)
	}
	for n := range 1000 {
		now = now.Add(2 * interval)
		if wait := p.wait(now); wait > 0 {
			t.Fatalf("fsync %d of few waits %s", n, wait)
		}
		fsync()
	}
}
