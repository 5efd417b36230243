package ingest

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/ingest/journal"
)

const (
	// firstRetry and lastRetry bound the pause between attempts: short enough
	// to be unnoticed for a hiccup, long enough not to add to an outage.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second

	// triesAtOnce is how often a store is asked before a pack gives its place
	// to others.
	triesAtOnce = 3

	// attemptTimeout ends a call to a store that neither answers nor fails. A
	// pack of 8 MiB needs 1.1 Mbit/s, one of 64 MiB 9.
	attemptTimeout = time.Minute
)

// retrier calls stores until they answer, and remembers how they are.
type retrier struct {
	timeout time.Duration // of a call
	after   func(time.Duration) <-chan time.Time
	now     func() time.Time
	random  func() float64
	log     *slog.Logger
	metrics *metrics

	mu     sync.Mutex
	states map[string]storeState
}

// storeState is how a store answered last.
type storeState struct {
	OK    bool       `json:"ok"`
	Since *time.Time `json:"since,omitempty"` // of the first failure; absent when ok
}

func newRetrier(opts Options, m *metrics) *retrier {
	return &retrier{
		timeout: opts.attemptTimeout, after: opts.after, now: opts.Now, random: opts.random, log: opts.Log, metrics: m,
		states: map[string]storeState{"bucket": {OK: true}, "index": {OK: true}},
	}
}

// always calls f until it succeeds. It gives up only when ctx is done or the
// journal cannot go on.
func (r *retrier) always(ctx context.Context, store string, f func(context.Context) error) error {
	return r.do(ctx, store, math.MaxInt, f)
}

// few calls f a few times, and returns its last error: what goes on failing
// must not keep others waiting.
func (r *retrier) few(ctx context.Context, store string, f func(context.Context) error) error {
	return r.do(ctx, store, triesAtOnce, f)
}

func (r *retrier) do(ctx context.Context, store string, tries int, f func(context.Context) error) error {
	for try := 1; ; try++ {
		attempt, cancel := context.WithTimeout(ctx, r.timeout)
		err := f(attempt)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			r.answered(store)
			return nil
		}
		if errors.Is(err, journal.ErrFailed) || errors.Is(err, journal.ErrClosed) {
			return err
		}
		wait := r.pause(try)
		r.failed(store, err, wait)
		if try == tries {
			return err
		}
		if err := r.wait(ctx, wait); err != nil {
			return err
		}
	}
}

// pause returns how long to wait after so many failures. Half of it is random,
// so that many servers do not return to a store that recovers all at once.
func (r *retrier) pause(failures int) time.Duration {
	pause := min(firstRetry<<min(failures-1, 10), lastRetry)
	return pause/2 + time.Duration(r.random()*float64(pause/2))
}

func (r *retrier) wait(ctx context.Context, pause time.Duration) error {
	select {
	case <-r.after(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *retrier) failed(store string, err error, wait time.Duration) {
	r.metrics.storeFailures.WithLabelValues(store).Inc()
	r.log.Warn("store does not answer; trying again", "store", store, "wait", wait.String(), "error", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.states[store]; ok && s.OK {
		now := r.now().UTC()
		r.states[store] = storeState{Since: &now}
	}
}

func (r *retrier) answered(store string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.states[store]; ok && !s.OK {
		r.log.Info("store answers again", "store", store, "away_since", *s.Since)
		r.states[store] = storeState{OK: true}
	}
}

// stores returns how each store answered last.
func (r *retrier) stores() map[string]storeState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.states)
}
