//go:build unix

package faults

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

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
	crowd, err := t.attackersOf(srv)
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	f := t.begin(s, nominal(100, "legitimate"))
	result := slowResult{}
	c, err := t.compare(func() (turns []turn, err error) {
		for range t.pick(3, 1) {
			one, err := t.crowdIn(srv, crowd, f, connections, &result)
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
func (t *trial) crowdIn(srv *server, crowd *attackers, f *flow, connections int, out *slowResult) (one turn, err error) {
	f.latencies()
	if err := pause(t.ctx, t.pickTime(10*time.Second, time.Second)); err != nil {
		return one, err
	}
	one.without = f.latencies()
	before, err := crowd.descriptors()
	if err != nil {
		return one, err
	}
	defer func() { err = errors.Join(err, crowd.disperse()) }()
	made, err := crowd.gather(connections)
	if err != nil {
		return one, err
	}
	out.made = max(out.made, made)
	start := time.Now()
	now, err := crowd.descriptors()
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
		if err := crowd.drip(part); err != nil {
			return one, err
		}
		// Counting takes as long as there are connections.
		if part%10 != 0 {
			continue
		}
		if now, err = crowd.descriptors(); err != nil {
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
