package rig

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/playhead/playhead/tests/traffic"
)

// Answer is what became of one request.
type Answer struct {
	Raw, Events int
	Records     int           // rows that a collector makes of it
	Took        time.Duration // of the attempt that was acknowledged
	Refused     int           // attempts before it that were not
}

// Lane sends one request after the other over one connection, each until it is
// acknowledged. It is for one goroutine.
type Lane func(context.Context) (Answer, error)

// DriveOptions say how much is sent, and how fast. The first bound that is
// reached ends the load.
type DriveOptions struct {
	Raw      int64         // bytes; 0: no bound
	Duration time.Duration // 0: no bound
	// RawPerSecond is shared by the lanes, each of which keeps its own pace, as
	// browsers do; 0: as fast as acknowledgements come.
	RawPerSecond float64
}

// Load is what was sent and acknowledged.
type Load struct {
	Raw      int64
	Events   int64
	Records  int64
	Requests int
	Refused  int
	Elapsed  time.Duration
	Acks     []time.Duration
}

// RawPerSecond is the rate that was reached.
func (l Load) RawPerSecond() float64 { return float64(l.Raw) / l.Elapsed.Seconds() }

// Drive sends over all lanes at once until a bound is reached.
func Drive(ctx context.Context, lanes []Lane, o DriveOptions) (Load, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		begin   = time.Now()
		sent    atomic.Int64 // by lanes that have taken their share
		results = make([]Load, len(lanes))
		once    sync.Once
		failed  error // the first: it ends the other lanes, which say so
		wait    sync.WaitGroup
	)
	over := func() bool {
		return ctx.Err() != nil || o.Raw > 0 && sent.Load() >= o.Raw || o.Duration > 0 && time.Since(begin) >= o.Duration
	}
	for i, lane := range lanes {
		first := begin.Add(time.Second * time.Duration(i) / time.Duration(len(lanes)))
		wait.Go(func() {
			for !over() {
				if o.RawPerSecond > 0 && !pace(ctx, first, results[i].Raw, o.RawPerSecond/float64(len(lanes))) {
					return
				}
				answer, err := lane(ctx)
				if err != nil {
					once.Do(func() { failed = err })
					cancel()
					return
				}
				sent.Add(int64(answer.Raw))
				results[i].add(answer)
			}
		})
	}
	wait.Wait()
	sum := Load{Elapsed: time.Since(begin)}
	for _, r := range results {
		sum.Raw += r.Raw
		sum.Events += r.Events
		sum.Records += r.Records
		sum.Requests += r.Requests
		sum.Refused += r.Refused
		sum.Acks = append(sum.Acks, r.Acks...)
	}
	return sum, failed
}

func (l *Load) add(a Answer) {
	l.Raw += int64(a.Raw)
	l.Events += int64(a.Events)
	l.Records += int64(a.Records)
	l.Requests++
	l.Refused += a.Refused
	l.Acks = append(l.Acks, a.Took)
}

// pace waits until a load that begins then is no further than its rate allows.
func pace(ctx context.Context, begin time.Time, sent int64, rawPerSecond float64) bool {
	ahead := time.Duration(float64(sent)/rawPerSecond*float64(time.Second)) - time.Since(begin)
	return ahead <= 0 || pause(ctx, ahead)
}

// PlayheadLanes are connections to a server. options is asked for every
// session, which begins then; nil means traffic's defaults.
func PlayheadLanes(p *Playhead, recordings []*traffic.Recording, seed uint64, connections, sessions int, options func(*traffic.Recording) traffic.SessionOptions) []Lane {
	sender := &traffic.Sender{URL: p.URL, Key: Key, Client: traffic.NewClient(connections), Attempts: -1}
	begin := func(r *traffic.Recording) (o traffic.SessionOptions) {
		if options != nil {
			o = options(r)
		}
		o.Began = time.Now()
		return o
	}
	lanes := make([]Lane, connections)
	for i := range lanes {
		uploads := traffic.NewLane(recordings, seed+uint64(i), sessions, begin)
		lanes[i] = func(ctx context.Context) (Answer, error) {
			u := uploads.Next()
			reply, err := sender.Send(ctx, u)
			if err != nil {
				return Answer{}, err
			}
			if reply.Status != http.StatusAccepted {
				return Answer{}, fmt.Errorf("%s: upload %d refused: %d %s", u.Session.Recording.Name, u.Seq, reply.Status, reply.Refusal)
			}
			if u.Last() {
				sender.Forget(u.Session.ID)
			}
			return Answer{Raw: u.RawBytes(), Events: u.Events(), Took: reply.Duration, Refused: reply.Attempts - 1}, nil
		}
	}
	return lanes
}

// UnseenSite gives every session a site of its own. The seed makes the names
// of one run differ from those of another.
func UnseenSite(seed uint64) func(*traffic.Recording) traffic.SessionOptions {
	var n atomic.Uint64
	return func(*traffic.Recording) traffic.SessionOptions {
		return traffic.SessionOptions{Site: fmt.Sprintf("site-%d-%d.example", seed, n.Add(1))}
	}
}

// collectorPause is how long a sender waits when the collector refuses: its
// Retry-After has whole seconds, which would leave it idle.
const collectorPause = 20 * time.Millisecond

// CollectorLanes are connections to a collector.
func CollectorLanes(c *Collector, recordings []*OTLPRecording, seed uint64, connections, sessions int) []Lane {
	client := traffic.NewClient(connections)
	lanes := make([]Lane, connections)
	for i := range lanes {
		requests := NewOTLPLane(recordings, seed+uint64(i), sessions)
		var body []byte
		lanes[i] = func(ctx context.Context) (Answer, error) {
			var request *OTLPRequest
			body, request = requests.Next(body[:0])
			answer, err := postOTLP(ctx, client, c.URL, body)
			answer.Raw, answer.Events, answer.Records = request.RawBytes, request.Events, request.Records
			return answer, err
		}
	}
	return lanes
}

func postOTLP(ctx context.Context, client *http.Client, url string, body []byte) (Answer, error) {
	for refused := 0; ; refused++ {
		begin := time.Now()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return Answer{}, err
		}
		request.Header.Set("Content-Type", "application/x-protobuf")
		request.Header.Set("Content-Encoding", "gzip")
		response, err := client.Do(request)
		if err != nil {
			return Answer{}, fmt.Errorf("send logs: %w", err)
		}
		answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
		response.Body.Close()
		took := time.Since(begin)
		switch {
		case err != nil:
			return Answer{}, fmt.Errorf("read answer: %w", err)
		case response.StatusCode == http.StatusOK:
			return Answer{Took: took, Refused: refused}, nil
		case response.StatusCode != http.StatusTooManyRequests && response.StatusCode < 500:
			return Answer{}, fmt.Errorf("logs refused: %s %s", response.Status, answer)
		}
		if !pause(ctx, collectorPause) {
			return Answer{}, ctx.Err()
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
