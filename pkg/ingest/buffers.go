package ingest

import "sync"

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
