package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
)

// Gate is an HTTP proxy in this process. It counts what passes, and can be
// shut, as if the server behind it were away.
type Gate struct {
	Address string // host:port
	shut    atomic.Bool
	packs   atomic.Int64
	puts    atomic.Int64
	bytes   atomic.Int64
	server  *http.Server
	served  chan error
}

// StartGate starts a gate in front of a server at host:port.
func StartGate(ctx context.Context, target string) (*Gate, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	g := &Gate{Address: listener.Addr().String(), served: make(chan error, 1)}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: target})
			// Signatures of S3 cover the name that the client asked for.
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	g.server = &http.Server{ReadHeaderTimeout: endTime, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.shut.Load() {
			hangUp(w)
			return
		}
		if r.Method == http.MethodPut {
			g.puts.Add(1)
			if strings.HasSuffix(r.URL.Path, ".pack") {
				g.packs.Add(1)
			}
			g.bytes.Add(r.ContentLength)
		}
		proxy.ServeHTTP(w, r)
	})}
	go func() { g.served <- g.server.Serve(listener) }()
	return g, nil
}

// hangUp ends the connection without an answer, as a server does that dies.
func hangUp(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_ = connection.Close()
}

// Shut makes the server behind look away; Open ends that.
func (g *Gate) Shut() { g.shut.Store(true) }

// Open lets requests pass again.
func (g *Gate) Open() { g.shut.Store(false) }

// Puts is the number of PUT requests that passed, how many of them were of
// packs, and the bytes in them.
func (g *Gate) Puts() (requests, packs, bytes int64) {
	return g.puts.Load(), g.packs.Load(), g.bytes.Load()
}

// Stop ends the gate.
func (g *Gate) Stop() error {
	err := g.server.Close()
	if served := <-g.served; !errors.Is(served, http.ErrServerClosed) {
		return served
	}
	return err
}
