//go:build unix

package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// fault is what a proxy does with one request.
type fault int

const (
	pass      fault = iota
	reset           // end the connection without an answer, before the store hears of the request
	hang            // neither answer nor end, until the behaviour changes
	fail500         // answer 500 Internal Server Error, before the store hears of it
	fail503         // answer 503 Slow Down, before the store hears of it
	truncated       // pass the request on, and cut the answer in the middle
	lostReply       // pass the request on, wait for the answer, and end the connection without it
)

// treatment is a fault and how long the request waits for it.
type treatment struct {
	fault   fault
	latency time.Duration
}

// behaviour decides what happens to a request. It is called by many goroutines.
type behaviour func(r *http.Request) treatment

// always treats every request alike.
func always(f fault) behaviour { return func(*http.Request) treatment { return treatment{fault: f} } }

// proxy stands in front of a store, passes requests on and fails as told.
type proxy struct {
	address  string
	target   string
	server   *http.Server
	upstream *http.Transport
	serving  sync.WaitGroup

	mu      sync.Mutex
	current behaviour
	changed chan struct{} // closed when current is replaced

	faults atomic.Int64 // requests that were not simply passed on
}

func newProxy(ctx context.Context, target string) (*proxy, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	p := &proxy{
		address: l.Addr().String(), target: target, changed: make(chan struct{}),
		upstream: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: 5 * time.Second},
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	p.serving.Go(func() { _ = p.server.Serve(l) }) // ends with close
	return p, nil
}

func (p *proxy) close() error {
	p.behave(nil)
	err := p.server.Close()
	p.serving.Wait()
	p.upstream.CloseIdleConnections()
	return err
}

// behave changes what happens to requests from now on; nil passes everything
// on. Connections that hang are ended.
func (p *proxy) behave(b behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = b
	close(p.changed)
	p.changed = make(chan struct{})
}

// ServeHTTP treats one request.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	decide, changed := p.current, p.changed
	p.mu.Unlock()
	var t treatment
	if decide != nil {
		t = decide(r)
	}
	if t.latency > 0 && pause(r.Context(), t.latency) != nil {
		return
	}
	if t.fault != pass {
		p.faults.Add(1)
	}
	switch t.fault {
	case reset:
		panic(http.ErrAbortHandler)
	case hang:
		select {
		case <-changed:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	case fail500:
		p.refuse(w, r, http.StatusInternalServerError, "InternalError")
	case fail503:
		p.refuse(w, r, http.StatusServiceUnavailable, "SlowDown")
	default:
		p.forward(w, r, t.fault)
	}
}

// refuse answers as an S3 server that has too much to do.
func (p *proxy) refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>Please reduce your request rate.</Message></Error>`, code)
}

// forward passes a request on and, depending on the fault, its answer.
func (p *proxy) forward(w http.ResponseWriter, r *http.Request, f fault) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", p.target, ""
	// Signatures cover the host by which the proxy was asked.
	out.Host = r.Host
	answer, err := p.upstream.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || f == lostReply {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	if f == truncated {
		p.truncate(w, answer, body)
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(body) // who asked may have gone
}

// truncate sends half of an answer, or half of its head when it has no body,
// and ends the connection.
func (p *proxy) truncate(w http.ResponseWriter, answer *http.Response, body []byte) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		head := fmt.Appendf(nil, "HTTP/1.1 %s\r\nContent-Length: %d\r\n", answer.Status, len(body))
		if len(body) > 0 {
			head = append(append(head, "\r\n"...), body[:len(body)/2]...)
		}
		_, err = conn.Write(head)
		err = errors.Join(err, conn.Close())
	}
	_ = err // the connection is gone, which is the aim
	panic(http.ErrAbortHandler)
}
