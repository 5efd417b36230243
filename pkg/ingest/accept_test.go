package ingest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/ingest/wire/playhead"
	"github.com/playhead/playhead/pkg/segment"
)

// disk is the journal's disk, whose fsync a test can hold or fail.
type disk struct {
	mu      sync.Mutex
	holding chan struct{}
	failing error
	held    chan struct{} // one for each fsync that is being held
}

func newDisk() *disk { return &disk{held: make(chan struct{}, 1000)} }

func (d *disk) create(path string) (journal.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	return diskFile{f, d}, err
}

func (d *disk) hold() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.holding = make(chan struct{})
}

func (d *disk) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.holding)
	d.holding = nil
}

func (d *disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing = err
}

type diskFile struct {
	*os.File
	disk *disk
}

func (f diskFile) Sync() error {
	f.disk.mu.Lock()
	holding := f.disk.holding
	f.disk.mu.Unlock()
	if holding != nil {
		f.disk.held <- struct{}{}
		<-holding
	}
	f.disk.mu.Lock()
	failing := f.disk.failing
	f.disk.mu.Unlock()
	if failing != nil {
		return failing
	}
	return f.File.Sync()
}

func TestAcknowledgedOnlyAfterFsync(t *testing.T) {
	d := newDisk()
	s := newServer(t, testConfig(t), nil, nil, Options{create: d.create})
	d.hold()
	const senders = 10
	answers := make(chan int, 2*senders)
	var sent sync.WaitGroup
	for seq := range senders {
		for range 2 { // each segment is delivered twice at once
			sent.Go(func() { answers <- serve(s, request(upload("session-1", seq))).Code })
		}
	}
	<-d.held
	if len(answers) != 0 {
		t.Errorf("%d uploads are answered before fsync", len(answers))
	}
	d.release()
	sent.Wait()
	for range 2 * senders {
		if code := <-answers; code != http.StatusAccepted {
			t.Errorf("answer %d", code)
		}
	}
	if n := s.journal.Stats().Segments; n != senders {
		t.Errorf("%d segments are kept, want %d", n, senders)
	}
	if got := metric(t, s, "playhead_ingest_repeats_total"); got != "10" {
		t.Errorf("%s repeats are counted", got)
	}
}

func TestFailedFsyncIsNeverAcknowledged(t *testing.T) {
	d := newDisk()
	away := &faultyIndex{before: errors.New("connection refused")}
	s := newServer(t, testConfig(t), nil, away, Options{create: d.create})
	post(t, s, "session-0", 0)
	d.hold()
	answers := make(chan int, 2)
	for range 2 { // the second waits for the first, and must hear of its end
		go func() { answers <- serve(s, request(upload("session-1", 0))).Code }()
	}
	<-d.held
	d.fail(syscall.EIO)
	d.release()
	for range 2 {
		if code := <-answers; code != http.StatusServiceUnavailable {
			// The second may have come late; then it fails by itself.
			t.Errorf("answer %d", code)
		}
	}
	d.fail(nil)
	if err := s.Flush(deadline(t)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush: %v", err)
	}
	if w := serve(s, request(upload("session-1", 1))); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("after the failure: %d", w.Code)
	}
	if w := serve(s, newGet("/readyz")); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "failed") {
		t.Errorf("readyz: %d %s", w.Code, w.Body)
	}
	if err := s.Run(deadline(t)); !errors.Is(err, journal.ErrFailed) {
		t.Errorf("Run returns %v, want ErrFailed", err)
	}
}

func TestRepeatsAfterRestart(t *testing.T) {
	cfg := testConfig(t)
	for range 3 {
		s := newServer(t, cfg, nil, nil, Options{})
		for seq := range 5 {
			post(t, s, "session-1", seq)
		}
		if n := s.journal.Stats().Segments; n != 5 {
			t.Errorf("%d segments are kept, want 5", n)
		}
		if err := s.journal.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestJournalHasOneServer(t *testing.T) {
	cfg := testConfig(t)
	newServer(t, cfg, nil, nil, Options{})
	if _, err := New(cfg, nil, nil, Options{Log: quiet()}); !errors.Is(err, journal.ErrInUse) {
		t.Errorf("error %v, want ErrInUse", err)
	}
}

// TestIdentity: what makes two uploads the same segment.
func TestIdentity(t *testing.T) {
	cfg := testConfig(t)
	cfg.Projects = append(cfg.Projects, Project{ID: "other", SessionTokens: TokensOff, Keys: []Key{{Name: "k", Key: "pk_another_project"}}})
	s := newServer(t, cfg, nil, nil, Options{})
	send := func(key, header string) {
		t.Helper()
		r := request(header + "\n" + eventLines("x", 0, 1))
		r.Header.Set("Authorization", "Bearer "+key)
		if w := serve(s, r); w.Code != http.StatusAccepted {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	base := headerLine("session-1", 0)
	for _, header := range []string{
		base,
		strings.Replace(base, "page-0001", "page-0002", 1), // a page is not part of it
		strings.Replace(base, `"seq":0`, `"seq":1`, 1),
		strings.Replace(base, "window-1", "window-2", 1),
		strings.Replace(base, "session-1", "session-2", 1),
	} {
		send(testKey, header)
		send("pk_another_project", header)
	}
	if n := s.journal.Stats().Segments; n != 8 {
		t.Errorf("%d segments are kept, want 4 in each project", n)
	}
}

func TestClocks(t *testing.T) {
	c := newWindows()
	f := func(session string, sample, want int64) {
		t.Helper()
		if got := c.offset(segmentID(session, 0), sample); got != want {
			t.Errorf("sample %d gives %d, want %d", sample, got, want)
		}
	}
	f("session-1", 120, 120)
	f("session-1", 150, 120) // the network only adds
	f("session-1", 80, 80)
	f("session-1", 60_000, 80)
	f("session-2", 500, 500) // another window
	f("session-1", 3_600_080, 3_600_080)
	f("session-1", 3_600_000, 3_600_000) // the clock was set back by an hour
	f("session-1", -86_400_000, -86_400_000)
}

func TestGenerationsForgetTheOldest(t *testing.T) {
	g := newGenerations[int](4)
	id := func(i int) journal.Identity { return journal.Identity{byte(i)} }
	for i := range 6 {
		g.put(id(i), i)
		g.get(id(0)) // used all the time
	}
	if _, ok := g.get(id(0)); !ok {
		t.Error("what is used is forgotten")
	}
	if _, ok := g.get(id(1)); ok {
		t.Error("what is not used is remembered")
	}
	if n := len(g.young) + len(g.old); n > 4 {
		t.Errorf("%d are remembered, want at most 4", n)
	}
}

// storedEvents returns the events of the first segment of a pack.
func storedEvents(t *testing.T, pack []byte) string {
	t.Helper()
	footer, err := segment.ReadFooter(bytes.NewReader(pack), int64(len(pack)))
	if err != nil {
		t.Fatal(err)
	}
	e := footer.Entries[0]
	events, err := segment.Decode(nil, pack[e.Offset:e.Offset+e.Length], e.RawBytes, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(events)
}

// TestAPanicEndsItsArrival: the repeat of an upload that a panic cut off is
// accepted, wherever that was.
func TestAPanicEndsItsArrival(t *testing.T) {
	for where, take := range map[string]func(s *Server) (giveBack func()){
		"prepare": func(s *Server) func() {
			windows := s.windows
			s.windows = nil
			return func() { s.windows = windows }
		},
		"keep": func(s *Server) func() {
			journal := s.journal
			s.journal = nil
			return func() { s.journal = journal }
		},
	} {
		t.Run(where, func(t *testing.T) {
			s := newServer(t, testConfig(t), nil, nil, Options{})
			project, _ := s.project(testProject)
			upload := func() error {
				_, err := s.accept(deadline(t), &incoming{
					project: project, received: time.Now(), encoding: playhead.Identity,
					body: []byte(headerLine("session-1", 0) + "\n" + eventLines("session-1", 0, 2)),
				})
				return err
			}
			giveBack := take(s)
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				_ = upload()
			}()
			giveBack()
			if err := upload(); err != nil {
				t.Errorf("the repeat: %v", err)
			}
			if n := s.journal.Stats().Segments; n != 1 {
				t.Errorf("%d segments are kept, want 1", n)
			}
		})
	}
}

func TestAcceptWithoutHTTP(t *testing.T) {
	st, o := newStores(t), newOracle()
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	running(t, s)
	events := clickLines("session-1", 0)
	for range 2 {
		if err := s.Accept(deadline(t), testProject, uploadOf("session-1", 0, events)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Accept(deadline(t), "other", uploadOf("session-1", 0, events)); !errors.Is(err, ErrUnknownProject) {
		t.Errorf("error %v, want ErrUnknownProject", err)
	}
	if err := s.Accept(deadline(t), testProject, uploadOf("session-1", 1, "{}")); err == nil {
		t.Error("an invalid event is accepted")
	}
	o.ack("session-1", 0, events)
	flush(t, s)
	o.check(t, st)
}
