//go:build unix

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/playhead/playhead/pkg/recording"
)

// sender posts segments as recorders do and tells the oracle what was
// acknowledged. It is safe for concurrent use.
type sender struct {
	client *http.Client
	key    string
	oracle *oracle
	target func() string // where to send now; empty: nowhere

	mu     sync.Mutex
	tokens map[recording.SessionID]string
}

func newSender(o *oracle, target func() string) *sender {
	return &sender{
		client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}},
		key:    mainKey, oracle: o, target: target, tokens: map[recording.SessionID]string{},
	}
}

// outcome is what became of one attempt.
type outcome struct {
	status     int // 0: no answer
	err        error
	cut        bool // acknowledged, and then the connection failed
	snapshot   bool // the server asks for a full snapshot
	retryAfter string
	problem    string // body of a refusal
	took       time.Duration
}

func (o outcome) acknowledged() bool { return o.status == http.StatusAccepted && o.err == nil }

// reply is what a server says to an accepted upload.
type reply struct {
	Accepted int    `json:"accepted"`
	Snapshot bool   `json:"snapshot"`
	Token    string `json:"token"`
}

// send makes one attempt.
func (s *sender) send(ctx context.Context, u *upload) outcome {
	return s.sendTo(ctx, s.target(), u)
}

func (s *sender) sendTo(ctx context.Context, base string, u *upload) outcome {
	if base == "" {
		return outcome{err: fmt.Errorf("no server listens")}
	}
	body, err := s.body(u)
	if err != nil {
		return outcome{err: err}
	}
	return s.post(ctx, base, u, body)
}

// post makes one attempt with a body that is ready.
func (s *sender) post(ctx context.Context, base string, u *upload, body []byte) outcome {
	s.oracle.offer(u)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/segments", bytes.NewReader(body))
	if err != nil {
		return outcome{err: err}
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set("Content-Encoding", "gzip")
	out, data := exchange(s.client, r)
	if out.status != http.StatusAccepted {
		out.problem = string(data)
		return out
	}
	if out.err != nil {
		out.cut = true
		return out
	}
	var said reply
	if out.err = json.Unmarshal(data, &said); out.err != nil {
		return out
	}
	out.snapshot = said.Snapshot
	s.remember(u.id.Session, said.Token)
	s.oracle.acknowledge(u)
	return out
}

// exchange sends a request and reads the answer.
func exchange(client *http.Client, r *http.Request) (outcome, []byte) {
	start := time.Now()
	answer, err := client.Do(r)
	if err != nil {
		return outcome{err: err, took: time.Since(start)}, nil
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	return outcome{status: answer.StatusCode, err: err, retryAfter: answer.Header.Get("Retry-After"), took: time.Since(start)}, data
}

func (s *sender) remember(id recording.SessionID, token string) {
	if token == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[id] = token
}

func (s *sender) token(id recording.SessionID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens[id]
}

// gzips are writers that are used again: making one costs more than what it
// writes, and senders share processors with the servers that rows measure.
var gzips = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // a constant level
	}
	return z
}}

// body writes an upload as docs/format/wire-v1.md says, gzipped.
func (s *sender) body(u *upload) ([]byte, error) {
	head, err := s.head(u)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z := gzips.Get().(*gzip.Writer)
	defer gzips.Put(z)
	z.Reset(&b)
	for _, part := range [][]byte{head, u.events} {
		if _, err := z.Write(part); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (s *sender) head(u *upload) ([]byte, error) {
	header := map[string]any{
		"v": 1, "session_id": u.id.Session, "window_id": u.id.Window, "page_id": u.page, "seq": u.id.Seq,
		"sent_at": time.Now().UnixMilli(), "reason": "sampled",
		"recorder": map[string]string{"name": "playhead", "version": "1.0.0", "rrweb": "2.1.6"},
		"page":     map[string]any{"url": "https://shop.example.com/cart"},
	}
	if token := s.token(u.id.Session); token != "" {
		header["token"] = token
	}
	for name, value := range u.header {
		header[name] = value
	}
	line, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("encode header: %w", err)
	}
	return append(line, '\n'), nil
}

// deliver sends until the segment is acknowledged; the error says that it is
// refused for good, or that ctx ended first. Unlike a recorder it does not
// wait for as long as Retry-After says: the rows have little time.
func (s *sender) deliver(ctx context.Context, u *upload) error {
	for {
		out := s.send(ctx, u)
		switch {
		case out.acknowledged():
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case out.status >= 400 && out.status < 500 && out.status != http.StatusTooManyRequests && out.status != http.StatusRequestTimeout:
			return fmt.Errorf("segment refused with %d: %s", out.status, out.problem)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// load is a constant stream of segments.
type load struct {
	rate    int // segments a second
	workers int // each with a session of its own
	length  int // segments of a session; then a new one begins
	name    string
	shape   func(*tape)

	// Without patience a refused or failed segment is given up and the next
	// one is sent; with it, it is sent until it is acknowledged.
	patient bool
}

// tally counts what became of the attempts of a load.
type tally struct {
	sent, acknowledged, refused, failed, cut atomic.Int64

	mu       sync.Mutex
	stretch  *stretch // that attempts begin in
	statuses map[int]int
	noRetry  int // 429 and 503 without Retry-After
}

// stretch is the attempts that began within a while.
type stretch struct {
	running sync.WaitGroup
	latency []time.Duration // of those that were acknowledged
}

// begin notes that an attempt begins.
func (c *tally) begin() *stretch {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stretch == nil {
		c.stretch = &stretch{}
	}
	c.stretch.running.Add(1)
	return c.stretch
}

// latencies ends a stretch, and returns the latencies of the acknowledged
// attempts that began in it: what is slow in a fault counts as of the fault,
// also when it ends later, and what began before it does not.
func (c *tally) latencies() []time.Duration {
	c.mu.Lock()
	ended := c.stretch
	c.stretch = nil
	c.mu.Unlock()
	if ended == nil {
		return nil
	}
	ended.running.Wait()
	return ended.latency
}

// note notes what became of an attempt that began in a stretch.
func (c *tally) note(in *stretch, out outcome) {
	defer in.running.Done()
	c.sent.Add(1)
	switch {
	case out.cut:
		c.cut.Add(1)
	case out.status == 0:
		c.failed.Add(1)
	case out.acknowledged():
		c.acknowledged.Add(1)
	default:
		c.refused.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.statuses == nil {
		c.statuses = map[int]int{}
	}
	c.statuses[out.status]++
	if out.acknowledged() {
		in.latency = append(in.latency, out.took)
	}
	if out.status == http.StatusTooManyRequests || out.status == http.StatusServiceUnavailable {
		if n, err := strconv.Atoi(out.retryAfter); err != nil || n < 1 {
			c.noRetry++
		}
	}
}

// stream sends a load until stopped is closed or ctx ends; segments under way
// are finished.
func (s *sender) stream(ctx context.Context, seed uint64, l load, stopped <-chan struct{}, c *tally) error {
	slots := make(chan struct{}, l.rate)
	var working sync.WaitGroup
	errs := make(chan error, l.workers)
	for w := range l.workers {
		working.Go(func() { errs <- s.work(ctx, seed, l, w, slots, stopped, c) })
	}
	s.pace(ctx, l.rate, slots, stopped)
	close(slots)
	working.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// pace hands out slots at a rate. Slots that nobody takes for a second are
// dropped: a server that was away is not flooded by what it missed.
func (s *sender) pace(ctx context.Context, rate int, slots chan<- struct{}, stopped <-chan struct{}) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	start, given := time.Now(), 0
	for {
		select {
		case <-ticker.C:
		case <-stopped:
			return
		case <-ctx.Done():
			return
		}
		for due := int(time.Since(start).Seconds() * float64(rate)); given < due; given++ {
			select {
			case slots <- struct{}{}:
			default:
			}
		}
	}
}

func (s *sender) work(ctx context.Context, seed uint64, l load, worker int, slots <-chan struct{}, stopped <-chan struct{}, c *tally) error {
	var t *tape
	for n := 0; ; n++ {
		if n%l.length == 0 {
			t = newTape(seed, fmt.Sprintf("%s-%d-%d", l.name, worker, n))
			if l.shape != nil {
				l.shape(t)
			}
		}
		if _, ok := <-slots; !ok {
			return nil
		}
		if err := s.persist(ctx, t.cut(), l.patient, stopped, c); err != nil {
			return err
		}
	}
}

// persist sends one segment of a load.
func (s *sender) persist(ctx context.Context, u *upload, patient bool, stopped <-chan struct{}, c *tally) error {
	for {
		in := c.begin()
		out := s.send(ctx, u)
		if ctx.Err() != nil {
			in.running.Done()
			return ctx.Err()
		}
		c.note(in, out)
		if out.status == http.StatusBadRequest {
			return fmt.Errorf("the suite's segment is refused: %s", out.problem)
		}
		if out.acknowledged() || !patient {
			return nil
		}
		select {
		case <-stopped:
			return nil
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
