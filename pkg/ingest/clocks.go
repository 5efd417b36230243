package ingest

import (
	"sync"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/recording"
)

const (
	// rememberedWindows bounds the windows whose clock is remembered; one
	// takes about 60 bytes. A forgotten window begins anew.
	rememberedWindows = 1 << 17

	// clockJumpMs is more than the transfer of a request can take (the server
	// gives a whole request 30 s), so that a sample this much above the
	// smallest means that the sender's clock was set back.
	clockJumpMs = 60_000
)

// clocks estimates, per window, what to add to the sender's clock to get
// ours. A sample is received minus sent; the network only makes it larger, so
// the smallest is the best.
type clocks struct {
	mu      sync.Mutex
	offsets *generations[int64]
}

func newClocks() *clocks { return &clocks{offsets: newGenerations[int64](rememberedWindows)} }

// offset adds a sample and returns the window's offset in ms.
func (c *clocks) offset(id recording.SegmentID, sampleMs int64) int64 {
	window := id
	window.Seq = 0
	key := journal.IdentityOf(window)
	c.mu.Lock()
	defer c.mu.Unlock()
	best, known := c.offsets.get(key)
	if !known || sampleMs < best || sampleMs > best+clockJumpMs {
		best = sampleMs
	}
	c.offsets.put(key, best)
	return best
}
