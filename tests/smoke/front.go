package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// acknowledgement is a segment that ingest answered 202.
type acknowledgement struct {
	SessionID string `json:"session_id"`
	WindowID  string `json:"window_id"`
	Seq       uint32 `json:"seq"`
	Events    int    `json:"-"`
}

// front stands between the browser and ingest and writes down what ingest
// acknowledges, also what a closing page sent and nobody waits for.
type front struct {
	server  *http.Server
	address string

	mu           sync.Mutex
	acknowledged []acknowledgement
	problems     []string
}

type bodyKey struct{}

func startFront(ctx context.Context, ingest string) (*front, error) {
	target, err := url.Parse("http://" + ingest)
	if err != nil {
		return nil, err
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &front{address: "http://" + l.Addr().String()}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: f.note,
		// While ingest is killed and started again, the recorder hears 502.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	f.server = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "unreadable body", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), bodyKey{}, body)))
	})}
	go f.server.Serve(l) //nolint:errcheck // ends with Close
	return f, nil
}

// note is called with every answer of ingest.
func (f *front) note(answer *http.Response) error {
	r := answer.Request
	if answer.StatusCode != http.StatusAccepted || r.URL.Path != "/v1/segments" {
		return nil
	}
	body, _ := r.Context().Value(bodyKey{}).([]byte)
	a, err := readAcknowledged(body, r.URL.Query().Get("enc") == "gzip")
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.problems = append(f.problems, err.Error())
		return nil
	}
	f.acknowledged = append(f.acknowledged, a)
	return nil
}

func readAcknowledged(body []byte, gzipped bool) (a acknowledgement, err error) {
	if gzipped {
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return a, err
		}
		if body, err = io.ReadAll(r); err != nil {
			return a, err
		}
	}
	header, events, _ := strings.Cut(strings.TrimSuffix(string(body), "\n"), "\n")
	if err := json.Unmarshal([]byte(header), &a); err != nil {
		return a, err
	}
	a.Events = strings.Count(events, "\n") + 1
	return a, nil
}

// segments returns what was acknowledged, each segment once.
func (f *front) segments() ([]acknowledgement, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.problems) > 0 {
		return nil, fmt.Errorf("acknowledged requests that cannot be read: %v", f.problems)
	}
	type id struct {
		session, window string
		seq             uint32
	}
	seen := map[id]bool{}
	var once []acknowledgement
	for _, a := range f.acknowledged {
		key := id{a.SessionID, a.WindowID, a.Seq}
		if !seen[key] {
			once = append(once, a)
		}
		seen[key] = true
	}
	return once, nil
}
