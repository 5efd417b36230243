package ingest

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// idleBuffer is how long a buffer is kept that nobody uses.
const idleBuffer = 2 * time.Second

// buffers lends byte slices, the one that was used last first. What has grown
// beyond keep is left to the garbage collector, so that a few large bodies do not
// pin memory for ever; so are those beyond most bytes together and those that were
// not used for long. A sync.Pool would lose them all with every second collection:
// to make them anew was a fifth of what is allocated under load.
type buffers struct {
	keep, most int
	now        func() time.Time

	mu    sync.Mutex
	idle  []keptBuffer // least recently used first
	bytes int          // of memory of idle
}

type keptBuffer struct {
	use   *[]byte
	since time.Time
}

func newBuffers(keep, most int, now func() time.Time) *buffers {
	return &buffers{keep: keep, most: most, now: now}
}

// get lends a buffer of any capacity.
func (b *buffers) get() *[]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.idle) == 0 {
		return new([]byte)
	}
	return b.lend(len(b.idle) - 1)
}

// fitting lends a buffer for n bytes that will be held for long: its capacity is
// at most a quarter more.
func (b *buffers) fitting(n int) *[]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.idle) - 1; i >= 0; i-- {
		if has := cap(*b.idle[i].use); n <= has && has <= n+n/4 {
			return b.lend(i)
		}
	}
	return new(make([]byte, 0, n))
}

// lend takes a buffer out of those that are idle; b.mu is held.
func (b *buffers) lend(i int) *[]byte {
	p := b.idle[i].use
	b.idle = slices.Delete(b.idle, i, i+1)
	b.bytes -= cap(*p)
	return p
}

func (b *buffers) put(p *[]byte) {
	if cap(*p) > min(b.keep, b.most) {
		return
	}
	*p = (*p)[:0]
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.idle = append(b.idle, keptBuffer{p, now})
	b.bytes += cap(*p)
	old := 0 // p is never among them
	for b.bytes > b.most || now.Sub(b.idle[old].since) > idleBuffer {
		b.bytes -= cap(*b.idle[old].use)
		old++
	}
	b.idle = slices.Delete(b.idle, 0, old)
}

// budget bounds bytes of memory.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) take(n int) bool {
	if b.used.Add(int64(n)) <= b.limit {
		return true
	}
	b.used.Add(int64(-n))
	return false
}

func (b *budget) free(n int) { b.used.Add(int64(-n)) }

// takeShare takes for somebody who holds so many bytes of the budget already,
// and who leaves a quarter of it to others.
func (b *budget) takeShare(held *atomic.Int64, n int) bool {
	if n == 0 {
		return true
	}
	if held.Add(int64(n)) > b.limit/4*3 || !b.take(n) {
		held.Add(int64(-n))
		return false
	}
	return true
}

func (b *budget) freeShare(held *atomic.Int64, n int) {
	held.Add(int64(-n))
	b.free(n)
}
