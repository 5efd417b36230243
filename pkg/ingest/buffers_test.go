package ingest

import (
	"runtime"
	"testing"
	"time"
)

// TestBuffers: what is lent is what was given back last, also after collections of
// garbage; what is too large, too much or too old is let go of.
func TestBuffers(t *testing.T) {
	now := time.UnixMilli(1_763_791_872_000)
	b := newBuffers(100, 250, func() time.Time { return now })
	give := func(size int) *[]byte {
		p := new(make([]byte, size))
		b.put(p)
		return p
	}
	lends := func(what string, want *[]byte) {
		t.Helper()
		if got := b.get(); got != want || len(*got) != 0 {
			t.Errorf("%s: lent %p of %d bytes, want %p, empty", what, got, cap(*got), want)
		}
	}
	first, second := give(100), give(50)
	runtime.GC()
	runtime.GC()
	lends("last", second)
	lends("first", first)
	if got := b.get(); cap(*got) != 0 {
		t.Errorf("lent %d bytes twice", cap(*got))
	}

	give(101)
	give(100)
	second, third := give(100), give(100)
	lends("beyond the most together, last", third)
	lends("beyond the most together, second", second)
	if got := b.get(); cap(*got) != 0 {
		t.Errorf("lent %d bytes that are too large or too much", cap(*got))
	}

	b.keep = 1000
	give(251)
	if got := b.get(); cap(*got) != 0 {
		t.Errorf("lent %d bytes, which are more than the most", cap(*got))
	}

	give(10)
	now = now.Add(idleBuffer + time.Millisecond)
	used := give(20)
	lends("used", used)
	if got := b.get(); cap(*got) != 0 {
		t.Errorf("lent %d bytes that nobody had used for long", cap(*got))
	}
	small, large := give(10), give(40)
	for _, tt := range []struct {
		n    int
		want *[]byte // nil: another
	}{{7, nil}, {11, nil}, {31, nil}, {41, nil}, {8, small}, {32, large}} {
		if got := b.fitting(tt.n); tt.want != nil && got != tt.want || cap(*got) < tt.n || cap(*got) > tt.n+tt.n/4 {
			t.Errorf("for %d bytes %d are lent", tt.n, cap(*got))
		}
	}
	if b.bytes != 0 {
		t.Errorf("%d bytes are said to be idle, and none are", b.bytes)
	}
}
