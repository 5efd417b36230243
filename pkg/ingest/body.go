package ingest

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// bodyGrace is how long a body may take whatever its rate: half a minute of
	// a bad mobile connection is a few retries of TCP.
	bodyGrace = 10 * time.Second

	// bodyRate is how fast it must be from then on, on the average, in bytes
	// per second.
	bodyRate = 1 << 10

	// bodyTimeout ends every body: 24 MiB in it are 1.7 Mbit/s.
	bodyTimeout = 2 * time.Minute

	// answerTimeout is how long sending the answer may take.
	answerTimeout = 30 * time.Second
)

// expectBody bounds what a body costs that nobody reads, because its request is
// refused or its route takes none: net/http waits for the rest of it before it
// answers. Until it has come, the connection is one that sends.
func (s *Server) expectBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		connectionOf(r).enter(working)
		return
	}
	connectionOf(r).enter(receiving)
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.bodyGrace)) // where it is not supported, nobody is slow
}

// readBody reads a body as it was sent into *body, which the caller frees with
// freeBody, also after an error. Memory grows with what arrives, and of all
// memory for bodies one key leaves a quarter to the others.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, who *credential, body *[]byte, limit Bytes) (err error) {
	p := newPace(w, r, s.bodyGrace)
	done := who.quota.receives(p)
	defer func() {
		done()
		p.end(err)
	}()
	in := http.MaxBytesReader(w, r.Body, int64(limit))
	b := (*body)[:0]
	for {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, nextRead(cap(b), r.ContentLength, int64(limit))), b...)
		}
		p.arrived(len(b))
		n, readErr := in.Read(b[len(b):cap(b)])
		if !s.takeBody(who, len(b), n) {
			return errOverloaded
		}
		b = b[:len(b)+n]
		*body = b
		var tooLarge *http.MaxBytesError
		switch {
		case errors.Is(readErr, io.EOF):
			return nil
		case errors.As(readErr, &tooLarge):
			return errBodyBytes
		case errors.Is(readErr, os.ErrDeadlineExceeded):
			return errSlow
		case readErr != nil:
			return errBody
		}
	}
}

// nextRead is how much memory a body gets when it has filled what it had: first
// little, then twice as much, and never more than the body can need and the room
// to see its end.
func nextRead(had int, contentLength, limit int64) int {
	const first = 16 << 10
	if contentLength >= 0 {
		limit = min(limit, contentLength)
	}
	next := max(2*had, first)
	if end := int(limit) + 1; had < end {
		next = min(next, end)
	}
	return next
}

// takeBody takes memory for n more bytes of a body that has had bytes.
func (s *Server) takeBody(who *credential, had, n int) bool {
	if !s.budget.takeShare(&who.quota.held, n) {
		return false
	}
	if !s.large.takeShare(&who.quota.heldLarge, beyondKept(had+n)-beyondKept(had)) {
		s.budget.freeShare(&who.quota.held, n)
		return false
	}
	return true
}

// freeBody gives back what takeBody took for a body of n bytes.
func (s *Server) freeBody(who *credential, n int) {
	s.budget.freeShare(&who.quota.held, n)
	s.large.freeShare(&who.quota.heldLarge, beyondKept(n))
}

// beyondKept is how much of the memory of a body of n bytes is not used again.
func beyondKept(n int) int {
	if n <= keepBody {
		return 0
	}
	return n
}

// pace ends bodies that come too slowly, by the deadline of their connection.
type pace struct {
	control *http.ResponseController
	conn    *connection // nil: the server is not one of HTTPServer
	grace   time.Duration
	begin   time.Time

	mu       sync.Mutex
	deadline time.Time
	isCut    bool
}

func newPace(w http.ResponseWriter, r *http.Request, grace time.Duration) *pace {
	return &pace{control: http.NewResponseController(w), conn: connectionOf(r), grace: grace, begin: time.Now()}
}

// arrived moves the deadline to where n bytes have brought it.
func (p *pace) arrived(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	allowed := min(max(p.grace, time.Duration(n)*time.Second/bodyRate), bodyTimeout)
	if deadline := p.begin.Add(allowed); deadline.Sub(p.deadline) >= time.Second && !p.isCut {
		p.set(deadline)
	}
}

// cut ends the body at once.
func (p *pace) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isCut = true
	p.set(p.begin)
}

// set changes the deadline; p.mu is held.
func (p *pace) set(deadline time.Time) {
	p.deadline = deadline
	_ = p.control.SetReadDeadline(deadline) // where it is not supported, nobody is slow
}

// end lets the rest of the request take its own time. After an error the
// deadline stays, and the connection is one that sends: what is left of the
// body is not worth waiting for.
func (p *pace) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.conn.enter(working)
		p.set(time.Time{})
	}
	_ = p.control.SetWriteDeadline(time.Now().Add(answerTimeout))
}
