package main

import (
	"context"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// While segments come faster than they are encoded the heap may take
// heapOfServer, heapOfProcessor for each processor and heapOfConnection for each
// open connection before it is collected more often than its growth says: with
// two processors and few connections 112 MiB.
const (
	heapOfServer     = 48 << 20
	heapOfProcessor  = 32 << 20
	heapOfConnection = 32 << 10 // two buffers of 4 KiB, two stacks, and half of that again
)

// Of the time that the program takes, the collector may have muchCollecting.
// What is in use then is not garbage: segments that wait for stores that are
// away, or the documents of many windows. The limit goes up by heapStep a second
// until the collector has less, and down again while it has no more than
// littleCollecting.
const (
	muchCollecting   = 0.3
	littleCollecting = 0.1
	heapStep         = 8 << 20
)

// Between collections the heap grows to calmHeap where little is in use. Else it
// grows by leastGrowth percent, or to restHeap less than its limit where that is
// more, and then doubles at most. That of ingest is mostly buffers without
// pointers: marking costs little, but each collection stops everything until the
// threads that encode, which have a lower priority, have been let run by the
// kernel, and that is what acknowledgements wait for.
const (
	calmHeap    = 64 << 20
	restHeap    = 36 << 20
	leastGrowth = 50
	doubling    = 100
	mostGrowth  = 900
)

// load is what tendHeap asks of ingest.
type load interface {
	Behind() bool
	Connections() int
}

// tendHeap sets the growth and the memory limit of the Go runtime's heap until
// ctx is done, unless $GOGC and $GOMEMLIMIT say what they are. Uploads that come
// faster than they can be stored take the collector's time then, and not memory.
// As long as they do not there is no limit: encoding with care needs memory, and
// the time is worth more.
func tendHeap(ctx context.Context, processors int, ingest load) {
	ownGrowth, ownLimit := os.Getenv("GOGC") == "", os.Getenv("GOMEMLIMIT") == ""
	least := int64(heapOfServer + processors*heapOfProcessor)
	growth := doubling
	if ownGrowth {
		debug.SetGCPercent(growth)
	}
	// At once: what little grew to while it was little may be far too much.
	collected := collections(ctx)
	limit, since := least, readProcessorTime()
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-collected:
			if next := nextGrowth(growth, liveHeap(), least-restHeap); next != growth && ownGrowth {
				growth = next
				debug.SetGCPercent(growth)
			}
			continue
		case <-ticks.C:
		}
		now := readProcessorTime()
		if !ownLimit {
			continue
		}
		if ingest.Behind() {
			limit = nextLimit(limit, least, since, now)
			debug.SetMemoryLimit(limit + int64(ingest.Connections())*heapOfConnection)
		} else {
			debug.SetMemoryLimit(math.MaxInt64)
		}
		since = now
	}
}

// collections tells of each collection of garbage, or of the last one where the
// receiver did not wait for it, until ctx is done.
func collections(ctx context.Context) <-chan struct{} {
	ended := make(chan struct{}, 1)
	type garbage struct{ _ [8]*int } // an allocation of its own
	var look func(struct{})
	look = func(struct{}) {
		if ctx.Err() != nil {
			return
		}
		// First: whoever hears of this collection may cause the next one.
		runtime.AddCleanup(new(garbage), look, struct{}{})
		select {
		case ended <- struct{}{}:
		default:
		}
	}
	runtime.AddCleanup(new(garbage), look, struct{}{})
	return ended
}

// nextGrowth returns by how many percent the heap may grow of which live bytes
// were in use when it was collected last, so that it becomes calm or as large as
// enough. Changing it stops everything, so a little more or less leaves it as it
// is.
func nextGrowth(growth int, live, enough int64) int {
	next := doubling
	if live > 0 {
		toEnough := min(max(100*(enough-live)/live, leastGrowth), doubling)
		next = int(min(max(toEnough, 100*(calmHeap-live)/live), mostGrowth))
	}
	if next != leastGrowth && next != doubling && next != mostGrowth && next*4 > growth*3 && next*3 < growth*4 {
		return growth
	}
	return next
}

// liveHeap is what the last collection found in use, bytes.
func liveHeap() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64()) //nolint:gosec // bytes of memory
}

// nextLimit returns the limit after a pause in which the processor time of the
// program became now.
func nextLimit(limit, least int64, since, now processorTime) int64 {
	collecting, busy := now.collecting-since.collecting, now.busy-since.busy
	switch {
	case collecting > busy*muchCollecting:
		return limit + heapStep
	case collecting <= busy*littleCollecting:
		return max(limit-heapStep, least)
	}
	return limit
}

// processorTime is in seconds since the program began; the runtime brings it up
// to date with each collection.
type processorTime struct {
	busy       float64 // all that was not idle
	collecting float64 // of that, what had to be done: not what idle processors did
}

func readProcessorTime() processorTime {
	samples := []metrics.Sample{
		{Name: "/cpu/classes/total:cpu-seconds"}, {Name: "/cpu/classes/idle:cpu-seconds"},
		{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
	}
	metrics.Read(samples)
	seconds := func(i int) float64 { return samples[i].Value.Float64() }
	return processorTime{busy: seconds(0) - seconds(1), collecting: seconds(2) - seconds(3)}
}
