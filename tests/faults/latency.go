//go:build unix

package faults

import (
	"time"
)

// p99Bound is how much worse than without the fault the 99th percentile of the
// others' latency may be.
const p99Bound = 1.10

// turn is the latencies of a while without something and of one with it.
type turn struct{ without, with []time.Duration }

// comparison is the 99th percentile with and without something, the median of
// all turns.
type comparison struct {
	without, with time.Duration
	ratio         float64
	turns, tries  int
}

// compare measures in turns, without and with. A machine stumbles now and then,
// which is the percentile of the turn in which it happens: so each turn has its
// own, and the medians count. While the difference is beyond the bound the
// measurement goes on, up to three times as long, and all turns count.
func (t *trial) compare(measure func() ([]turn, error)) (comparison, error) {
	var c comparison
	var without, with []time.Duration
	for c.tries < t.pick(3, 1) {
		turns, err := measure()
		if err != nil {
			return c, err
		}
		for _, one := range turns {
			without, with = append(without, percentile(one.without, 0.99)), append(with, percentile(one.with, 0.99))
		}
		c = comparison{without: percentile(without, 0.5), with: percentile(with, 0.5), turns: len(with), tries: c.tries + 1}
		if c.ratio = float64(c.with) / float64(c.without); c.ratio < p99Bound {
			break
		}
	}
	return c, nil
}

func (t *trial) judgeP99(c comparison, what string) {
	t.figure("p99_ms", milliseconds(c.without))
	t.figure("p99_with_ms", milliseconds(c.with))
	t.figure("p99_ratio", c.ratio)
	t.figure("p99_turns", float64(c.turns))
	t.figure("p99_tries", float64(c.tries))
	// A short run has too few samples for a percentile.
	t.expect(t.short || c.ratio < p99Bound, "p99 is %s %s and %s without", c.with, what, c.without)
}
