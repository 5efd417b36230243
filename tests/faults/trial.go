//go:build unix

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// trial is one row being run.
type trial struct {
	*plant
	ctx    context.Context //nolint:containedctx // a trial is one call
	number int
	short  bool
	rng    *rand.Rand // of the row's own goroutine
	dir    string
	report *report

	// What the row's servers take for the stores.
	s3, clickhouse *proxy

	broken   []string
	cleanups []func() error
}

// pick returns the size of the full row, or of its short form.
func (t *trial) pick(full, short int) int {
	if t.short {
		return short
	}
	return full
}

// pickTime is pick for times.
func (t *trial) pickTime(full, short time.Duration) time.Duration {
	if t.short {
		return short
	}
	return full
}

// expect notes a broken promise.
func (t *trial) expect(kept bool, format string, args ...any) {
	if !kept {
		t.broken = append(t.broken, fmt.Sprintf(format, args...))
	}
}

// figure reports one number of the row.
func (t *trial) figure(name string, value float64) {
	t.report.line(fmt.Sprintf("faults.%d.%s", t.number, name), value)
}

// note reports something about the row in words.
func (t *trial) note(format string, args ...any) {
	t.log.printf("row %d: "+format, append([]any{t.number}, args...)...)
}

// later runs f at the end of the row, the last one first.
func (t *trial) later(f func() error) { t.cleanups = append(t.cleanups, f) }

func (t *trial) cleanUp() error {
	var errs []error
	for len(t.cleanups) > 0 {
		last := len(t.cleanups) - 1
		f := t.cleanups[last]
		t.cleanups = t.cleanups[:last]
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// openProxies puts proxies in front of the stores.
func (t *trial) openProxies() error {
	at := t.engines.Addresses()
	for target, to := range map[string]**proxy{at.S3.Endpoint: &t.s3, at.ClickHouse.Address: &t.clickhouse} {
		p, err := newProxy(t.ctx, target)
		if err != nil {
			return err
		}
		*to = p
		t.later(p.close)
	}
	return nil
}

// until polls a condition; the error says what did not come true in time.
func (t *trial) until(limit time.Duration, what string, reached func() bool) error {
	return until(t.ctx, limit, what, reached)
}

func until(ctx context.Context, limit time.Duration, what string, reached func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !reached() {
		if pause(ctx, 5*time.Millisecond) != nil {
			return fmt.Errorf("%s: not within %s", what, limit)
		}
	}
	return nil
}

// pause lets time pass: the pace of a sender, or the length of an outage.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// report writes figures as JSON lines.
type report struct {
	mu  sync.Mutex
	out io.Writer
}

func (r *report) line(name string, value float64) {
	line, err := json.Marshal(struct {
		Name  string  `json:"name"`
		Value float64 `json:"value"`
	}{name, value})
	if err != nil {
		panic(err) // figures are finite numbers
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, "%s\n", line)
}

// logbook writes what happens, one line each.
type logbook struct {
	mu  sync.Mutex
	out io.Writer
}

func (l *logbook) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, time.Now().Format("15:04:05.000 ")+format+"\n", args...)
}
