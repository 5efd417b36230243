//go:build unix

package faults

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
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
	g := newGreedy(srv)
	share, refillErr := 0.0, error(nil)
	c, err := t.compare(func() (turns []turn, err error) {
		for range t.pick(5, 1) {
			f.latencies()
			if err := pause(t.ctx, 2*time.Second); err != nil {
				return nil, err
			}
			alone := f.latencies()
			got, err := g.exceed(t.ctx, 10*rate, 2*time.Second)
			if err != nil {
				return nil, err
			}
			share = max(share, got)
			turns = append(turns, turn{alone, f.latencies()})
		}
		return turns, nil
	})
	if err == nil {
		var given float64
		given, refillErr = g.refill(t.ctx, rate, t.pickTime(10*time.Second, 3*time.Second))
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
	t.figure("refused_429", float64(g.statuses[http.StatusTooManyRequests]))
	t.judgeP99(c, "beside a key at ten times its quota")
	t.judge(result)
	t.expect(g.statuses[http.StatusTooManyRequests] > 0, "nothing was refused with 429: %v", g.statuses)
	t.expect(len(g.statuses) == 2, "answers besides 202 and 429: %v", g.statuses)
	t.expect(g.noRetry == 0, "%d refusals have no Retry-After", g.noRetry)
	t.expect(onlyStatuses(&f.tally, 202), "the other key is answered %v", f.statuses)
	return nil
}

// greedy is a sender that does not care for its quota.
type greedy struct {
	sender *sender
	tape   *tape

	mu       sync.Mutex
	statuses map[int]int
	noRetry  int
	accepted int // bytes of bodies
}

func newGreedy(srv *server) *greedy {
	g := &greedy{sender: newSender(newOracle(), srv.url), tape: newTape(1, "greedy"), statuses: map[int]int{}}
	g.sender.key = greedyKey
	g.tape.project, g.tape.text = "greedy", 1000
	return g
}

// exceed sends bytes per second in bursts of a tenth of a second and returns
// what share was accepted.
func (g *greedy) exceed(ctx context.Context, bytesPerSecond int, length time.Duration) (float64, error) {
	sent, before := 0, g.taken()
	for end := time.Now().Add(length); time.Now().Before(end); {
		next := time.Now().Add(100 * time.Millisecond)
		for burst := 0; burst < bytesPerSecond/10; {
			n, err := g.one(ctx)
			if err != nil {
				return 0, err
			}
			burst, sent = burst+n, sent+n
		}
		if err := pause(ctx, time.Until(next)); err != nil {
			return 0, err
		}
	}
	return float64(g.taken()-before) / float64(sent), nil
}

func (g *greedy) taken() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.accepted
}

// one sends one segment and returns the size of its body.
func (g *greedy) one(ctx context.Context) (int, error) {
	g.mu.Lock()
	u := g.tape.cut()
	g.mu.Unlock()
	body, err := g.sender.body(u)
	if err != nil {
		return 0, err
	}
	out := g.sender.send(ctx, u)
	if out.status == 0 {
		return 0, out.err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.statuses[out.status]++
	if out.acknowledged() {
		g.accepted += len(body)
	} else if n, err := strconv.Atoi(out.retryAfter); err != nil || n < 1 {
		g.noRetry++
	}
	return len(body), nil
}

// refill uses the burst up and measures by how much more than rate is accepted
// from then on, as a share of it.
func (g *greedy) refill(ctx context.Context, rate float64, length time.Duration) (float64, error) {
	for refused := 0; refused < 20; {
		before := g.taken()
		if _, err := g.one(ctx); err != nil {
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
		if _, err := g.one(ctx); err != nil {
			return err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// hostile is a request that must be refused.
type hostile struct {
	name     string
	encoding string
	body     func() io.Reader
	declared int64 // Content-Length; -1: chunked
	statuses []int // that are right
}

// bombSize is what the bombs become.
const bombSize = 1 << 30

func bombs(seed *tape, s *sender) ([]hostile, error) {
	head, err := s.head(seed.cut())
	if err != nil {
		return nil, err
	}
	zeros := make([]byte, 1<<20)
	gz, err := gzipOf(head)
	if err != nil {
		return nil, err
	}
	member, err := gzipOf(zeros)
	if err != nil {
		return nil, err
	}
	gz = append(gz, bytes.Repeat(member, bombSize>>20)...)
	twice, err := gzipOf(gz)
	if err != nil {
		return nil, err
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		return nil, err
	}
	frames := append(encoder.EncodeAll(head, nil), bytes.Repeat(encoder.EncodeAll(zeros, nil), bombSize>>20)...)
	tooLarge, unsupported := []int{413}, []int{415}
	whole := func(b []byte) func() io.Reader { return func() io.Reader { return bytes.NewReader(b) } }
	endless := func() io.Reader { return io.LimitReader(endlessZeros{}, bombSize) }
	return []hostile{
		{"gzip", "gzip", whole(gz), int64(len(gz)), tooLarge},
		{"zstd", "zstd", whole(frames), int64(len(frames)), tooLarge},
		{"zstd_window", "zstd", whole(hugeWindow()), int64(len(hugeWindow())), []int{400, 413}},
		{"identity", "identity", endless, bombSize, tooLarge},
		{"identity_chunked", "identity", endless, -1, tooLarge},
		{"gzip_in_gzip", "gzip", whole(twice), int64(len(twice)), []int{400, 413}},
		{"gzip_gzip", "gzip, gzip", whole(twice), int64(len(twice)), unsupported},
		{"br", "br", whole(gz), int64(len(gz)), unsupported},
		{"deflate", "deflate", whole(gz), int64(len(gz)), unsupported},
	}, nil
}

type endlessZeros struct{}

// Read gives zeros.
func (endlessZeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func gzipOf(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// hugeWindow is a zstd frame (RFC 8878) that asks for the largest window there
// is and repeats one byte for a GiB.
func hugeWindow() []byte {
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 31<<3 | 7}
	const block = 128 << 10
	for range bombSize / block {
		head := uint32(block)<<3 | 1<<1 // run of one byte, not the last block
		b = append(b, byte(head), byte(head>>8), byte(head>>16), 'x')
	}
	return b
}

// post sends a hostile request and returns the status; 0 when the server ended
// the connection.
func (h *hostile) post(ctx context.Context, client *http.Client, base, key string) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/segments", h.body())
	if err != nil {
		return 0, nil, err
	}
	r.ContentLength = h.declared
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set("Content-Encoding", h.encoding)
	// As any careful client does with a large body.
	r.Header.Set("Expect", "100-continue")
	out, body := exchange(client, r)
	return out.status, body, nil
}

// loner is a client whose connections nobody shares.
func loner() *http.Client {
	return &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 2 * time.Second}}
}

// memoryGrowth runs do and returns by how much the resident memory grew at
// most, and what processor time the server used.
func (t *trial) memoryGrowth(srv *server, do func() error) (growth float64, cpu time.Duration, err error) {
	if err := srv.forgetPeak(); err != nil {
		return 0, 0, err
	}
	before, _, err := srv.memory()
	if err != nil {
		return 0, 0, err
	}
	started, err := srv.cpu()
	if err != nil {
		return 0, 0, err
	}
	if err := do(); err != nil {
		return 0, 0, err
	}
	_, peak, err := srv.memory()
	if err != nil {
		return 0, 0, err
	}
	ended, err := srv.cpu()
	return peak - before, ended - started, err
}

// warmUp gives a server its working memory: buffers, connections, the stacks
// of its goroutines.
func (t *trial) warmUp(s *sender) error {
	f := t.begin(s, load{rate: 300, workers: 16, length: 50, name: "warm", shape: func(t *tape) { t.text = 2000 }})
	err := pause(t.ctx, t.pickTime(3*time.Second, time.Second))
	return errors.Join(err, f.end())
}

// bombed is row 15: bodies of a MiB and less that become a GiB, each alone and a
// hundred at once, while somebody else sends.
func bombed(t *trial) error {
	v, err := t.openVault()
	if err != nil {
		return err
	}
	srv, err := t.serve("ingest", t.settings(v, "ingest"))
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	all, err := bombs(newTape(t.rng.Uint64(), "bomb"), s)
	if err != nil {
		return err
	}
	if err := t.warmUp(s); err != nil {
		return err
	}
	client := loner()
	wrong := 0
	for _, h := range all {
		status, body, err := h.post(t.ctx, client, srv.url(), mainKey)
		if err != nil {
			return err
		}
		if !contains(h.statuses, status) {
			wrong++
			t.note("%s is answered %d: %.200s", h.name, status, body)
		}
	}
	const parallel = 100
	f := t.begin(s, nominal(50, "beside"))
	heapBefore, _, err := srv.metric("go_memstats_heap_inuse_bytes")
	if err != nil {
		return err
	}
	var heap float64
	growth, cpu, err := t.memoryGrowth(srv, func() (err error) {
		heap, err = t.watch(srv, "go_memstats_heap_inuse_bytes", func() error { return throw(t.ctx, client, srv, all, parallel) })
		return err
	})
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
	t.figure("wrong_answers", float64(wrong))
	t.figure("memory_growth_mb", growth/1e6)
	t.figure("heap_growth_mb", (heap-heapBefore)/1e6)
	t.figure("cpu_ms_each", milliseconds(cpu)/parallel)
	t.judge(result)
	t.expect(wrong == 0, "%d bombs are answered wrongly", wrong)
	t.expect(heap-heapBefore < 64<<20, "the heap grew by %.0f MB", (heap-heapBefore)/1e6)
	t.expect(cpu/parallel < 200*time.Millisecond, "a bomb costs %s", cpu/parallel)
	t.expect(onlyStatuses(&f.tally, 202), "others are answered %v meanwhile", f.statuses)
	return nil
}

func contains(list []int, n int) bool {
	for _, x := range list {
		if x == n {
			return true
		}
	}
	return false
}

// throw sends n hostile requests at once.
func throw(ctx context.Context, client *http.Client, srv *server, all []hostile, n int) error {
	errs := make(chan error, n)
	for i := range n {
		go func() {
			_, _, err := all[i%len(all)].post(ctx, client, srv.url(), mainKey)
			errs <- err
		}()
	}
	var err error
	for range n {
		err = errors.Join(err, <-errs)
	}
	return err
}

// strange is a body that a parser may choke on.
type strange struct {
	name     string
	event    string // the line
	statuses []int  // that are right
}

// strangeBodies are events that are too much of something, or not JSON, or JSON
// that other parsers read differently. Some may be taken, and are then stored as
// they came: many values within the limits of size cost a reader of bytes
// nothing; the last of repeated names counts, as in JavaScript; and browsers do
// write lone surrogates.
func strangeBodies() []strange {
	wrap := func(data string) string { return `{"type":3,"timestamp":1763791872123,"data":` + data + `}` }
	keys := func(n int) string {
		var b strings.Builder
		b.WriteString(`{"k":0`)
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":0`, i)
		}
		b.WriteByte('}')
		return b.String()
	}
	refused := []int{400, 413, 422}
	return []strange{
		{"depth_5m", wrap(strings.Repeat("[", 5_000_000) + strings.Repeat("]", 100)), refused},
		{"empty_objects_6_5m", wrap("[" + strings.Repeat("{},", 6_500_000) + "{}]"), append(refused, 202)},
		{"empty_objects_2_6m", wrap("[" + strings.Repeat("{},", 2_600_000) + "{}]"), append(refused, 202)},
		{"keys_1_2m", wrap(keys(1_200_000)), append(refused, 202)},
		{"keys_500k", wrap(keys(500_000)), append(refused, 202)},
		{"number_1mb", `{"type":3,"timestamp":` + strings.Repeat("1", 1<<20) + `,"data":{}}`, refused},
		{"nul", wrap("\"a\x00b\""), refused},
		{"bad_utf8", wrap("\"a\xff\xfeb\""), refused},
		{"overlong_utf8", wrap("\"a\xc0\xafb\""), refused},
		{"raw_newline_split", `{"type":3,` + "\n" + `"timestamp":1763791872123}`, refused},
		{"not_closed", `{"type":3,"timestamp":1763791872123,"data":{`, refused},
		{"duplicate_keys", `{"type":2,"type":3,"timestamp":1,"timestamp":1763791872123,"data":{"source":1,"source":0}}`, append(refused, 202)},
		{"lone_surrogates", wrap(`"\ud800 \udfff"`), append(refused, 202)},
	}
}

// usualGrowth is by how much the resident memory of a server comes and goes
// without any hostile body, and how much of a body's growth is not looked at.
const usualGrowth = 8 << 20

// hostileJSON is row 16.
func hostileJSON(t *trial) error {
	v, err := t.openVault()
	if err != nil {
		return err
	}
	// Or the bodies would be refused as bombs, before anything reads them.
	srv, err := t.serve("ingest", t.settings(v, "ingest").with("limits", "decompression_ratio", 100_000))
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	if err := t.warmUp(s); err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	wrong, worst := 0, 0.0
	for _, b := range strangeBodies() {
		u := newTape(t.rng.Uint64(), b.name).cut()
		u.events, u.count, u.moments = []byte(b.event+"\n"), 1, 0
		var out outcome
		growth, _, err := t.memoryGrowth(srv, func() error {
			out = s.send(t.ctx, u)
			if out.acknowledged() {
				return srv.drained(time.Minute)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if !contains(b.statuses, out.status) {
			wrong++
			t.note("%s is answered %d: %s %v", b.name, out.status, out.problem, out.err)
		}
		factor := max(0, growth-usualGrowth) / float64(len(u.events))
		t.note("%s: %d, memory grew by %.1f MB, %.1f bodies", b.name, out.status, growth/1e6, factor)
		worst = max(worst, factor)
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
	t.figure("bodies", float64(len(strangeBodies())))
	t.figure("wrong_answers", float64(wrong))
	t.figure("memory_per_body", worst)
	t.judge(result)
	t.expect(wrong == 0, "%d bodies are answered wrongly", wrong)
	t.expect(worst <= 3, "memory grew by %.1f times the body", worst)
	return nil
}

// crowd is many connections that do next to nothing.
type crowd struct {
	mu    sync.Mutex
	conns []net.Conn
}

// slowKinds are the beginnings of requests that never end: nothing at all, half
// a head, and a head with a body of which one byte comes now and then.
var slowKinds = []string{
	"",
	"POST /v1/segments HTTP/1.1\r\nHost: x\r\nX-Slow: ",
	"POST /v1/segments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + greedyKey + "\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n{",
}

// gathering is how many connections a crowd makes in a second: it is slow, no
// flood.
const gathering = 2000

// open makes n connections, and says how many were made.
func (c *crowd) open(ctx context.Context, address string, n int) (made int) {
	const dialers = 64
	var dialing sync.WaitGroup
	turns := make(chan int)
	dialing.Go(func() {
		defer close(turns)
		start := time.Now()
		for i := range n {
			if pause(ctx, time.Until(start.Add(time.Duration(i)*time.Second/gathering))) != nil {
				return
			}
			turns <- i
		}
	})
	for range dialers {
		dialing.Go(func() {
			dialer := net.Dialer{Timeout: 10 * time.Second}
			for i := range turns {
				conn, err := dialer.DialContext(ctx, "tcp", address)
				if err != nil {
					continue
				}
				_, _ = conn.Write([]byte(slowKinds[i%len(slowKinds)])) // the server may have had enough
				c.mu.Lock()
				c.conns = append(c.conns, conn)
				c.mu.Unlock()
			}
		})
	}
	dialing.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns)
}

// drips is in how many parts a crowd sends its bytes: its members do not know
// each other.
const drips = 100

// drip sends one more byte on a part of the connections.
func (c *crowd) drip(part int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := part % drips; i < len(c.conns); i += drips {
		_, _ = c.conns[i].Write([]byte("x")) // those that the server closed
	}
}

func (c *crowd) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		conn.Close()
	}
	c.conns = nil
}

// slow is row 17: ten thousand connections that send a byte now and then, or
// nothing.
func slow(t *trial) error {
	connections := t.pick(10_000, 500)
	if limit := openFiles(); limit < connections+1000 {
		connections = limit - 1000
		t.note("only %d files may be open; %d connections", limit, connections)
	}
	v, err := t.openVault()
	if err != nil {
		return err
	}
	config := t.settings(v, "ingest")
	config["projects"] = []settings{projectSettings(mainProject, mainKey), projectSettings("greedy", greedyKey)}
	srv, err := t.serve("ingest", config)
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	f := t.begin(s, nominal(100, "legitimate"))
	result := slowResult{}
	c, err := t.compare(func() (turns []turn, err error) {
		for range t.pick(3, 1) {
			one, err := t.crowdIn(srv, f, connections, &result)
			if err != nil {
				return nil, err
			}
			turns = append(turns, one)
		}
		return turns, nil
	})
	huge, hugeErr := hugeHeader(t.ctx, srv)
	if err = errors.Join(err, hugeErr, f.end()); err != nil {
		return err
	}
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	found, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("connections", float64(result.made))
	t.figure("descriptors_max", float64(result.descriptors))
	t.figure("closed_after_s", result.closed.Seconds())
	t.figure("huge_header_status", float64(huge))
	t.figure("no_answer", float64(f.failed.Load()))
	t.judgeP99(c, "beside slow connections")
	t.judge(found)
	t.expect(onlyStatuses(&f.tally, 0, 202), "others are answered %v meanwhile", f.statuses)
	// An idle connection makes room for a new one, perhaps at the moment at
	// which a sender uses it again.
	t.expect(100*f.failed.Load() < f.sent.Load(), "%d of %d attempts of others hear nothing", f.failed.Load(), f.sent.Load())
	t.expect(result.made == connections, "%d of %d connections were made", result.made, connections)
	t.expect(result.descriptors < connections+500, "%d descriptors are open", result.descriptors)
	t.expect(result.closed < 20*time.Second, "slow connections are closed only after %s", result.closed)
	t.expect(huge == http.StatusRequestHeaderFieldsTooLarge, "a huge header is answered %d", huge)
	return nil
}

type slowResult struct {
	made, descriptors int
	closed            time.Duration
}

// crowdIn measures without a crowd, then with it, until the server has closed
// all of it.
func (t *trial) crowdIn(srv *server, f *flow, connections int, out *slowResult) (one turn, err error) {
	f.latencies()
	if err := pause(t.ctx, t.pickTime(10*time.Second, time.Second)); err != nil {
		return one, err
	}
	one.without = f.latencies()
	before, err := srv.descriptors()
	if err != nil {
		return one, err
	}
	c := &crowd{}
	defer c.close()
	out.made = max(out.made, c.open(t.ctx, strings.TrimPrefix(srv.url(), "http://"), connections))
	start := time.Now()
	now, err := srv.descriptors()
	if err != nil {
		return one, err
	}
	out.descriptors = max(out.descriptors, now)
	// Making the connections costs this machine too: that time counts only from
	// when the server has taken in the last one.
	if err := t.newcomer(srv); err != nil {
		return one, err
	}
	f.latencies()
	for part := 0; now > before+20; part++ {
		if time.Since(start) > time.Minute {
			return one, errors.New("the slow connections are not closed within a minute")
		}
		// A byte on each every ten seconds.
		if err := pause(t.ctx, 10*time.Second/drips); err != nil {
			return one, err
		}
		c.drip(part)
		// Counting takes as long as there are connections.
		if part%10 != 0 {
			continue
		}
		if now, err = srv.descriptors(); err != nil {
			return one, err
		}
	}
	out.closed = max(out.closed, time.Since(start))
	one.with = f.latencies()
	return one, nil
}

// newcomer waits until a new connection is answered.
func (t *trial) newcomer(srv *server) error {
	return t.until(30*time.Second, "a new connection is answered", func() bool {
		r, err := http.NewRequestWithContext(t.ctx, http.MethodGet, srv.url()+"/healthz", http.NoBody)
		if err != nil {
			return false
		}
		out, _ := exchange(loner(), r)
		return out.status == http.StatusOK
	})
}

// openFiles is how many files this process may open; the Go runtime has
// raised the soft limit to the hard one.
func openFiles() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}

// hugeHeader sends a head of a MiB and returns the answer.
func hugeHeader(ctx context.Context, srv *server) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.url()+"/v1/segments", http.NoBody)
	if err != nil {
		return 0, err
	}
	r.Header.Set("X-Huge", strings.Repeat("x", 1<<20))
	out, _ := exchange(loner(), r)
	if out.status == 0 {
		return 0, out.err
	}
	return out.status, nil
}
