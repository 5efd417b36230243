package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/ingest/wire/playhead"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
)

const (
	testKey     = "pk_golden_0123456789"
	revokedKey  = "pk_golden_revoked_key"
	testOrigin  = "https://shop.example.com"
	testProject = recording.ProjectID("shop")
)

// testConfig is the configuration of testdata/wire/README.md in an empty
// folder, without session tokens, so that a test can send segments in any order
// at any time.
func testConfig(t testing.TB) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Projects = []Project{{
		ID: testProject, SessionTokens: TokensOff,
		Keys: []Key{
			{Name: "golden", Key: testKey, Origins: []string{testOrigin}},
			{Name: "revoked", Key: revokedKey, Origins: []string{testOrigin}, Revoked: true},
		},
	}}
	cfg.Journal.Dir = t.TempDir()
	cfg.Journal.CommitInterval = 0
	return cfg
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// newServer opens a server that is closed with the test. Without Run it only
// accepts.
func newServer(t testing.TB, cfg Config, bucket objectstore.Bucket, idx index.Index, opts Options) *Server {
	t.Helper()
	if opts.Log == nil {
		opts.Log = quiet()
	}
	s, err := New(cfg, bucket, idx, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.journal.Close() }) // may be closed already
	return s
}

// running runs a server until stop is called, which returns what Run did.
func running(t testing.TB, s *Server) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() { cancel(); err = <-ended })
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	within(t, 20*time.Second, what, condition)
}

func within(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in %s", what, limit)
		}
	}
}

func headerLine(session string, seq int) string {
	return fmt.Sprintf(`{"v":1,"session_id":%q,"window_id":"window-1","page_id":"page-0001","seq":%d,"sent_at":%d}`, session, seq, time.Now().UnixMilli())
}

// eventLines are n events whose content names their segment.
func eventLines(session string, seq, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"type":3,"timestamp":%d,"data":{"source":1,"session":%q,"seq":%d,"event":%d}}`+"\n", time.Now().UnixMilli(), session, seq, i)
	}
	return b.String()
}

func upload(session string, seq int) string {
	return headerLine(session, seq) + "\n" + eventLines(session, seq, 3)
}

// request is what a server-side sender sends.
func request(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/segments", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+testKey)
	r.Header.Set("Content-Type", "application/x-ndjson")
	return r
}

func serve(s *Server, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func post(t testing.TB, s *Server, session string, seq int) {
	t.Helper()
	if w := serve(s, request(upload(session, seq))); w.Code != http.StatusAccepted {
		t.Fatalf("segment %d of %s: %d %s", seq, session, w.Code, w.Body)
	}
}

// answer is the body of a refusal.
type answer struct {
	Type, Title, Detail, Field, Limit string
	Status, Line                      int
}

func decodeAnswer(t testing.TB, w *httptest.ResponseRecorder) answer {
	t.Helper()
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
	return a
}

func compress(t testing.TB, how string, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch how {
	case "":
		return body
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		if w, err = zstd.NewWriter(&out); err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatalf("compression %q is not known", how)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func metric(t testing.TB, s *Server, line string) string {
	t.Helper()
	w := serve(s, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for l := range strings.Lines(w.Body.String()) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(l), line+" "); ok {
			return value
		}
	}
	return ""
}

func uploadOf(session string, seq uint32, events string) Upload {
	return Upload{
		Header: playhead.Header{Session: recording.SessionID(session), Window: "window-1", Page: "page-0001", Seq: seq, SentAtMs: time.Now().UnixMilli()},
		Events: []byte(events),
	}
}

// soon lets a pipeline that waits for a store ask it a thousand times a second.
func soon(time.Duration) <-chan time.Time { return time.After(time.Millisecond) }

func flush(t testing.TB, s *Server) {
	t.Helper()
	if err := s.Flush(deadline(t)); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newGet(path string) *http.Request {
	r := request("")
	r.Method, r.URL.Path = http.MethodGet, path
	return r
}
