package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// calmHeap is how large the heap gets between collections while what is
	// used of it is less than two thirds: collections hold up requests, more so
	// while the processors are busy.
	calmHeap = 128 << 20

	// leastGrowth is by how many percent the heap grows when more is used. That
	// of ingest is mostly buffers without pointers: collecting more often than
	// every 100 % costs little, and what a server needs at most is a quarter less.
	leastGrowth = 50

	// mostGrowth is for a heap of which little is used.
	mostGrowth = 400

	// growthStep is by how much another growth differs at least: to change it
	// stops the program for a moment.
	growthStep = 25
)

// growthOf returns by how many percent the heap may grow until the next
// collection when so many bytes are used after the last.
func growthOf(used uint64) int {
	growth := calmHeap*100/int64(max(used, 1)) - 100
	return int(min(max(growth, leastGrowth), mostGrowth))
}

// collector decides after each collection when the next one is. The garbage
// collector ends it, and it begins again.
type collector struct {
	growth int
	used   []metrics.Sample
}

// collectInTime lets the heap grow as growthOf says, unless $GOGC says
// otherwise.
func collectInTime() {
	if os.Getenv("GOGC") != "" {
		return
	}
	c := &collector{growth: mostGrowth, used: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	debug.SetGCPercent(c.growth)
	c.next()
}

func (c *collector) next() {
	metrics.Read(c.used)
	growth := growthOf(c.used[0].Value.Uint64())
	if growth < c.growth-growthStep || growth > c.growth+growthStep || growth == leastGrowth && growth != c.growth {
		c.growth = growth
		debug.SetGCPercent(growth)
	}
	runtime.SetFinalizer(c, (*collector).next)
}
