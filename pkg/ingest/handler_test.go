package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// golden is one file of testdata/wire.
type golden struct {
	About    string
	Method   string
	Path     string
	Headers  map[string]string
	Lines    []string
	Body     string
	Compress string
	Times    int
	Answer   struct {
		Status  int
		Headers map[string]string
		Body    map[string]any
	}
}

func TestGoldenRequests(t *testing.T) {
	files, err := filepath.Glob("../../testdata/wire/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden requests: %v", err)
	}
	cfg := testConfig(t)
	cfg.Projects[0].SessionTokens = TokensRequired
	st := newStores(t) // asked whether the session has begun
	s := newServer(t, cfg, st.bucket, st.index, Options{})
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var g golden
			decoder := json.NewDecoder(bytes.NewReader(data))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&g); err != nil {
				t.Fatal(err)
			}
			before := s.journal.Stats().Segments
			for range max(g.Times, 1) {
				checkGolden(t, s, &g)
			}
			kept := s.journal.Stats().Segments - before
			if want := g.Answer.Status == http.StatusAccepted; kept != map[bool]int{true: 1}[want] {
				t.Errorf("%d segments are kept", kept)
			}
		})
	}
}

func checkGolden(t *testing.T, s *Server, g *golden) {
	t.Helper()
	body := g.Body
	for _, l := range g.Lines {
		body += l + "\n"
	}
	r := httptest.NewRequest(g.Method, g.Path, bytes.NewReader(compress(t, g.Compress, []byte(body))))
	for k, v := range g.Headers {
		r.Header.Set(k, v)
	}
	w := serve(s, r)
	if w.Code != g.Answer.Status {
		t.Errorf("%d %s, want %d", w.Code, w.Body, g.Answer.Status)
	}
	for k, v := range g.Answer.Headers {
		if got := w.Header().Get(k); got != v {
			t.Errorf("header %s is %q, want %q", k, got, v)
		}
	}
	got := map[string]any{}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%q: %v", w.Body, err)
		}
	}
	for k, v := range g.Answer.Body {
		if !reflect.DeepEqual(got[k], v) {
			t.Errorf("%s is %v, want %v", k, got[k], v)
		}
	}
}

// TestLimits: each limit of playhead.yaml at its value and one beyond it.
func TestLimits(t *testing.T) {
	cfg := testConfig(t)
	cfg.Limits = Limits{BodyBytes: 100_000, DecompressedBytes: 200_000, DecompressionRatio: 100, Events: 20, EventBytes: 150_000, Depth: 10, AssetBytes: 1 << 10}
	s := newServer(t, cfg, nil, nil, Options{})
	seq := 0
	withEvents := func(events string) string { seq++; return headerLine("session-1", seq) + "\n" + events }
	// noise fills a body to n bytes with an event that does not compress much.
	noise := func(n int) string {
		head := withEvents(`{"type":3,"timestamp":1,"data":"`)
		b := []byte(head)
		x := uint32(7)
		for len(b) < n-2 {
			x = x*1664525 + 1013904223
			b = append(b, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"[x>>26])
		}
		return string(b) + `"}`
	}
	event := func(n int) string {
		const empty = `{"type":3,"timestamp":1,"data":""}`
		return strings.Replace(empty, `""`, `"`+strings.Repeat("x", n-len(empty))+`"`, 1)
	}
	cases := []struct {
		limit    string
		encoding string
		body     func(over int) string
		status   int
		line     int
	}{
		{"body_bytes", "", func(over int) string { return noise(100_000 + over) }, 413, 0},
		{"decompressed_bytes", "gzip", func(over int) string {
			first := withEvents(mixed(90_000) + "\n")
			return first + mixed(200_000+over-len(first))
		}, 413, 0},
		{"events", "", func(over int) string { return withEvents(strings.Repeat(event(50)+"\n", 20+over)) }, 413, 0},
		{"event_bytes", "gzip", func(over int) string { return withEvents(`{"type":3,"timestamp":1}` + "\n" + mixed(150_000+over)) }, 422, 3},
		{"depth", "", func(over int) string {
			return withEvents(`{"type":3,"timestamp":1,"data":` + strings.Repeat("[", 9+over) + strings.Repeat("]", 9+over) + `}`)
		}, 422, 2},
	}
	for _, c := range cases {
		for over := range 2 {
			r := request("")
			r.Header.Set("Content-Encoding", c.encoding)
			body := compress(t, c.encoding, []byte(c.body(over)))
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), -1 // chunked: the length comes as a surprise
			w := serve(s, r)
			if over == 0 {
				if w.Code != http.StatusAccepted {
					t.Errorf("at %s: %d %s", c.limit, w.Code, w.Body)
				}
				continue
			}
			a := decodeAnswer(t, w)
			if a.Status != c.status || a.Limit != c.limit || a.Line != c.line || a.Detail == "" {
				t.Errorf("beyond %s: %+v", c.limit, a)
			}
			if metric(t, s, fmt.Sprintf("playhead_ingest_refused_total{reason=%q}", c.limit)) != "1" {
				t.Errorf("the refusal by %s is not counted", c.limit)
			}
		}
	}
}

// mixed is an event of n bytes that compresses about ten times.
func mixed(n int) string {
	b := []byte(`{"type":3,"timestamp":1,"data":"`)
	for i := 0; len(b) < n-2; i++ {
		b = fmt.Appendf(b, "item %d costs %d; ", i%977, i*i%7919)
	}
	return string(b[:n-2]) + `"}`
}

func TestDeclaredLengthIsRefusedUnread(t *testing.T) {
	s := newServer(t, testConfig(t), nil, nil, Options{})
	r := request("")
	r.ContentLength = int64(s.cfg.Limits.BodyBytes) + 1
	r.Body = io.NopCloser(failingReader{t})
	if a := decodeAnswer(t, serve(s, r)); a.Status != 413 || a.Limit != "body_bytes" {
		t.Errorf("answer %+v", a)
	}
}

type failingReader struct{ t *testing.T }

func (f failingReader) Read([]byte) (int, error) {
	f.t.Error("the body is read")
	return 0, io.EOF
}

func TestHundredBombsAtOnce(t *testing.T) {
	s := newServer(t, testConfig(t), nil, nil, Options{})
	bombs := map[string][]byte{}
	for _, how := range []string{"gzip", "zstd"} {
		bombs[how] = compress(t, how, make([]byte, 64<<20))
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			how := []string{"gzip", "zstd"}[i%2]
			r := request("")
			r.Header.Set("Content-Encoding", how)
			r.Body = io.NopCloser(bytes.NewReader(bombs[how]))
			if w := serve(s, r); w.Code != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: %d %s", how, w.Code, w.Body)
			}
		})
	}
	all.Wait()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 256<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	post(t, s, "session-1", 0)
}

func TestOrigins(t *testing.T) {
	s := newServer(t, testConfig(t), nil, nil, Options{})
	f := func(origin string, status int) {
		t.Helper()
		r := request(upload("session-1", 0))
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := serve(s, r)
		if w.Code != status {
			t.Errorf("origin %q: %d, want %d", origin, w.Code, status)
		}
		allowed := w.Header().Get("Access-Control-Allow-Origin")
		if status == http.StatusAccepted && allowed != origin || status != http.StatusAccepted && allowed != "" {
			t.Errorf("origin %q: Access-Control-Allow-Origin is %q", origin, allowed)
		}
		if w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("origin %q: credentials are allowed", origin)
		}
	}
	f("", http.StatusAccepted)
	f("https://shop.example.com", http.StatusAccepted)
	f("HTTPS://Shop.Example.com", http.StatusAccepted)
	f("http://shop.example.com", http.StatusForbidden)
	f("https://shop.example.com:8443", http.StatusForbidden)
	f("https://shop.example.com.evil.example", http.StatusForbidden)
	f("null", http.StatusForbidden)
	f("*", http.StatusForbidden)
}

func TestQuota(t *testing.T) {
	cfg := testConfig(t)
	cfg.Limits.BodyBytes, cfg.Limits.AssetBytes = 4096, 1024
	cfg.Projects[0].Keys[0].Quota = Quota{BytesPerSecond: 4096, BurstBytes: 8192}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := newServer(t, cfg, nil, nil, Options{Now: func() time.Time { return now }, random: func() float64 { return 0 }})
	seq := 0
	send := func() *httptest.ResponseRecorder {
		seq++
		body := headerLine("session-1", seq) + "\n"
		const event = `{"type":3,"timestamp":1,"data":""}`
		return serve(s, request(body+strings.Replace(event, `""`, `"`+strings.Repeat("x", 4096-len(body)-len(event))+`"`, 1)))
	}
	for range 2 {
		if w := send(); w.Code != http.StatusAccepted {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	w := send()
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d, Retry-After %q, want 429 and 1", w.Code, w.Header().Get("Retry-After"))
	}
	// Asking often must not keep the bucket from filling: 100 attempts 10 ms
	// apart refill one body.
	accepted := 0
	for range 100 {
		now = now.Add(10 * time.Millisecond)
		if send().Code == http.StatusAccepted {
			accepted++
		}
	}
	if accepted != 1 {
		t.Errorf("%d bodies in a second, want 1", accepted)
	}
}

func TestRecorderScript(t *testing.T) {
	script := []byte("console.log('recorder')")
	s := newServer(t, testConfig(t), nil, nil, Options{Recorder: script})
	get := func(path, etag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if etag != "" {
			r.Header.Set("If-None-Match", etag)
		}
		return serve(s, r)
	}
	alias := get("/playhead.js", "")
	if alias.Code != http.StatusOK || !bytes.Equal(alias.Body.Bytes(), script) ||
		alias.Header().Get("Content-Type") != "text/javascript; charset=utf-8" || alias.Header().Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("%d %v", alias.Code, alias.Header())
	}
	if again := get("/playhead.js", alias.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("by ETag: %d", again.Code)
	}
	fixed := get("/"+s.recorder.immutable, "")
	if fixed.Code != http.StatusOK || !bytes.Equal(fixed.Body.Bytes(), script) || !strings.Contains(fixed.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%d %v", fixed.Code, fixed.Header())
	}
	if other := get("/playhead-0123456789abcdef.js", ""); other.Code != http.StatusNotFound {
		t.Errorf("another hash: %d", other.Code)
	}
	without := newServer(t, testConfig(t), nil, nil, Options{})
	if w := serve(without, httptest.NewRequest(http.MethodGet, "/playhead.js", nil)); w.Code != http.StatusNotFound {
		t.Errorf("without a script: %d", w.Code)
	}
}

func TestHealthAndReadiness(t *testing.T) {
	free := uint64(1 << 40)
	var mu sync.Mutex
	s := newServer(t, testConfig(t), nil, nil, Options{freeBytes: func(string) (uint64, error) {
		mu.Lock()
		defer mu.Unlock()
		return free, nil
	}})
	f := func(status int, state string, stopping bool) {
		t.Helper()
		w := serve(s, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		var r readiness
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if w.Code != status || r.Ready != (status == http.StatusOK) || r.Journal.State != state || r.Stopping != stopping {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := serve(s, httptest.NewRequest(http.MethodGet, "/healthz", nil)); w.Code != http.StatusOK {
			t.Errorf("healthz: %d", w.Code)
		}
	}
	f(http.StatusOK, "ok", false)
	mu.Lock()
	free = 0
	mu.Unlock()
	f(http.StatusServiceUnavailable, "full", false)
	mu.Lock()
	free = 1 << 40
	mu.Unlock()
	f(http.StatusOK, "ok", false)
	s.uploads.stop()
	f(http.StatusServiceUnavailable, "ok", true)
	w := serve(s, request(upload("session-1", 0)))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("while stopping: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
}

func TestUnknownPaths(t *testing.T) {
	s := newServer(t, testConfig(t), nil, nil, Options{})
	for _, path := range []string{"/", "/v1/segments/", "/v1/configs", "/favicon.ico", "/v1/segments/..%2f..%2fetc"} {
		w := serve(s, httptest.NewRequest(http.MethodPost, path, strings.NewReader("x")))
		if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
		}
	}
}

// TestKeysAreNeverTold: no log line, answer or metric holds a write key, nor
// what a stranger put into a request.
func TestKeysAreNeverTold(t *testing.T) {
	var logged bytes.Buffer
	s := newServer(t, testConfig(t), nil, nil, Options{Log: slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	const unknown = "pk_unknown_4711_secret"
	var told strings.Builder
	for _, body := range []string{upload("session-1", 0), "no header", headerLine("../session", 1) + "\n{}"} {
		for _, key := range []string{testKey, revokedKey, unknown} {
			r := request(body)
			r.Header.Set("Authorization", "Bearer "+key)
			fmt.Fprintln(&told, serve(s, r).Body)
			r = httptest.NewRequest(http.MethodPost, "/v1/segments?enc=gzip&key="+key, strings.NewReader(body))
			r.Header.Set("Content-Type", "text/plain")
			fmt.Fprintln(&told, serve(s, r).Body)
		}
	}
	fmt.Fprintf(&told, "%+v %#v", s.cfg, s.cfg)
	encoded, err := json.Marshal(s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	told.Write(encoded)
	told.WriteString(serve(s, httptest.NewRequest(http.MethodGet, "/metrics", nil)).Body.String())
	told.Write(logged.Bytes())
	for _, secret := range []string{testKey, revokedKey, unknown, "../session", "session-1"} {
		if strings.Contains(told.String(), secret) {
			t.Errorf("%s is told", secret)
		}
	}
}

// TestRefusalsAreReadable: a page can tell a revoked key or one of another
// site from a broken network, so that its recorder stops.
func TestRefusalsAreReadable(t *testing.T) {
	cfg := testConfig(t)
	const other = "https://other.example.com"
	cfg.Projects[0].Keys[1].Origins = []string{other}
	s := newServer(t, cfg, nil, nil, Options{})
	f := func(key, origin string, status int) {
		t.Helper()
		r := request(upload("session-1", 0))
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Origin", origin)
		w := serve(s, r)
		if w.Code != status || w.Header().Get("Access-Control-Allow-Origin") != origin {
			t.Errorf("key %s: %d, readable by %q; want %d by %s", key, w.Code, w.Header().Get("Access-Control-Allow-Origin"), status, origin)
		}
	}
	f(revokedKey, other, http.StatusUnauthorized)
	f("pk_unknown_0123456789", other, http.StatusUnauthorized)
	f("pk_unknown_0123456789", testOrigin, http.StatusUnauthorized)
	f(testKey, other, http.StatusForbidden)
}

// TestRequestsAreCountedByKey: an operator sees which keys are used, a revoked
// one too, by their names.
func TestRequestsAreCountedByKey(t *testing.T) {
	s := newServer(t, testConfig(t), nil, nil, Options{})
	post(t, s, "session-1", 0)
	for range 2 {
		r := request(upload("session-1", 1))
		r.Header.Set("Authorization", "Bearer "+revokedKey)
		serve(s, r)
	}
	for line, want := range map[string]string{
		`playhead_ingest_key_requests_total{code="202",key="golden",project="shop"}`:  "1",
		`playhead_ingest_key_requests_total{code="401",key="revoked",project="shop"}`: "2",
	} {
		if got := metric(t, s, line); got != want {
			t.Errorf("%s is %q, want %s", line, got, want)
		}
	}
}
