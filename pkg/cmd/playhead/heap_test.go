package main

import (
	"context"
	"runtime"
	"testing"
)

func TestMemoryLimitFollowsTheCollector(t *testing.T) {
	const least = 112 << 20
	for name, test := range map[string]struct {
		limit      int64
		collecting float64 // of 2 s
		want       int64
	}{
		"much is in use":                     {least, 0.7, least + heapStep},
		"still":                              {least + heapStep, 0.7, least + 2*heapStep},
		"enough room":                        {least + 2*heapStep, 0.4, least + 2*heapStep},
		"it is in use no more":               {least + 2*heapStep, 0.1, least + heapStep},
		"never below the least":              {least, 0.1, least},
		"no collection, so nothing is known": {least + heapStep, 0, least},
	} {
		t.Run(name, func(t *testing.T) {
			since := processorTime{busy: 100, collecting: 7}
			now := processorTime{busy: 102, collecting: 7 + test.collecting}
			if got := nextLimit(test.limit, least, since, now); got != test.want {
				t.Errorf("limit is %d MiB, want %d", got>>20, test.want>>20)
			}
		})
	}
}

func TestGrowthFollowsWhatIsInUse(t *testing.T) {
	const enough = 96 << 20
	for name, test := range map[string]struct {
		growth int
		live   int64
		want   int
	}{
		"nothing is known yet":        {doubling, 0, doubling},
		"hardly anything is in use":   {doubling, 2 << 20, mostGrowth},
		"an idle server":              {doubling, 8 << 20, 700},
		"a third more than that":      {700, 10 << 20, 700},
		"twice that":                  {700, 16 << 20, 300},
		"what is doubled":             {300, 40 << 20, doubling},
		"to what is enough":           {doubling, 60 << 20, 60},
		"about the same":              {60, 58 << 20, 60},
		"more is in use than enough":  {60, 200 << 20, leastGrowth},
		"no less than the least":      {60, 80 << 20, leastGrowth},
		"little is in use once again": {leastGrowth, 20 << 20, 220},
	} {
		t.Run(name, func(t *testing.T) {
			if got := nextGrowth(test.growth, test.live, enough); got != test.want {
				t.Errorf("%d %%, want %d", got, test.want)
			}
		})
	}
}

func TestCollectionsAreTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := collections(ctx)
	for range 3 { // one after the other
		runtime.GC()
		<-ended
	}
	cancel()
	runtime.GC()
	runtime.GC()
	select {
	case <-ended: // of a collection before cancel
	default:
	}
	runtime.GC()
	select {
	case <-ended:
		t.Error("a collection is told of after the end")
	default:
	}
}

func TestProcessorTimeOnlyGrows(t *testing.T) {
	before := readProcessorTime()
	if before.busy < 0 || before.collecting < 0 || before.collecting > before.busy {
		t.Errorf("%+v: more time for collecting than there was, or less than none", before)
	}
	if now := readProcessorTime(); now.busy < before.busy || now.collecting < before.collecting {
		t.Errorf("%+v after %+v", now, before)
	}
}
