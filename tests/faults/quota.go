//go:build unix

package faults

import (
	"context"
	"errors"
	"maps"
	"math"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const greedyKey = "pk_greedy_0123456789"

// overQuota is row 14: one key sends ten times its quota in bursts; the other
// one must not notice, and the limiter gives what it says.
func overQuota(t *trial) error {
	const rate = 64 << 10
	v, err := t.openVault()
	if err != nil {
		return err
	}
	greedy := projectSettings("greedy", greedyKey)
	greedy["keys"].([]settings)[0]["quota"] = settings{"bytes_per_second": rate, "burst_bytes": 256 << 10}
	config := t.settings(v, "ingest").with("limits", "body_bytes", 256<<10).with("limits", "asset_bytes", 256<<10)
	config["projects"] = []settings{projectSettings(mainProject, mainKey), greedy}
	srv, err := t.serve("ingest", config)
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	f := t.begin(s, nominal(100, "quiet"))
	flood, err := t.attackersOf(srv)
	if err != nil {
		return err
	}
	offered, refillErr := math.Inf(1), error(nil)
	c, err := t.compare(func() (turns []turn, err error) {
		for range t.pick(5, 1) {
			f.latencies()
			if err := pause(t.ctx, 2*time.Second); err != nil {
				return nil, err
			}
			alone := f.latencies()
			got, err := flood.exceed(10*rate, 2*time.Second)
			if err != nil {
				return nil, err
			}
			offered = min(offered, got/rate)
			turns = append(turns, turn{alone, f.latencies()})
		}
		return turns, nil
	})
	if err == nil {
		var given float64
		given, refillErr = flood.refill(rate, t.pickTime(10*time.Second, 3*time.Second))
		t.figure("refill_error", given)
		t.expect(given < 0.05 && given > -0.05, "the limiter is off by %.1f %%", 100*given)
	}
	if err = errors.Join(err, refillErr, f.end()); err != nil {
		return err
	}
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	told, err := flood.answers()
	if err != nil {
		return err
	}
	t.figure("offered_to_quota", offered)
	t.figure("refused_429", float64(told.Statuses[http.StatusTooManyRequests]))
	// A short run shares its processors with other rows.
	t.expect(t.short || offered >= 9.5, "only %.1f times the quota was sent", offered)
	t.judgeP99(c, "beside a key at ten times its quota")
	t.judge(result)
	t.expect(told.Statuses[http.StatusTooManyRequests] > 0, "nothing was refused with 429: %v", told.Statuses)
	t.expect(len(told.Statuses) == 2, "answers besides 202 and 429: %v", told.Statuses)
	t.expect(told.NoRetry == 0, "%d refusals have no Retry-After", told.NoRetry)
	t.expect(onlyStatuses(&f.tally, 202), "the other key is answered %v", f.statuses)
	return nil
}

// greedy is a sender that does not care for its quota.
type greedy struct {
	sender *sender
	tape   *tape
	sent   atomic.Int64 // bytes of bodies

	mu       sync.Mutex
	statuses map[int]int
	noRetry  int
	accepted int // bytes of bodies
}

func newGreedy(url string) *greedy {
	g := &greedy{sender: newSender(newOracle(), func() string { return url }), tape: newTape(1, "greedy"), statuses: map[int]int{}}
	g.sender.key = greedyKey
	// A client makes a connection too many now and then, and uses it for another
	// request later. The server closes one on which no request begins within 5 s:
	// the client must be first, or a request is under way on it at that moment.
	g.sender.client.Transport = &http.Transport{MaxIdleConnsPerHost: 2 * floodSenders, IdleConnTimeout: 3 * time.Second}
	g.tape.project, g.tape.text = "greedy", 1000
	return g
}

// floodSenders is more than may wait in the line of refusals: the others hear at
// once, so that the flood is what it is meant to be.
const floodSenders = 128

// exceed sends bytes per second in bursts of a tenth of a second, by many senders
// together, and returns how many it sent in a second.
func (g *greedy) exceed(ctx context.Context, bytesPerSecond int, length time.Duration) (float64, error) {
	const burst = 100 * time.Millisecond
	if err := g.begin(ctx); err != nil {
		return 0, err
	}
	start, before := time.Now(), g.sent.Load()
	due := func() time.Duration {
		bursts := time.Since(start)/burst + 1
		if g.sent.Load()-before < int64(bursts)*int64(bytesPerSecond)/10 {
			return 0
		}
		return time.Until(start.Add(bursts * burst))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, floodSenders)
	for range floodSenders {
		go func() { errs <- g.flood(ctx, due, start.Add(length)) }()
	}
	var err error
	for range floodSenders {
		if failed := <-errs; failed != nil && err == nil {
			err = failed
			cancel()
		}
	}
	return float64(g.sent.Load()-before) / length.Seconds(), err
}

// begin sends a session's first segment alone, as recorders do: what follows
// carries the token that it is answered with, however late it is sent.
func (g *greedy) begin(ctx context.Context) error {
	for g.sender.token(g.tape.session) == "" {
		if err := g.one(ctx); err != nil {
			return err
		}
	}
	return nil
}

// flood sends one segment after another, each when it is due.
func (g *greedy) flood(ctx context.Context, due func() time.Duration, end time.Time) error {
	for time.Now().Before(end) {
		if wait := due(); wait > 0 {
			if err := pause(ctx, wait); err != nil {
				return err
			}
			continue
		}
		if err := g.one(ctx); err != nil {
			return err
		}
	}
	return nil
}

// told returns a copy of what the senders were told.
func (g *greedy) told() Answers {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Answers{Statuses: maps.Clone(g.statuses), NoRetry: g.noRetry}
}

func (g *greedy) taken() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.accepted
}

// one sends one segment.
func (g *greedy) one(ctx context.Context) error {
	g.mu.Lock()
	u := g.tape.cut()
	g.mu.Unlock()
	body, err := g.sender.body(u)
	if err != nil {
		return err
	}
	g.sent.Add(int64(len(body))) // before it is answered: others send meanwhile
	out := g.sender.post(ctx, g.sender.target(), u, body)
	if out.status == 0 {
		return out.err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.statuses[out.status]++
	if out.acknowledged() {
		g.accepted += len(body)
	} else if n, err := strconv.Atoi(out.retryAfter); err != nil || n < 1 {
		g.noRetry++
	}
	return nil
}

// refill uses the burst up and measures by how much more than rate is accepted
// from then on, as a share of it.
func (g *greedy) refill(ctx context.Context, rate float64, length time.Duration) (float64, error) {
	for refused := 0; refused < 20; {
		before := g.taken()
		if err := g.one(ctx); err != nil {
			return 0, err
		}
		if g.taken() == before {
			refused++
		}
	}
	start, before := time.Now(), g.taken()
	const senders = 8
	errs := make(chan error, senders)
	for range senders {
		go func() { errs <- g.keepOn(ctx, start.Add(length)) }()
	}
	var err error
	for range senders {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		return 0, err
	}
	given := float64(g.taken()-before) / time.Since(start).Seconds()
	return given/rate - 1, nil
}

// keepOn sends without a break.
func (g *greedy) keepOn(ctx context.Context, end time.Time) error {
	for time.Now().Before(end) {
		if err := g.one(ctx); err != nil {
			return err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
