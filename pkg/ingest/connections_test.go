package ingest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// listening serves on a loopback port until the test ends.
func listening(t testing.TB, server *http.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close() // tests leave connections open
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// client is a connection of which each byte is ours.
type client struct {
	net.Conn
	in *bufio.Reader
	t  testing.TB
}

func dial(t testing.TB, address, text string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{Conn: conn, in: bufio.NewReader(conn), t: t}
	c.send(text)
	return c
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// status reads an answer.
func (c *client) status() int {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		c.t.Fatal(err)
	}
	return answer.StatusCode
}

// closed waits for the other side to close.
func (c *client) closed() bool {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	_, err := io.Copy(io.Discard, c.in)
	var timeout net.Error
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

// isOpen says whether the other side has not closed yet.
func (c *client) isOpen() bool {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		c.t.Fatal(err)
	}
	_, err := c.in.Peek(1)
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func postHead(length int) string {
	return "POST /v1/segments HTTP/1.1\r\nHost: ingest\r\nAuthorization: Bearer " + testKey +
		fmt.Sprintf("\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n", length)
}

const getHealth = "GET /healthz HTTP/1.1\r\nHost: ingest\r\n\r\n"

// TestSlowHeadsAreClosed: the server's time-outs are set, and a client that
// sends its head one byte at a time does not keep its connection.
func TestSlowHeadsAreClosed(t *testing.T) {
	server := newServer(t, testConfig(t), nil, nil, Options{}).HTTPServer()
	if server.ReadHeaderTimeout != 5*time.Second || server.ReadTimeout != 30*time.Second || server.IdleTimeout == 0 || server.WriteTimeout < bodyTimeout {
		t.Errorf("time-outs are %v, %v, %v, %v", server.ReadHeaderTimeout, server.ReadTimeout, server.IdleTimeout, server.WriteTimeout)
	}
	server.ReadHeaderTimeout = 50 * time.Millisecond
	if c := dial(t, listening(t, server), "POST /v1/segments HTTP/1.1\r\n"); !c.closed() {
		t.Error("the connection stays open")
	}
}

func TestLargeHeadsAreRefused(t *testing.T) {
	address := listening(t, newServer(t, testConfig(t), nil, nil, Options{}).HTTPServer())
	c := dial(t, address, "GET /healthz HTTP/1.1\r\nHost: ingest\r\nCookie: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	if status := c.status(); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("answer %d", status)
	}
}

// TestProtocols: HTTP/1.1 keeps its connection; HTTP/2 without TLS is neither
// begun nor upgraded to.
func TestProtocols(t *testing.T) {
	address := listening(t, newServer(t, testConfig(t), nil, nil, Options{}).HTTPServer())
	c := dial(t, address, getHealth)
	for range 3 {
		if status := c.status(); status != http.StatusOK {
			t.Fatalf("answer %d", status)
		}
		c.send(getHealth)
	}
	if c := dial(t, address, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); !c.closed() {
		t.Error("a connection of HTTP/2 stays open")
	}
	upgrade := strings.Replace(getHealth, "\r\n\r\n", "\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", 1)
	if status := dial(t, address, upgrade).status(); status != http.StatusOK {
		t.Errorf("an upgrade is answered %d", status)
	}
}

// TestSlowBodiesAreSentAgain: a segment that did not arrive in time is not a
// bad one, so the answer is not 400, upon which a recorder drops it.
func TestSlowBodiesAreSentAgain(t *testing.T) {
	s := newServer(t, testConfig(t), nil, nil, Options{bodyGrace: 100 * time.Millisecond})
	c := dial(t, listening(t, s.HTTPServer()), postHead(1000)+headerLine("session-1", 0))
	if status := c.status(); status != http.StatusRequestTimeout {
		t.Errorf("answer %d, want 408", status)
	}
	if !c.closed() {
		t.Error("the connection stays open: the rest of the body would be a request")
	}
	if used := s.budget.used.Load(); used != 0 {
		t.Errorf("%d bytes are held", used)
	}
}

// TestSteadyBodiesTakeTheirTime: what is slow but fast enough arrives.
func TestSteadyBodiesTakeTheirTime(t *testing.T) {
	s := newServer(t, testConfig(t), nil, nil, Options{bodyGrace: 50 * time.Millisecond})
	body := upload("session-1", 0)
	body += strings.Repeat(" ", max(0, 2000-len(body))) // allowed for two seconds
	c := dial(t, listening(t, s.HTTPServer()), postHead(len(body))+body[:1500])
	eventually(t, "the first part is read", func() bool { return s.budget.used.Load() == 1500 })
	if !c.isOpen() {
		t.Fatal("the connection is closed")
	}
	for start := time.Now(); time.Since(start) < 100*time.Millisecond; {
		if !c.isOpen() {
			t.Fatal("the connection is closed")
		}
	}
	c.send(body[1500:])
	if status := c.status(); status != http.StatusBadRequest { // spaces are no event
		t.Errorf("answer %d", status)
	}
	if used := s.budget.used.Load(); used != 0 {
		t.Errorf("%d bytes are held", used)
	}
}

func counts(a *connections) [phases]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	var n [phases]int
	for p := range a.queue {
		n[p] = a.queue[p].Len()
	}
	return n
}

// TestFullOfConnections: a new connection takes the place of the one that does
// the least good.
func TestFullOfConnections(t *testing.T) {
	cfg := testConfig(t)
	cfg.Connections.Max = 4
	s := newServer(t, cfg, nil, nil, Options{})
	address := listening(t, s.HTTPServer())
	in := func(want [phases]int) {
		t.Helper()
		eventually(t, fmt.Sprintf("connections are %v", want), func() bool { return counts(s.connections) == want })
	}
	body := dial(t, address, postHead(1000)+"{")
	in([phases]int{receiving: 1})
	head := dial(t, address, "POST /v1/seg")
	idles := []*client{dial(t, address, getHealth)}
	in([phases]int{idle: 1, opening: 1, receiving: 1})
	idles = append(idles, dial(t, address, getHealth))
	for _, c := range idles {
		c.status()
	}
	in([phases]int{idle: 2, opening: 1, receiving: 1})

	// The longest idle goes first.
	next := dial(t, address, getHealth)
	if next.status() != http.StatusOK || !idles[0].closed() || !idles[1].isOpen() {
		t.Error("the longest idle connection is not the one that is closed")
	}
	// Those that are used again are not the longest idle.
	idles[1].send(getHealth)
	if idles[1].status() != http.StatusOK {
		t.Error("an idle connection cannot be used")
	}
	in([phases]int{idle: 2, opening: 1, receiving: 1})
	slow := []*client{dial(t, address, "P")}
	if !next.closed() {
		t.Error("a connection that was idle longer stays open")
	}
	slow = append(slow, dial(t, address, "P"))
	if !idles[1].closed() {
		t.Error("an idle connection stays open")
	}
	in([phases]int{opening: 3, receiving: 1})
	// Then the one that takes longest to send its head.
	slow = append(slow, dial(t, address, postHead(1000)))
	if !head.closed() {
		t.Error("the slowest head stays open")
	}
	in([phases]int{opening: 2, receiving: 2})
	slow[0].send(strings.TrimPrefix(postHead(1000), "P"))
	slow[1].send(strings.TrimPrefix(postHead(1000), "P"))
	in([phases]int{receiving: 4})
	// Then the slowest body.
	fresh := dial(t, address, getHealth)
	if fresh.status() != http.StatusOK || !body.closed() {
		t.Error("the slowest body stays open")
	}
	for line, want := range map[string]string{
		`playhead_ingest_connections_closed_total{phase="idle"}`: "3",
		`playhead_ingest_connections_closed_total{phase="head"}`: "1",
		`playhead_ingest_connections_closed_total{phase="body"}`: "1",
		`playhead_ingest_connections`:                            "4",
	} {
		if got := metric(t, s, line); got != want {
			t.Errorf("%s is %q, want %s", line, got, want)
		}
	}
}

// TestWhoGivesWay: who has just been answered stays, as long as others have been
// at their heads for a second.
func TestWhoGivesWay(t *testing.T) {
	type at struct {
		phase phase
		since time.Duration // ago
	}
	for _, c := range []struct {
		name string
		open []at // longest first within a phase
		want int  // index; -1: none
	}{
		{"long idle", []at{{opening, 4 * time.Second}, {idle, 11 * time.Second}, {receiving, time.Minute}}, 1},
		{"a slow head before a short pause", []at{{idle, 5 * time.Second}, {opening, 2 * time.Second}, {opening, 0}}, 1},
		{"a short pause before a fast head", []at{{idle, time.Millisecond}, {opening, time.Millisecond}}, 0},
		{"a head before a body", []at{{receiving, 9 * time.Second}, {opening, 0}}, 1},
		{"a body before who waits for us", []at{{working, time.Minute}, {receiving, 0}}, 1},
		{"nobody", []at{{working, time.Minute}}, -1},
	} {
		a := newConnections(1, nil)
		var all []*connection
		for _, o := range c.open {
			member := &connection{all: a, phase: o.phase, since: time.Now().Add(-o.since)}
			member.place = a.queue[o.phase].PushBack(member)
			all = append(all, member)
		}
		if got := slices.Index(all, a.leastUseful()); got != c.want {
			t.Errorf("%s: %d gives way, want %d", c.name, got, c.want)
		}
	}
}

// TestUnreadBodiesGiveWay: a body that nobody wants, because the request is
// refused or the route takes none, neither keeps its connection nor keeps
// others from getting one.
func TestUnreadBodiesGiveWay(t *testing.T) {
	unwanted := map[string]string{
		"refused":  strings.Replace(postHead(1000), testKey, "pk_unknown_0123456789", 1) + "{",
		"no route": "PUT /nowhere HTTP/1.1\r\nHost: ingest\r\nContent-Length: 1000\r\n\r\n{",
		"health":   strings.Replace(getHealth, "\r\n\r\n", "\r\nContent-Length: 1000\r\n\r\n{", 1),
		"chunked":  strings.Replace(getHealth, "\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", 1),
	}
	cfg := testConfig(t)
	cfg.Connections.Max = len(unwanted)
	s := newServer(t, cfg, nil, nil, Options{})
	address := listening(t, s.HTTPServer())
	var held []*client
	for _, request := range unwanted {
		held = append(held, dial(t, address, request))
		eventually(t, "nobody reads the body", func() bool { return counts(s.connections)[receiving] == len(held) })
	}
	if status := dial(t, address, getHealth).status(); status != http.StatusOK || !held[0].closed() {
		t.Errorf("beside bodies that nobody reads a new connection is answered %d", status)
	}

	hasty := newServer(t, testConfig(t), nil, nil, Options{bodyGrace: 50 * time.Millisecond})
	for name, request := range unwanted {
		c := dial(t, listening(t, hasty.HTTPServer()), request)
		if status := c.status(); status == http.StatusAccepted || !c.closed() {
			t.Errorf("%s: answer %d, and the connection stays open", name, status)
		}
	}
}

// TestBusyConnectionsStay: one that waits for its answer is not closed.
func TestBusyConnectionsStay(t *testing.T) {
	cfg := testConfig(t)
	cfg.Connections.Max = 1
	s := newServer(t, cfg, nil, nil, Options{})
	address := listening(t, s.HTTPServer())
	for s.turns.free > 0 {
		if err := s.turns.take(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	body := upload("session-1", 0)
	busy := dial(t, address, postHead(len(body))+body)
	eventually(t, "the upload waits for its turn", func() bool { return counts(s.connections)[working] == 1 })
	refused, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	if c := (&client{Conn: refused, in: bufio.NewReader(refused), t: t}); !c.closed() {
		t.Error("a connection beyond the bound stays open")
	}
	s.turns.give()
	if status := busy.status(); status != http.StatusAccepted {
		t.Errorf("answer %d", status)
	}
}

// TestManySlowConnections: many times more slow connections than there may be
// leave an ordinary sender alone.
func TestManySlowConnections(t *testing.T) {
	files, err := openFiles()
	if err != nil {
		t.Fatal(err)
	}
	// Both ends are in this process.
	slow := min(10_000, int(files)/2-1000)
	cfg := testConfig(t)
	cfg.Connections.Max = slow / 4
	const other = "pk_other_0123456789"
	cfg.Projects[0].Keys = append(cfg.Projects[0].Keys, Key{Name: "other", Key: other})
	s := newServer(t, cfg, nil, nil, Options{})
	address := listening(t, s.HTTPServer())
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	latencies := make([]time.Duration, 0, 400)
	ordinary := func() {
		start := time.Now()
		body := upload("session-1", cap(latencies)+len(latencies))
		head := strings.Replace(postHead(len(body)), testKey, other, 1)
		if status := dial(t, address, head+body).status(); status != http.StatusAccepted {
			t.Fatalf("an ordinary sender is answered %d", status)
		}
		latencies = append(latencies, time.Since(start))
	}
	for range 200 {
		ordinary()
	}
	p99 := func() time.Duration {
		sorted := slices.Sorted(slices.Values(latencies))
		return sorted[len(sorted)*99/100]
	}
	before := p99()
	latencies = latencies[:0]
	for i := range slow {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		text := "POST /v1/segments HTTP/1.1\r\nHost: in"
		if i%2 == 0 {
			text = postHead(1000) + "{"
		}
		_, _ = io.WriteString(c, text) // may be closed already
		if i%50 == 0 {
			ordinary()
		}
	}
	if n := counts(s.connections); n[idle]+n[opening]+n[receiving]+n[working] > cfg.Connections.Max+1 {
		t.Errorf("%v connections are open, bound %d", n, cfg.Connections.Max)
	}
	t.Logf("p99 %v before, %v among %d slow connections", before, p99(), slow)
}

// TestOpenFiles: the runtime has raised the limit as far as it may.
func TestOpenFiles(t *testing.T) {
	files, err := openFiles()
	if err != nil || files < 256 {
		t.Fatal(files, err)
	}
	for _, c := range []struct {
		configured int
		files      uint64
		want       int
	}{{8192, 1 << 20, 8192}, {8192, 4096, 3584}, {8192, 1024, 512}, {8192, 200, 100}, {8192, 1 << 63, 8192}} {
		if got := bound(c.configured, c.files); got != c.want {
			t.Errorf("bound(%d, %d) = %d, want %d", c.configured, c.files, got, c.want)
		}
	}
}

// TestTurns: places go to owners in turn, whoever waits most.
func TestTurns(t *testing.T) {
	turn := newTurns(1)
	if err := turn.take(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	greedy, modest := new(quota), new(quota)
	var mu sync.Mutex
	var order []string
	var all sync.WaitGroup
	wait := func(owner *quota, name string) {
		waiting := func() int {
			turn.mu.Lock()
			defer turn.mu.Unlock()
			return len(turn.waiting[owner])
		}
		before := waiting()
		all.Go(func() {
			if err := turn.take(t.Context(), owner); err != nil {
				t.Error(err)
			}
			mu.Lock()
			order = append(order, name)
			mu.Unlock()
			turn.give()
		})
		eventually(t, "it waits", func() bool { return waiting() == before+1 })
	}
	for range 100 {
		wait(greedy, "greedy")
	}
	wait(modest, "modest")
	wait(modest, "modest")
	turn.give()
	all.Wait()
	if got := strings.Join(order[:4], " "); got != "greedy modest greedy modest" || turn.free != 1 {
		t.Errorf("the order is %s, %d places are free", got, turn.free)
	}
}

// TestTurnsEnd: who goes away while waiting leaves no place taken.
func TestTurnsEnd(t *testing.T) {
	turn := newTurns(2)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Microsecond)
			defer cancel()
			if turn.take(ctx, nil) == nil {
				turn.give()
			}
		})
	}
	all.Wait()
	if turn.free != 2 || len(turn.order) != 0 || len(turn.waiting) != 0 {
		t.Errorf("%d places are free, %d owners wait", turn.free, len(turn.order))
	}
}
