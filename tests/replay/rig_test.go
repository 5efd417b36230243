package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/ingest"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/tests/traffic"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

const (
	project  = recording.ProjectID("shop")
	writeKey = "pk_replay_0123456789"
)

// begin is when the recordings begin, by the server's clock.
var begin = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// clock is the server's; it goes on when a test says so.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// server is a real ingest with a journal of its own.
type server struct {
	*ingest.Server
	url  string
	stop func()
}

// serve starts a server. Those with the same secret file know each other's
// session tokens.
func serve(t *testing.T, bucket objectstore.Bucket, idx index.Index, now func() time.Time, packAge time.Duration, secretFile string) *server {
	t.Helper()
	cfg := ingest.DefaultConfig()
	cfg.Journal.Dir = t.TempDir()
	cfg.Flush.PackAge = packAge
	cfg.SessionTokens.SecretFile = secretFile
	scrub := false // events are to come back byte for byte
	cfg.Projects = []ingest.Project{{ID: project, Scrub: &scrub, Keys: []ingest.Key{{Name: "test", Key: writeKey}}}}
	s, err := ingest.New(cfg, bucket, idx, ingest.Options{
		Now: now, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		DictionaryWorthBytes: 1, // the little that is sent here makes dictionaries
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	api := httptest.NewServer(s.Handler())
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		api.Close()
	})
	t.Cleanup(stop)
	return &server{Server: s, url: api.URL, stop: stop}
}

func (s *server) flush(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// browser sends the uploads of sessions, each with its session's token. Its
// clock is ahead of the server's by skew.
type browser struct {
	skew   time.Duration
	sender traffic.Sender
}

func (s *server) browser(now func() time.Time, skew time.Duration) *browser {
	b := &browser{skew: skew, sender: traffic.Sender{URL: s.url, Key: writeKey, Client: traffic.NewClient(2)}}
	b.sender.Now = func() time.Time { return now().Add(b.skew) }
	return b
}

func (b *browser) send(t *testing.T, uploads ...*traffic.Upload) {
	t.Helper()
	if err := b.try(t.Context(), uploads...); err != nil {
		t.Fatal(err)
	}
}

func (b *browser) try(ctx context.Context, uploads ...*traffic.Upload) error {
	for _, u := range uploads {
		reply, err := b.sender.Send(ctx, u)
		if err != nil {
			return err
		}
		if reply.Status != http.StatusAccepted {
			return fmt.Errorf("upload %v: %d %s", u.ID(), reply.Status, reply.Refusal)
		}
	}
	return nil
}

// recordings are those of the demo shop, which have the recorder's own events,
// one of a page that is loaded again and again, and some of the corpus where
// there is one.
func recordings(t *testing.T) []*traffic.Recording {
	t.Helper()
	all, err := traffic.ReadFolder(filepath.Join("..", "..", "examples", "shop", "recordings"), begin)
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, reloaded(t, 8))
	corpus, err := traffic.ReadFolder(traffic.Folder(filepath.Join("..", "..")), begin)
	switch {
	case errors.Is(err, traffic.ErrNoCorpus), errors.Is(err, os.ErrNotExist):
		t.Log("no corpus: with the recordings of the shop only")
	case err != nil:
		t.Fatal(err)
	}
	slices.SortFunc(corpus, func(a, b *traffic.Recording) int { return a.RawBytes - b.RawBytes })
	const most = 4 << 20
	for _, r := range corpus {
		if len(r.Segments) > 2 && r.RawBytes < most && len(all) < 6 {
			all = append(all, r)
		}
	}
	return all
}

// reloaded repeats a recording, a minute later each time: every page begins
// with a full snapshot.
func reloaded(t *testing.T, times int) *traffic.Recording {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "examples", "shop", "recordings", "double-order.json"))
	if err != nil {
		t.Fatal(err)
	}
	var events []map[string]any
	if err := json.Unmarshal(data, &events); err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for n := range times {
		for _, e := range events {
			again := maps.Clone(e)
			again["timestamp"] = int64(e["timestamp"].(float64)) + int64(n)*60_000
			all = append(all, again)
		}
	}
	data, err = json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	r, err := traffic.Read("reloaded", data, begin)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sessions(random *rand.Rand, recordings []*traffic.Recording) []*traffic.Session {
	list := make([]*traffic.Session, len(recordings))
	for i, r := range recordings {
		list[i] = traffic.NewSession(r, random, traffic.SessionOptions{})
	}
	return list
}

func uploads(s *traffic.Session) []*traffic.Upload {
	list := make([]*traffic.Upload, s.Len())
	for i := range list {
		list[i] = s.Upload(i)
	}
	return list
}
