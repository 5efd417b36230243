package rig

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/playhead/playhead/tests/traffic"
)

// Crowd is a number of sessions that go on at the same time, each sending when
// its recorder would have. One that ends is followed by another.
type Crowd struct {
	Recordings []*traffic.Recording
	Sessions   int
	// Connections bounds the uploads under way.
	Connections int
	// MostIdle shortens stretches in which nothing was sent: recordings were
	// left open for hours, and such sessions would make the load lighter.
	MostIdle time.Duration
	Seed     uint64
	// Options is asked for every session; nil means traffic's defaults.
	Options func(*traffic.Recording) traffic.SessionOptions
}

// CrowdLoad is what a crowd did.
type CrowdLoad struct {
	Load
	Begun     int           // sessions
	Late      time.Duration // the latest that an upload was sent after its time
	RefusedBy map[int]int   // uploads by the status that refused them for good
	Errors    int           // uploads without an answer, which were sent again
}

// errand is one upload and when it is due.
type errand struct {
	session  *traffic.Session
	times    []time.Duration // when each upload is sent, from the first
	next     int
	due      time.Time
	answered Answer
	status   int
	err      error
}

// errands is a heap by due time.
type errands []*errand

func (e errands) Len() int           { return len(e) }
func (e errands) Less(i, j int) bool { return e[i].due.Before(e[j].due) }
func (e errands) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *errands) Push(x any) { *e = append(*e, x.(*errand)) }

// Pop implements heap.Interface.
func (e *errands) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

// Run sends to a server until the time is over. report is told what there is
// so far, every few seconds.
func (c *Crowd) Run(ctx context.Context, p *Playhead, duration time.Duration, report func(CrowdLoad)) (CrowdLoad, error) {
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	sender := &traffic.Sender{URL: p.URL, Key: Key, Client: traffic.NewClient(c.Connections)}
	defer sender.Client.CloseIdleConnections()
	due, done := make(chan *errand), make(chan *errand)
	var workers sync.WaitGroup
	for range c.Connections {
		workers.Go(func() {
			for e := range due {
				e.send(ctx, sender)
				done <- e
			}
		})
	}
	load, err := c.schedule(ctx, sender, due, done, report)
	close(due)
	workers.Wait()
	return load, err
}

// reportEvery is how often a crowd says how it goes.
const reportEvery = 10 * time.Second

// schedule gives the workers what is due until ctx ends and they are idle.
func (c *Crowd) schedule(ctx context.Context, sender *traffic.Sender, due chan<- *errand, done <-chan *errand, report func(CrowdLoad)) (CrowdLoad, error) {
	var (
		begin   = time.Now()
		deck    = newCrowdDeck(c)
		waiting = deck.steady(begin)
		load    = CrowdLoad{Begun: len(waiting), RefusedBy: map[int]int{}}
		under   = 0 // way
		timer   = time.NewTimer(0)
		reports = time.NewTicker(reportEvery)
	)
	defer timer.Stop()
	defer reports.Stop()
	heap.Init(&waiting)
	for ctx.Err() == nil || under > 0 {
		var out chan<- *errand
		var first *errand
		if len(waiting) > 0 && ctx.Err() == nil {
			first = waiting[0]
			if wait := time.Until(first.due); wait > 0 {
				timer.Reset(wait)
			} else {
				out = due
			}
		}
		select {
		case out <- first:
			load.Late = max(load.Late, time.Since(first.due))
			heap.Pop(&waiting)
			under++
		case e := <-done:
			under--
			if next := load.took(e, sender, deck); next != nil {
				heap.Push(&waiting, next)
			}
		case <-timer.C:
		case <-reports.C:
			load.Elapsed = time.Since(begin)
			report(load)
		case <-stopWhenIdle(ctx, under):
		}
	}
	load.Elapsed = time.Since(begin)
	if load.Requests == 0 {
		return load, errors.New("nothing was acknowledged")
	}
	return load, nil
}

// stopWhenIdle is ready when the time is over; while uploads are under way
// their answers are waited for.
func stopWhenIdle(ctx context.Context, under int) <-chan struct{} {
	if under > 0 {
		return nil
	}
	return ctx.Done()
}

// took counts what became of an upload and returns what its session does next;
// nil at the end of the bench.
func (l *CrowdLoad) took(e *errand, sender *traffic.Sender, deck *crowdDeck) *errand {
	now := time.Now()
	switch {
	case errors.Is(e.err, context.DeadlineExceeded) || errors.Is(e.err, context.Canceled):
		return nil
	case e.err != nil || e.status == http.StatusTooManyRequests || e.status >= 500:
		l.Errors++
		e.due = now.Add(time.Second)
		return e
	case e.status != http.StatusAccepted:
		l.RefusedBy[e.status]++
	default:
		l.add(e.answered)
	}
	e.next++
	if e.next < len(e.times) {
		// As in the recorder, an upload waits for the answer to the one before.
		e.due = later(e.due.Add(e.times[e.next]-e.times[e.next-1]), now)
		return e
	}
	sender.Forget(e.session.ID)
	l.Begun++
	return deck.deal(now)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (e *errand) send(ctx context.Context, sender *traffic.Sender) {
	u := e.session.Upload(e.next)
	reply, err := sender.Send(ctx, u)
	e.err, e.status = err, reply.Status
	e.answered = Answer{Raw: u.RawBytes(), Events: u.Events(), Took: reply.Duration}
}

// crowdDeck deals sessions.
type crowdDeck struct {
	crowd  *Crowd
	random *rand.Rand
	times  [][]time.Duration // of each recording
	deck   []int
}

func newCrowdDeck(c *Crowd) *crowdDeck {
	d := &crowdDeck{crowd: c, random: rand.New(rand.NewPCG(c.Seed, 0))}
	for _, r := range c.Recordings {
		d.times = append(d.times, sendTimes(r, c.MostIdle))
	}
	return d
}

// sendTimes are when the segments of a recording are sent, from its beginning,
// with long pauses shortened.
func sendTimes(r *traffic.Recording, mostIdle time.Duration) []time.Duration {
	times := make([]time.Duration, len(r.Segments))
	var at, before time.Duration
	for i, s := range r.Segments {
		at += min(s.At-before, mostIdle)
		before = s.At
		times[i] = at
	}
	return times
}

// steady are sessions as one finds them at any instant: long ones more often,
// each somewhere in its recording.
func (d *crowdDeck) steady(now time.Time) errands {
	var total time.Duration
	for _, times := range d.times {
		total += times[len(times)-1]
	}
	var all errands
	for range d.crowd.Sessions {
		at := time.Duration(d.random.Float64() * float64(total))
		n := 0
		for at > d.times[n][len(d.times[n])-1] {
			at -= d.times[n][len(d.times[n])-1]
			n++
		}
		all = append(all, d.begin(n, at, now))
	}
	return all
}

// deal begins a session at the beginning of a recording.
func (d *crowdDeck) deal(now time.Time) *errand {
	if len(d.deck) == 0 {
		d.deck = d.random.Perm(len(d.crowd.Recordings))
	}
	n := d.deck[0]
	d.deck = d.deck[1:]
	return d.begin(n, 0, now)
}

// begin makes a session that is `at` into a recording now.
func (d *crowdDeck) begin(n int, at time.Duration, now time.Time) *errand {
	r, times, i := d.crowd.Recordings[n], d.times[n], 0
	for times[i] < at {
		i++
	}
	o := traffic.SessionOptions{}
	if d.crowd.Options != nil {
		o = d.crowd.Options(r)
	}
	due := now.Add(times[i] - at)
	o.Began = due
	return &errand{session: traffic.NewSession(r.From(i), d.random, o), times: times[i:], due: due}
}

// String says what a crowd did, for people.
func (l CrowdLoad) String() string {
	return fmt.Sprintf("%.0f s: %d sessions begun, %d uploads, %.1f MB raw/s, ack p50 %.1f p99 %.1f ms, %d refused, %d without answer, at most %v late",
		l.Elapsed.Seconds(), l.Begun, l.Requests, l.RawPerSecond()/1e6, Percentile(l.Acks, .5), Percentile(l.Acks, .99), l.RefusedForGood(), l.Errors, l.Late.Round(time.Millisecond))
}

// RefusedForGood is the number of uploads that were refused and not sent
// again.
func (l CrowdLoad) RefusedForGood() (n int) {
	for _, uploads := range l.RefusedBy {
		n += uploads
	}
	return n
}
