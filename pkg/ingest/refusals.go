package ingest

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// refusalBurst is how many refusals for one reason are logged one by one.
	refusalBurst = 10

	// refusalEvery is how often one is logged from then on: an attack costs
	// 9 000 lines a day and reason, whatever its size.
	refusalEvery = 10 * time.Second
)

// refusals logs refused requests, so that an operator sees why pages are not
// recorded, and a stranger cannot fill the disk. What is left out is counted in
// the next line for the same reason, and has its own at the level debug; the
// metrics count all.
type refusals struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	reasons map[string]*refusalLines // as many as there are reasons in problem.go
}

type refusalLines struct {
	left       float64 // lines
	at         time.Time
	suppressed int
}

func newRefusals(log *slog.Logger, now func() time.Time) *refusals {
	return &refusals{log: log, now: now, reasons: map[string]*refusalLines{}}
}

// note logs a refusal, or counts it for a later line. Nothing of what the
// sender wrote is logged but its number of bytes; -1 when it did not say.
func (f *refusals) note(route string, who *credential, p *problem, bytes int64) {
	suppressed, ok := f.line(p.reason)
	level := slog.LevelWarn
	if !ok {
		level = slog.LevelDebug
	}
	if !f.log.Enabled(context.Background(), level) {
		return
	}
	attributes := []slog.Attr{
		slog.String("reason", p.reason), slog.Int("status", p.Status), slog.String("route", route), slog.Int64("bytes", bytes),
	}
	if who != nil {
		attributes = append(attributes, slog.String("project", string(who.project.id)), slog.String("key", who.name))
	}
	if suppressed > 0 {
		attributes = append(attributes, slog.Int("suppressed", suppressed))
	}
	f.log.LogAttrs(context.Background(), level, "request refused", attributes...)
}

// line says whether another line may be written, and how many were not since
// the last one.
func (f *refusals) line(reason string) (suppressed int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	r := f.reasons[reason]
	if r == nil {
		r = &refusalLines{left: refusalBurst, at: now}
		f.reasons[reason] = r
	}
	if passed := now.Sub(r.at); passed > 0 {
		r.left, r.at = min(refusalBurst, r.left+passed.Seconds()/refusalEvery.Seconds()), now
	}
	if r.left < 1 {
		r.suppressed++
		return 0, false
	}
	r.left--
	suppressed, r.suppressed = r.suppressed, 0
	return suppressed, true
}
