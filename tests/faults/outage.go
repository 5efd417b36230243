//go:build unix

package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// flow is a load that runs beside what a row does.
type flow struct {
	tally
	stopped chan struct{}
	done    chan error
}

// begin starts a load.
func (t *trial) begin(s *sender, l load) *flow {
	f := &flow{stopped: make(chan struct{}), done: make(chan error, 1)}
	seed := t.rng.Uint64()
	go func() { f.done <- s.stream(t.ctx, seed, l, f.stopped, &f.tally) }()
	return f
}

// end stops the load and waits for it.
func (f *flow) end() error {
	close(f.stopped)
	return <-f.done
}

// count returns the attempts so far.
func (f *flow) count() (acknowledged, others int64) {
	return f.acknowledged.Load(), f.refused.Load() + f.failed.Load() + f.cut.Load()
}

// percentile returns the nearest rank; 0 of nothing.
func percentile(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}

// dice throws for many goroutines.
type dice struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (t *trial) dice() *dice {
	return &dice{rng: rand.New(rand.NewPCG(t.rng.Uint64(), t.rng.Uint64()))} //nolint:gosec // repeatable on purpose
}

func (d *dice) float() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.Float64()
}

// nominal is the load of the rows in which a store is away: segments of a few
// KiB, as the recorder sends them while little happens.
func nominal(rate int, name string) load {
	return load{rate: rate, workers: 16, length: 150, name: name, shape: func(t *tape) { t.text = 600 }}
}

// memoryLimit is what the server may have resident (design, numbers to reach).
const memoryLimit = 200 << 20

// bucketAway is row 5: object storage is away, first refusing connections, then
// without any answer. The journal is as small in proportion as the outage is
// short, so that it fills up.
func bucketAway(t *trial) error {
	const rate = 100
	outage := t.pickTime(60*time.Second, 4*time.Second)
	v, err := t.openVault()
	if err != nil {
		return err
	}
	config := t.settings(v, "ingest").with("journal", "file_bytes", 64<<10).with("journal", "max_bytes", int(outage.Seconds())*rate*1000)
	srv, err := t.serve("ingest", config)
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	f := t.begin(s, nominal(rate, "away"))
	out, err := t.takeBucketAway(srv, f, outage, rate)
	if err = errors.Join(err, f.end()); err != nil {
		return err
	}
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	_, peak, err := srv.memory()
	if err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("outage_s", outage.Seconds())
	t.figure("acked_while_away", float64(out.acknowledged))
	t.figure("refused_503", float64(out.refused))
	t.figure("backlog_segments", float64(out.backlog))
	t.figure("drained_s", out.drained.Seconds())
	t.figure("catchup_ratio", out.ratio)
	t.figure("rss_peak_mb", peak/1e6)
	t.judge(result)
	t.expect(out.acknowledged > 0 && out.refused > 0, "%d acknowledged and %d refused while away: both must happen", out.acknowledged, out.refused)
	t.expect(onlyStatuses(&f.tally, 202, 503), "answers besides 202 and 503: %v", f.statuses)
	t.expect(f.noRetry == 0, "%d refusals have no Retry-After", f.noRetry)
	t.expect(out.drained < outage/2+30*time.Second, "the backlog is stored only after %s", out.drained)
	t.expect(peak < memoryLimit, "%.0f MB resident", peak/1e6)
	return nil
}

// awayResult is what happened while a store was away and when it returned.
type awayResult struct {
	acknowledged, refused int64
	backlog               int
	drained               time.Duration
	ratio                 float64 // of the speed of catching up to that of arrival
}

func (t *trial) takeBucketAway(srv *server, f *flow, outage time.Duration, rate int) (out awayResult, err error) {
	if err := pause(t.ctx, time.Second); err != nil {
		return out, err
	}
	acknowledged, refused := f.count()
	for _, how := range []fault{reset, hang} {
		t.s3.behave(always(how))
		if err := pause(t.ctx, outage/2); err != nil {
			return out, err
		}
	}
	nowAcknowledged, nowRefused := f.count()
	out.acknowledged, out.refused = nowAcknowledged-acknowledged, nowRefused-refused
	if out.backlog, err = srv.backlog(); err != nil {
		return out, err
	}
	t.s3.behave(nil)
	start := time.Now()
	err = t.until(3*time.Minute, "the backlog is stored", func() bool {
		n, err := srv.backlog()
		return err == nil && n < rate // a second's worth is always on its way
	})
	out.drained = time.Since(start)
	out.ratio = float64(out.backlog) / out.drained.Seconds() / float64(rate)
	return out, err
}

// bucketIll is row 6: object storage fails a fifth of all requests, and then
// takes two seconds for each besides.
func bucketIll(t *trial) error {
	const rate, share = 200, 0.20
	v, err := t.openVault()
	if err != nil {
		return err
	}
	srv, err := t.serve("ingest", t.settings(v, "ingest").with("flush", "pack_age", "20ms"))
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	f := t.begin(s, nominal(rate, "ill"))
	dice := t.dice()
	attempts := newAttempts()
	ill := func(latency time.Duration) behaviour {
		return func(r *http.Request) treatment {
			attempts.note(r)
			out := treatment{latency: latency}
			switch at := dice.float(); {
			case at < share*0.4:
				out.fault = fail503
			case at < share*0.8:
				out.fault = fail500
			case at < share:
				out.fault = truncated
			}
			return out
		}
	}
	crowd, err := t.watch(srv, "go_goroutines", func() error {
		for _, latency := range []time.Duration{0, 2 * time.Second} {
			t.s3.behave(ill(latency))
			if err := pause(t.ctx, t.pickTime(25*time.Second, 2*time.Second)); err != nil {
				return err
			}
		}
		return nil
	})
	if err = errors.Join(err, f.end()); err != nil {
		return err
	}
	t.s3.behave(nil)
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	if err := srv.drained(2 * time.Minute); err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	requests, objects := attempts.counts()
	amplification := float64(requests) / float64(max(1, objects))
	t.figure("puts", float64(requests))
	t.figure("objects", float64(objects))
	t.figure("amplification", amplification)
	t.figure("goroutines_max", crowd)
	t.judge(result)
	t.expect(onlyStatuses(&f.tally, 202), "answers besides 202: %v", f.statuses)
	t.expect(amplification < 1.5 || t.short, "%d requests for %d objects", requests, objects)
	t.expect(crowd > 0 && crowd < 300, "%v goroutines", crowd)
	return nil
}

// attempts counts the requests that store something, and what they store.
type attempts struct {
	mu       sync.Mutex
	requests int
	objects  map[string]bool
}

func newAttempts() *attempts { return &attempts{objects: map[string]bool{}} }

func (a *attempts) note(r *http.Request) {
	if r.Method != http.MethodPut {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests++
	a.objects[r.URL.Path] = true
}

func (a *attempts) counts() (requests, objects int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests, len(a.objects)
}

// watch samples a metric while do runs, and returns the largest value.
func (t *trial) watch(srv *server, metric string, do func() error) (largest float64, err error) {
	ctx, cancel := context.WithCancel(t.ctx)
	samples := make(chan float64, 1)
	go func() {
		top := 0.0
		for pause(ctx, 20*time.Millisecond) == nil {
			if value, _, err := srv.metric(metric); err == nil {
				top = max(top, value)
			}
		}
		samples <- top
	}()
	err = do()
	cancel()
	return <-samples, err
}

// indexAway is row 7: ClickHouse is away again and again, in turns refusing
// connections and not answering. Acknowledging must not feel it.
func indexAway(t *trial) error {
	const rate = 200
	v, err := t.openVault()
	if err != nil {
		return err
	}
	srv, err := t.serve("ingest", t.settings(v, "ingest"))
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	f := t.begin(s, nominal(rate, "index"))
	var away, complete time.Duration
	err = pause(t.ctx, time.Second) // the first requests make connections
	var c comparison
	if err == nil {
		c, err = t.compare(func() ([]turn, error) { return t.takeIndexAway(srv, f, rate, &away, &complete) })
	}
	if err = errors.Join(err, f.end()); err != nil {
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
	t.figure("away_s", away.Seconds())
	t.figure("complete_s", complete.Seconds())
	t.judgeP99(c, "while the index is away")
	t.judge(result)
	t.expect(onlyStatuses(&f.tally, 202), "answers besides 202: %v", f.statuses)
	t.expect(complete < 2*time.Minute, "the index is complete only after %s", complete)
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// takeIndexAway returns the latencies with and without the index, and notes how
// long it was away and the longest time until it was complete again.
func (t *trial) takeIndexAway(srv *server, f *flow, rate int, away, complete *time.Duration) (turns []turn, err error) {
	each := t.pickTime(3*time.Second, time.Second)
	for range t.pick(3, 1) {
		for _, how := range []fault{reset, hang} {
			f.latencies()
			if err := pause(t.ctx, each); err != nil {
				return nil, err
			}
			there := f.latencies()
			t.clickhouse.behave(always(how))
			if err := pause(t.ctx, each); err != nil {
				return nil, err
			}
			*away += each
			turns = append(turns, turn{there, f.latencies()})
			t.clickhouse.behave(nil)
			start := time.Now()
			err := t.until(2*time.Minute, "the index is complete", func() bool {
				n, err := srv.backlog()
				return err == nil && n < rate
			})
			if err != nil {
				return nil, err
			}
			*complete = max(*complete, time.Since(start))
		}
	}
	return turns, nil
}

// replyLost is row 8: ClickHouse does what it is asked to and the answer is
// lost, a thousand times. Many servers share the work: a server waits a second
// before it tries again, so that each loses less than one answer a second.
func replyLost(t *trial) error {
	servers := t.pick(16, 8)
	want := int64(t.pick(1000, 30))
	v, err := t.openVault()
	if err != nil {
		return err
	}
	dice := t.dice()
	t.clickhouse.behave(func(r *http.Request) treatment {
		if isInsert(r) && dice.float() < 0.4 {
			return treatment{fault: lostReply}
		}
		return treatment{}
	})
	o := newOracle()
	var flows []*flow
	var running []*server
	for i := range servers {
		srv, err := t.serve(fmt.Sprintf("ingest%d", i), t.settings(v, fmt.Sprintf("ingest%d", i)).with("flush", "pack_age", "10ms"))
		if err != nil {
			return err
		}
		running = append(running, srv)
		l := load{rate: 10, workers: 2, length: 50, name: fmt.Sprintf("lost-%d", i)}
		flows = append(flows, t.begin(newSender(o, srv.url), l))
	}
	err = t.until(5*time.Minute, "enough answers are lost", func() bool { return t.clickhouse.faults.Load() >= want })
	for _, f := range flows {
		err = errors.Join(err, f.end())
	}
	t.clickhouse.behave(nil)
	if err != nil {
		return err
	}
	for _, srv := range running {
		if err := srv.drained(time.Minute); err != nil {
			return err
		}
	}
	if err := t.lifeAfter(newSender(o, running[0].url), v); err != nil {
		return err
	}
	lost := t.clickhouse.faults.Load()
	result, err := o.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("replies_lost", float64(lost))
	t.figure("wrong_totals", float64(result.totals))
	t.judge(result)
	return nil
}

// isInsert says whether a request to ClickHouse writes. clickhouse-go puts the
// statement of an insert into the query, and the rows into the body.
func isInsert(r *http.Request) bool {
	return strings.Contains(strings.ToUpper(r.URL.Query().Get("query")), "INSERT")
}

// repeated is row 9: every segment is sent three times at the same time, each
// time to another server on the same stores.
func repeated(t *trial) error {
	const servers = 3
	sessions, length := t.pick(20, 4), t.pick(50, 20)
	v, err := t.openVault()
	if err != nil {
		return err
	}
	o := newOracle()
	var senders []*sender
	var running []*server
	for i := range servers {
		name := fmt.Sprintf("ingest%d", i)
		srv, err := t.serve(name, t.settings(v, name))
		if err != nil {
			return err
		}
		running = append(running, srv)
		senders = append(senders, newSender(o, srv.url))
	}
	if err := t.sendThrice(senders, sessions, length); err != nil {
		return err
	}
	for _, srv := range running {
		if err := srv.drained(time.Minute); err != nil {
			return err
		}
	}
	if err := t.lifeAfter(senders[0], v); err != nil {
		return err
	}
	result, err := o.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("deliveries", float64(servers*sessions*length))
	t.judge(result)
	return nil
}

// sendThrice plays sessions at once; within one, each segment goes to all
// servers before the next one is made.
func (t *trial) sendThrice(senders []*sender, sessions, length int) error {
	errs := make(chan error, sessions)
	for i := range sessions {
		seed := t.rng.Uint64()
		go func() {
			tape := newTape(seed, fmt.Sprintf("thrice-%d", i))
			for range length {
				if err := everywhere(t.ctx, senders, tape.cut()); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var all error
	for range sessions {
		all = errors.Join(all, <-errs)
	}
	return all
}

func everywhere(ctx context.Context, senders []*sender, u *upload) error {
	errs := make(chan error, len(senders))
	for _, s := range senders {
		go func() { errs <- s.deliver(ctx, u) }()
	}
	var all error
	for range senders {
		all = errors.Join(all, <-errs)
	}
	return all
}
