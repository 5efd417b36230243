package ingest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
)

// hangingBucket is a real bucket whose calls wait, while they are told to, until
// whoever called gives up.
type hangingBucket struct {
	objectstore.Bucket
	reads, writes atomic.Bool  // that hang
	given         atomic.Int64 // up, so far
}

func (b *hangingBucket) wait(ctx context.Context, hangs *atomic.Bool) error {
	if !hangs.Load() {
		return nil
	}
	<-ctx.Done()
	b.given.Add(1)
	return ctx.Err()
}

func (b *hangingBucket) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	if err := b.wait(ctx, &b.writes); err != nil {
		return err
	}
	return b.Bucket.Put(ctx, key, r, size)
}

func (b *hangingBucket) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := b.wait(ctx, &b.reads); err != nil {
		return nil, err
	}
	return b.Bucket.Get(ctx, key, offset, length)
}

func (b *hangingBucket) List(ctx context.Context, prefix string, f func(objectstore.Object) error) error {
	if err := b.wait(ctx, &b.reads); err != nil {
		return err
	}
	return b.Bucket.List(ctx, prefix, f)
}

func (b *hangingBucket) Delete(ctx context.Context, key string) error {
	if err := b.wait(ctx, &b.writes); err != nil {
		return err
	}
	return b.Bucket.Delete(ctx, key)
}

// patience is how long a server of these tests waits for a store.
const patience = time.Second

// Reads that hang delay what is found in windows; nothing else feels them, and
// the windows are followed when the bucket answers.
func TestReadsThatHang(t *testing.T) {
	st, cfg := newStores(t), testConfig(t)
	cfg.Insight.CopiesBytes = 0 // so that windows are read from the bucket
	bucket := &hangingBucket{Bucket: st.bucket}
	s := newServer(t, cfg, bucket, st.index, Options{attemptTimeout: patience})
	bucket.reads.Store(true)
	running(t, s)
	sessions := []recording.SessionID{"session-1", "session-2"}
	for _, session := range sessions {
		sendClicks(t, s, string(session), 0, 3)
		must(t, s.pipeline.flush(deadline(t)))
	}
	eventually(t, "following gives up more than once", func() bool { return bucket.given.Load() > 1 })
	bucket.reads.Store(false)
	flush(t, s)
	for _, session := range sessions {
		if got := namedClicks(t, st, session); got != 2 {
			t.Errorf("%d clicks of %s have their button's name, want 2", got, session)
		}
	}
}

// While nothing of the bucket answers, uploads are acknowledged, the server is
// ready, and it ends when it is told to; the next one stores everything.
func TestABucketThatHangs(t *testing.T) {
	st, cfg, o := newStores(t), testConfig(t), newOracle()
	cfg.Flush.Grace = time.Second
	bucket := &hangingBucket{Bucket: st.bucket}
	bucket.reads.Store(true)
	bucket.writes.Store(true)
	s := newServer(t, cfg, bucket, st.index, Options{attemptTimeout: patience})
	stop := running(t, s)
	waiting, cancel := context.WithCancel(deadline(t))
	defer cancel()
	for seq := range 5 {
		o.send(t, s, "session-1", seq)
	}
	go func() { _ = s.pipeline.flush(waiting) }() // which makes a pack now
	eventually(t, "the bucket counts as away", func() bool { return !s.pipeline.storeStates()["bucket"].OK })
	o.send(t, s, "session-2", 0)
	if w := serve(s, httptest.NewRequest(http.MethodGet, "/readyz", nil)); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"bucket":{"ok":false`) {
		t.Errorf("readiness: %d %s", w.Code, w.Body)
	}
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	select {
	case err := <-ended:
		must(t, err)
	case <-time.After(cfg.Flush.Grace + 10*time.Second):
		t.Fatal("the server does not end")
	}

	bucket.reads.Store(false)
	bucket.writes.Store(false)
	s = newServer(t, cfg, bucket, st.index, Options{})
	running(t, s)
	flush(t, s)
	o.check(t, st)
}

// pausingIndex is a real index that does something before it answers what is
// stored of a session, but after it has looked.
type pausingIndex struct {
	index.Index
	meanwhile func(recording.SessionID)
}

func (p *pausingIndex) Segments(ctx context.Context, project recording.ProjectID, session recording.SessionID) ([]recording.StoredSegment, error) {
	stored, err := p.Index.Segments(ctx, project, session)
	p.meanwhile(session)
	return stored, err
}

// A session of which more is stored while it is looked up, and for which there
// is no room again, is looked up once more.
func TestInsightFallsBehindWhileItLooksUp(t *testing.T) {
	st := newStores(t)
	idx := &pausingIndex{Index: st.index, meanwhile: func(recording.SessionID) {}}
	s := newServer(t, testConfig(t), st.bucket, idx, Options{})
	insights := s.pipeline.packer.insights
	insights.limit = 1
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	var pipeline sync.WaitGroup
	pipeline.Go(func() { s.pipeline.run(ctx) })
	store := func(session string, window recording.WindowID) {
		t.Helper()
		begun := time.Now().Add(-10 * time.Minute).UnixMilli()
		u := uploadOf(session, 0, shopPage(begun)+clickLine(begun+1000))
		u.Header.Window = window
		must(t, s.Accept(ctx, testProject, u))
		must(t, s.pipeline.flush(ctx))
	}
	store("session-2", "window-1") // takes the room
	store("session-1", "window-1")
	if _, ok := insights.take(); !ok || len(insights.backlog.late) != 1 {
		t.Fatalf("%d sessions are late, want session-1", len(insights.backlog.late))
	}
	idx.meanwhile = func(recording.SessionID) {
		idx.meanwhile = func(recording.SessionID) {}
		store("session-3", "window-1") // takes the room
		store("session-1", "window-2")
	}
	if !insights.revisitOne(ctx) {
		t.Fatal("nothing was late")
	}
	cancel()
	pipeline.Wait()
	running(t, s)
	flush(t, s)
	if got := namedClicks(t, st, "session-1"); got != 2 {
		t.Errorf("%d clicks have their button's name, want one of each window", got)
	}
}

// After a start there may be more sessions to look at than a call of the index
// may take.
func TestInsightLooksAtManySessionsAfterAStart(t *testing.T) {
	st, cfg := newStores(t), testConfig(t)
	s := newServer(t, cfg, st.bucket, st.index, Options{})
	stop := running(t, s)
	const sessions = 12
	for n := range sessions {
		sendClicks(t, s, fmt.Sprintf("session-%d", n), 0, 1)
	}
	flush(t, s)
	must(t, stop())
	note := fmt.Sprintf(`{"followed_ms":%d}`, time.Now().Add(-time.Hour).UnixMilli())
	must(t, os.WriteFile(filepath.Join(cfg.Journal.Dir, "insight.json"), []byte(note), 0o600))

	const patience = time.Second
	slow := &pausingIndex{Index: st.index, meanwhile: func(recording.SessionID) { <-time.After(2 * patience / sessions) }}
	s = newServer(t, cfg, st.bucket, slow, Options{attemptTimeout: patience})
	running(t, s)
	eventually(t, "all windows are known", func() bool { return s.pipeline.packer.insights.stats.Load().Windows == sessions })
}
