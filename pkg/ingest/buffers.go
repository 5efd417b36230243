package ingest

import (
	"sync"
	"sync/atomic"
)

// buffers lends byte slices. What has grown beyond keep is left to the garbage
// collector, so that a few large bodies do not pin memory for ever.
type buffers struct {
	pool sync.Pool
	keep int
}

func newBuffers(keep int) *buffers { return &buffers{keep: keep} }

func (b *buffers) get() *[]byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return p
	}
	return new([]byte)
}

func (b *buffers) put(p *[]byte) {
	if cap(*p) > b.keep {
		return
	}
	*p = (*p)[:0]
	b.pool.Put(p)
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
