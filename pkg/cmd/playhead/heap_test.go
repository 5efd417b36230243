package main

import "testing"

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
		"nothing is known yet":        {mostGrowth, 0, mostGrowth},
		"an idle server":              {mostGrowth, 8 << 20, mostGrowth},
		"to what is enough":           {mostGrowth, 60 << 20, 60},
		"about the same":              {60, 58 << 20, 60},
		"more is in use than enough":  {60, 200 << 20, leastGrowth},
		"no less than the least":      {60, 80 << 20, leastGrowth},
		"little is in use once again": {leastGrowth, 20 << 20, mostGrowth},
	} {
		t.Run(name, func(t *testing.T) {
			if got := nextGrowth(test.growth, test.live, enough); got != test.want {
				t.Errorf("%d %%, want %d", got, test.want)
			}
		})
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
