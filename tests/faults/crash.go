//go:build unix

package faults

import (
	"sync"
	"sync/atomic"
	"time"
)

// chunksPerSecond is the load under which servers are killed.
const chunksPerSecond = 500

// killed is row 1: one server is killed again and again at random moments
// after its start, some of them while it still recovers, under a constant load
// of small segments whose senders try until they are acknowledged.
func killed(t *trial) error {
	rounds, longest := t.pick(200, 6), t.pickTime(900*time.Millisecond, 500*time.Millisecond)
	v, err := t.openVault()
	if err != nil {
		return err
	}
	config := t.settings(v, "ingest")
	var current atomic.Pointer[server]
	s := newSender(newOracle(), func() string {
		if srv := current.Load(); srv != nil {
			return srv.url()
		}
		return ""
	})
	stopped, sent := make(chan struct{}), tally{}
	var sending sync.WaitGroup
	var failed error
	sending.Go(func() {
		failed = s.stream(t.ctx, t.rng.Uint64(), load{rate: chunksPerSecond, workers: 16, length: 300, name: "kill", patient: true}, stopped, &sent)
	})
	slowest, err := t.killRepeatedly(config, &current, rounds, longest)
	close(stopped)
	sending.Wait()
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	last, err := t.serve("ingest", config)
	if err != nil {
		return err
	}
	current.Store(last)
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	if err := last.drained(time.Minute); err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("kills", float64(rounds))
	t.figure("slowest_ready_s", slowest.Seconds())
	t.figure("attempts", float64(sent.sent.Load()))
	t.judge(result)
	t.expect(slowest < readyLimit, "a server needed %s to be ready", slowest)
	t.expect(sent.cut.Load() == 0 || sent.cut.Load() < int64(rounds), "%d acknowledgements were cut", sent.cut.Load())
	return nil
}

// killRepeatedly starts and kills a server and returns the longest time that
// it needed to be ready.
func (t *trial) killRepeatedly(config settings, current *atomic.Pointer[server], rounds int, longest time.Duration) (slowest time.Duration, err error) {
	for range rounds {
		srv, err := t.start("ingest", config)
		if err != nil {
			return 0, err
		}
		current.Store(srv)
		// One of ten dies while it may not be ready yet.
		if t.rng.IntN(10) > 0 {
			took, err := srv.ready(readyLimit)
			if err != nil {
				return 0, err
			}
			slowest = max(slowest, took)
		}
		if err := pause(t.ctx, time.Duration(t.rng.Int64N(int64(longest)))); err != nil {
			return 0, err
		}
		srv.kill()
	}
	return slowest, nil
}
