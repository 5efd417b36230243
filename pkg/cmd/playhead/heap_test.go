package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGrowthOf(t *testing.T) {
	for used, want := range map[uint64]int{
		0:         400, // nothing yet
		1 << 20:   400,
		32 << 20:  300,
		64 << 20:  100,
		86 << 20:  50,
		300 << 20: 50,
	} {
		if got := growthOf(used); got != want {
			t.Errorf("%d MiB used: %d %%, want %d", used>>20, got, want)
		}
	}
}

// The growth follows what is used, in both directions.
func TestHeapIsCollectedInTime(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	collectInTime()
	grows := func(when string, fits func(percent uint64) bool) {
		t.Helper()
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
			runtime.GC()
			if metrics.Read(sample); fits(sample[0].Value.Uint64()) {
				return
			}
		}
		t.Errorf("%s: the heap grows by %d %%", when, sample[0].Value.Uint64())
	}
	func() {
		held := make([]byte, 2*calmHeap)
		defer runtime.KeepAlive(held)
		grows("when much is used", func(percent uint64) bool { return percent == leastGrowth })
	}()
	grows("when little is used", func(percent uint64) bool { return percent > 2*leastGrowth })
}
