package ingest

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// HTTPServer returns a server for Handler whose time-outs, sizes and number of
// connections bound what slow, endless and many clients cost. It speaks
// HTTP/1.1 with keep-alive, and HTTP/2 neither with TLS nor without: TLS ends
// at the proxy in front of it. A body has a deadline of its own (readBody).
func (s *Server) HTTPServer() *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           s.Handler(),
		Protocols:         &protocols,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      bodyTimeout + answerTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		ConnState:         s.connections.changed,
		ConnContext:       s.connections.context,
	}
}

// keptFiles are the files that connections leave to the journal, the stores
// and the rest of the process.
const keptFiles = 512

// bound returns how many connections there may be: as many as configured, and
// no more than the files that this process may open. The Go runtime has raised
// the soft limit (RLIMIT_NOFILE) to the hard one.
func bound(configured int, files uint64) int {
	if files > 2*keptFiles {
		return min(configured, int(min(files-keptFiles, 1<<30)))
	}
	return min(configured, int(files/2))
}

// openFiles returns how many files this process may open.
func openFiles() (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("ask for the limit of open files: %w", err)
	}
	return limit.Cur, nil
}

// phase is what a connection is doing.
type phase int

const (
	idle      phase = iota // between two requests
	opening                // sending the head of a request
	receiving              // sending a body
	working                // waiting for us
	phases
)

var phaseNames = [phases]string{"idle", "head", "body", "working"}

// givingWay says which connection makes room for a new one: the first in the
// first of these queues that has been there for so long. A head is sent in one
// piece, so that who takes a second for it does less good than who has just been
// answered and will send again; to close an idle connection costs its client
// less than to send a body again.
var givingWay = []struct {
	phase   phase
	atLeast time.Duration
}{{idle, 10 * time.Second}, {opening, time.Second}, {idle, 0}, {opening, 0}, {receiving, 0}}

// connections bounds the open connections. Beyond the bound the one that does
// the least good makes room for a new one, as givingWay says. When all of them
// wait for us, the new one is closed.
type connections struct {
	most    int
	metrics *metrics

	mu    sync.Mutex
	open  map[net.Conn]*connection
	queue [phases]list.List // longest in its phase first
}

func newConnections(most int, m *metrics) *connections {
	return &connections{most: most, metrics: m, open: map[net.Conn]*connection{}}
}

func (a *connections) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.open)
}

// connection is one of connections.
type connection struct {
	all   *connections
	conn  net.Conn
	phase phase
	since time.Time // when the phase began
	place *list.Element
}

type connectionKey struct{}

// connectionOf returns the connection of a request, nil if the server was not
// made by HTTPServer.
func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

// context implements http.Server.ConnContext, which is called first for a new
// connection.
func (a *connections) context(ctx context.Context, conn net.Conn) context.Context {
	a.mu.Lock()
	defer a.mu.Unlock()
	return context.WithValue(ctx, connectionKey{}, a.add(conn))
}

// changed implements http.Server.ConnState.
func (a *connections) changed(conn net.Conn, state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch c := a.open[conn]; state {
	case http.StateActive:
		if c != nil && c.phase == idle { // a new one is sending its head already
			c.move(opening)
		}
	case http.StateIdle:
		c.move(idle)
	case http.StateClosed, http.StateHijacked:
		a.remove(c)
	}
}

// add takes a connection in; a.mu is held.
func (a *connections) add(conn net.Conn) *connection {
	c := &connection{all: a, conn: conn, phase: opening, since: time.Now()}
	if len(a.open) >= a.most {
		victim, why := c, "refused"
		if first := a.leastUseful(); first != nil {
			victim, why = first, phaseNames[first.phase]
		}
		a.metrics.connectionsClosed.WithLabelValues(why).Inc()
		_ = victim.conn.Close() // its own goroutine sees it and says so
		if victim != c {
			a.remove(victim)
		}
	}
	c.place = a.queue[opening].PushBack(c)
	a.open[conn] = c
	a.metrics.connections.Set(float64(len(a.open)))
	return c
}

// leastUseful returns the connection that gives way; nil when all of them wait
// for us. a.mu is held.
func (a *connections) leastUseful() *connection {
	for _, g := range givingWay {
		if first := a.queue[g.phase].Front(); first != nil && time.Since(first.Value.(*connection).since) >= g.atLeast {
			return first.Value.(*connection)
		}
	}
	return nil
}

// remove forgets a connection, once or twice; a.mu is held.
func (a *connections) remove(c *connection) {
	if c == nil || c.place == nil {
		return
	}
	a.queue[c.phase].Remove(c.place)
	c.place = nil
	delete(a.open, c.conn)
	a.metrics.connections.Set(float64(len(a.open)))
}

// enter notes what the connection of a request does now. It may be called on
// nil.
func (c *connection) enter(p phase) {
	if c == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.move(p)
}

// move puts a connection to the end of a phase; c.all.mu is held. One that was
// closed to make room is in none.
func (c *connection) move(p phase) {
	if c == nil || c.place == nil {
		return
	}
	c.all.queue[c.phase].Remove(c.place)
	c.phase, c.since = p, time.Now()
	c.place = c.all.queue[p].PushBack(c)
}
