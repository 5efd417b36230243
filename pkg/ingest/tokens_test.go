package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/ingest/wire/playhead"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// A UUIDv7 of 2026-11-22T12:00:00Z.
const freshSession = "019aaafc-0600-7000-8000-00000000000f"

var noon = time.UnixMilli(0x019aaafc0600)

// tokenServer is a server on real stores that asks for tokens, with a clock.
type tokenServer struct {
	*Server
	*stores
	t   *testing.T
	mu  sync.Mutex
	now time.Time
}

func newTokenServer(t *testing.T, st *stores, secret string, opts Options) *tokenServer {
	t.Helper()
	s := &tokenServer{stores: st, t: t, now: noon}
	opts.Now = func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.now
	}
	cfg := testConfig(t)
	cfg.Projects[0].SessionTokens = "" // the default
	cfg.SessionTokens.SecretFile = secret
	s.Server = newServer(t, cfg, st.bucket, st.index, opts)
	return s
}

func (s *tokenServer) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// upload sends a segment and returns status, token and the field to blame.
func (s *tokenServer) upload(session, window string, seq int, token string) (status int, given, field string) {
	s.t.Helper()
	header := fmt.Sprintf(`{"v":1,"session_id":%q,"window_id":%q,"page_id":"page-0001","seq":%d,"sent_at":1}`, session, window, seq)
	if token != "" {
		header = strings.Replace(header, `"v":1`, `"v":1,"token":"`+token+`"`, 1)
	}
	w := serve(s.Server, request(header+"\n"+eventLines(session, seq, 1)))
	var body struct{ Token, Field string }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		s.t.Fatal(err)
	}
	return w.Code, body.Token, body.Field
}

func (s *tokenServer) accepts(session, window string, seq int, token string) string {
	s.t.Helper()
	status, given, _ := s.upload(session, window, seq, token)
	if status != http.StatusAccepted {
		s.t.Errorf("segment %d of %s in %s: %d", seq, session, window, status)
	}
	return given
}

func (s *tokenServer) refuses(session, window string, seq int, token string) {
	s.t.Helper()
	before := s.journal.Stats().Segments
	status, given, field := s.upload(session, window, seq, token)
	if status != http.StatusForbidden || field != "token" || given != "" {
		s.t.Errorf("segment %d of %s in %s: %d, field %q", seq, session, window, status, field)
	}
	if s.journal.Stats().Segments != before {
		s.t.Errorf("segment %d of %s in %s is refused and kept", seq, session, window)
	}
}

func (s *tokenServer) store() {
	s.t.Helper()
	stop := running(s.t, s.Server)
	if err := s.Flush(deadline(s.t)); err != nil {
		s.t.Fatal(err)
	}
	if err := stop(); err != nil {
		s.t.Fatal(err)
	}
}

func TestSessionToken(t *testing.T) {
	s := newTokenServer(t, newStores(t), "", Options{})
	token := s.accepts("session-1", "window-1", 0, "")
	if len(token) < 40 {
		t.Fatalf("the first segment is answered with token %q", token)
	}
	// Another tab at the same time, and a page that was left before the answer.
	s.pass(59 * time.Second)
	if other := s.accepts("session-1", "window-2", 0, ""); other != token {
		t.Errorf("the other tab gets token %q", other)
	}
	if again := s.accepts("session-1", "window-1", 1, token); again != "" {
		t.Error("a token is given to who has it")
	}
	// From the first use of the token on nobody has an excuse.
	s.refuses("session-1", "window-1", 2, "")
	s.refuses("session-1", "window-3", 0, "")

	s.accepts("session-0", "window-1", 0, "")
	s.pass(61 * time.Second)
	s.refuses("session-0", "window-1", 1, "")

	// A lost answer: the segment is sent again as it was.
	if again := s.accepts("session-1", "window-1", 0, ""); again != token {
		t.Errorf("a repeat gets token %q", again)
	}

	// Tokens of something else.
	other := s.accepts("session-2", "window-1", 0, "")
	s.refuses("session-1", "window-1", 2, other)
	s.refuses("session-1", "window-1", 2, token[:len(token)-1])
	s.refuses("session-1", "window-1", 2, token+"A")
	s.refuses("session-1", "window-1", 2, strings.Repeat("A", 43))
	s.refuses("session-3", "window-1", 0, token) // also when the session is new
	s.accepts("session-1", "window-1", 2, token)

	if n := metric(t, s.Server, `playhead_ingest_refused_total{reason="token"}`); n != "8" {
		t.Errorf("%s refusals are counted", n)
	}
}

// TestSessionsOfOtherServers: a server without memory of a session asks the
// index, and takes what it cannot know.
func TestSessionsOfOtherServers(t *testing.T) {
	st := newStores(t)
	secret := filepath.Join(t.TempDir(), "secret")
	first := newTokenServer(t, st, secret, Options{})
	token := first.accepts("session-1", "window-1", 0, "")
	first.accepts("session-1", "window-1", 1, token)
	first.store()

	s := newTokenServer(t, st, secret, Options{})
	s.refuses("session-1", "window-1", 2, "")
	s.refuses("session-1", "window-1", 3, "") // from memory
	if n := metric(t, s.Server, `playhead_ingest_session_asks_total{answer="known"}`); n != "1" {
		t.Errorf("the index is asked %s times", n)
	}
	s.accepts("session-1", "window-1", 2, token)

	// A repeat of what the other server stored.
	s = newTokenServer(t, st, secret, Options{})
	if again := s.accepts("session-1", "window-1", 1, ""); again != token {
		t.Errorf("the repeat gets token %q", again)
	}
	s.refuses("session-1", "window-1", 9, "")
	// A session that nobody knows, and one whose id says that it begins.
	s.accepts("session-new", "window-1", 0, "")
	s.accepts(freshSession, "window-1", 0, "")
	if n := metric(t, s.Server, `playhead_ingest_session_asks_total{answer="unknown"}`); n != "1" {
		t.Errorf("%s unknown sessions, want 1: a fresh id asks nobody", n)
	}

	// An index that is away keeps nobody out, and is not asked again and again.
	s = newTokenServer(t, st, secret, Options{})
	st.index.fail(errors.New("the index is away"))
	s.accepts("session-1", "window-1", 5, "")
	st.index.fail(nil)
	s.accepts("session-later", "window-1", 0, "")
	if n := metric(t, s.Server, `playhead_ingest_session_asks_total{answer="no_answer"}`); n != "2" {
		t.Errorf("%s questions without answer, want 2: it is asked at once after it did not answer", n)
	}
	s.pass(askPause + time.Second)
	s.refuses("session-1", "window-2", 0, "")
}

// slowIndex answers when it is told to.
type slowIndex struct {
	*faultyIndex
	answer chan struct{}
	asked  atomic.Int64
}

func (x *slowIndex) Stored(ctx context.Context, p recording.ProjectID, from map[recording.SessionID]uint32) (map[recording.SegmentID]struct{}, error) {
	x.asked.Add(1)
	select {
	case <-x.answer:
		return x.faultyIndex.Stored(ctx, p, from)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestSlowIndex: who cannot be told yet comes back, and the answer is there.
func TestSlowIndex(t *testing.T) {
	st := newStores(t)
	secret := filepath.Join(t.TempDir(), "secret")
	first := newTokenServer(t, st, secret, Options{})
	token := first.accepts("session-1", "window-1", 0, "")
	first.store()

	slow := &slowIndex{faultyIndex: st.index, answer: make(chan struct{})}
	cfg := testConfig(t)
	cfg.Projects[0].SessionTokens, cfg.SessionTokens.SecretFile = TokensRequired, secret
	s := &tokenServer{Server: newServer(t, cfg, st.bucket, slow, Options{}), stores: st, t: t}
	waits := func(session string, seq int) {
		t.Helper()
		w := serve(s.Server, request(headerLine(session, seq)+"\n"+eventLines(session, seq, 1)))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("segment %d of %s: %d %s", seq, session, w.Code, w.Body)
		}
	}
	waits("session-1", 1)    // somebody else's
	waits("session-1", 0)    // a repeat
	waits("session-new1", 0) // a new one
	close(slow.answer)
	s.sessions.asks.Wait()
	s.refuses("session-1", "window-1", 1, "")
	if again := s.accepts("session-1", "window-1", 0, ""); again != token {
		t.Errorf("the repeat gets token %q", again)
	}
	s.accepts("session-new1", "window-1", 0, "")
	if n := metric(t, s.Server, `playhead_ingest_session_asks_total{answer="unknown"}`); n != "1" {
		t.Errorf("the index is asked %s times for the new session", n)
	}

	// One query at a time, and what waits goes into the next; beyond that it is
	// not even asked.
	slow.answer = make(chan struct{})
	asked := slow.asked.Load()
	head := &entry{project: &project{tokens: true}, id: segmentID("session-first", 0)}
	s.sessions.question(head)
	eventually(t, "the first question is asked", func() bool { return slow.asked.Load() == asked+1 })
	for i := range asksWaiting {
		e := *head
		e.id = segmentID(fmt.Sprintf("session-a%d", i), 0)
		if s.sessions.question(&e) == nil {
			t.Fatalf("question %d is not taken", i)
		}
	}
	waits("session-new2", 0)
	close(slow.answer)
	s.sessions.asks.Wait()
	if n := slow.asked.Load() - asked; n != 1+asksWaiting/asksTogether {
		t.Errorf("%d queries for %d questions", n, 1+asksWaiting)
	}
	s.accepts("session-new2", "window-1", 0, "")
}

// TestSecrets: what a rotation needs.
func TestSecrets(t *testing.T) {
	st := newStores(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "made", "secret")
	old, now := strings.Repeat("o", 32), strings.Repeat("n", 32)
	token := newTokenServer(t, st, file, Options{}).accepts("session-1", "window-1", 0, "")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the secret file: %v, %v", info, err)
	}
	if again := newTokenServer(t, st, file, Options{}).accepts("session-1", "window-1", 1, ""); again != token {
		t.Error("a server with the same file makes other tokens")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "made", ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	write := func(lines string) string {
		path := filepath.Join(dir, "secret")
		if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token = newTokenServer(t, st, write(old), Options{}).accepts("session-1", "window-1", 2, "")
	s := newTokenServer(t, st, write(now+"\n"+old+"\n"), Options{})
	renewed := s.accepts("session-1", "window-1", 3, token)
	if renewed == "" || renewed == token {
		t.Errorf("after a rotation the answer has token %q", renewed)
	}
	s = newTokenServer(t, st, write(now), Options{})
	s.refuses("session-1", "window-1", 4, token)
	s.accepts("session-1", "window-1", 4, renewed)

	for _, lines := range []string{"", "\n\n", "short\n", now + "\nshort", strings.Repeat(now, 4000)} {
		_, err := loadTokens(write(lines))
		if err == nil || strings.Contains(err.Error(), now) {
			t.Errorf("%.40q: error %v", lines, err)
		}
	}
	if _, err := loadTokens(dir); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder: error %v", err)
	}
}

// TestSecretIsMadeOnce: servers that start together agree.
func TestSecretIsMadeOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	var all sync.WaitGroup
	made := make([]string, 16)
	for i := range made {
		all.Go(func() {
			secrets, err := loadTokens(file)
			if err != nil {
				t.Error(err)
				return
			}
			made[i] = secrets.of("shop", "session-1")
		})
	}
	all.Wait()
	if len(slices.Compact(made)) != 1 {
		t.Error("the servers make different tokens")
	}
}

// TestTokensAreOptional: a project without tokens neither gives nor asks.
func TestTokensAreOptional(t *testing.T) {
	st := newStores(t)
	s := newTokenServer(t, st, "", Options{})
	projects := slices.Clone(s.cfg.Projects)
	projects[0].SessionTokens = TokensOff
	if err := s.Reload(projects); err != nil {
		t.Fatal(err)
	}
	if token := s.accepts("session-1", "window-1", 0, ""); token != "" {
		t.Errorf("token %q", token)
	}
	s.pass(time.Hour)
	s.accepts("session-1", "window-1", 1, "")
	s.accepts("session-1", "window-1", 2, "made-up")
}

// TestImportsNeedNoToken: what comes through Accept is not from a stranger.
func TestImportsNeedNoToken(t *testing.T) {
	s := newTokenServer(t, newStores(t), "", Options{})
	s.accepts("session-1", "window-1", 0, "")
	s.pass(time.Hour)
	up := Upload{Header: playhead.Header{Session: "session-1", Window: "window-1", Page: "page-0001", Seq: 1}, Events: []byte(eventLines("session-1", 1, 1))}
	if err := s.Accept(t.Context(), testProject, up); err != nil {
		t.Error(err)
	}
}

// TestTokensAreNeverTold: a token is in the answer to its session and nowhere
// else: not in packs and rows, logs and metrics.
func TestTokensAreNeverTold(t *testing.T) {
	st := newStores(t)
	var told bytes.Buffer
	s := newTokenServer(t, st, "", Options{Log: slog.New(slog.NewJSONHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	token := s.accepts("session-1", "window-1", 0, "")
	s.accepts("session-1", "window-1", 1, token)
	s.refuses("session-2", "window-1", 1, token)
	s.store()
	told.Write(serve(s.Server, httptest.NewRequest(http.MethodGet, "/metrics", nil)).Body.Bytes())
	for _, key := range packKeys(t, st.bucket) {
		data := readObject(t, st.bucket, key)
		footer, err := segment.ReadFooter(bytes.NewReader(data), int64(len(data)))
		if err != nil || len(footer.Entries) == 0 {
			t.Fatal(err)
		}
		fmt.Fprintf(&told, "%+v", footer)
		for _, e := range footer.Entries {
			events, err := segment.Decode(nil, data[e.Offset:e.Offset+e.Length], e.RawBytes, nil)
			if err != nil {
				t.Fatal(err)
			}
			told.Write(events)
		}
	}
	rows, err := st.index.Segments(t.Context(), testProject, "session-1")
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	fmt.Fprintf(&told, "%+v", rows)
	if strings.Contains(told.String(), token) {
		t.Error("the token is told")
	}
}
