package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// While segments come faster than they are encoded the heap may take
// heapOfServer, heapOfProcessor for each processor and heapOfConnection for each
// open connection before it is collected more often than collectEarlier says:
// with two processors and few connections 112 MiB, with which a server that is
// given more than it can store for half a minute has 190 to 230 MB resident, the
// program's own pages among them.
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

// load is what boundHeap asks of ingest.
type load interface {
	Behind() bool
	Connections() int
}

// boundHeap sets the memory limit of the Go runtime until ctx is done, unless
// $GOMEMLIMIT says what it is. Uploads that come faster than they can be stored
// take the collector's time then, and not memory. As long as they do not there
// is no limit: encoding with care needs memory, and the time is worth more.
func boundHeap(ctx context.Context, processors int, ingest load) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	least := int64(heapOfServer + processors*heapOfProcessor)
	limit, since := least, readProcessorTime()
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		now := readProcessorTime()
		if ingest.Behind() {
			limit = nextLimit(limit, least, since, now)
			debug.SetMemoryLimit(limit + int64(ingest.Connections())*heapOfConnection)
		} else {
			debug.SetMemoryLimit(math.MaxInt64)
		}
		since = now
	}
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
