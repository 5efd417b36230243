package replay

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/reindex"
	"github.com/playhead/playhead/pkg/segment"
	"github.com/playhead/playhead/tests/traffic"
)

func rebuild(t *testing.T, stores *playbacktest.Stores, o reindex.Options) reindex.Summary {
	t.Helper()
	o.Parallel = 3
	summary, err := reindex.Run(t.Context(), reindex.Config{
		Bucket: stores.Bucket, Index: stores.Index, Dictionaries: dictionary.NewReader(stores.Bucket, 8<<20),
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: time.Now, After: time.After,
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	if !summary.Complete || summary.UnreadablePacks+summary.DamagedSegments > 0 {
		t.Fatalf("%+v", summary)
	}
	return summary
}

// stored counts packs and their segments.
type stored struct{ packs, segments, copies, withDictionary int }

func count(t *testing.T, bucket objectstore.Bucket) (n stored) {
	t.Helper()
	seen := map[recording.SegmentID]bool{}
	err := bucket.List(t.Context(), segment.ProjectPrefix(project), func(o objectstore.Object) error {
		if !strings.HasSuffix(o.Key, ".pack") {
			return nil
		}
		footer, err := segment.ReadFooter(strings.NewReader(string(readAll(t, bucket, o.Key))), o.Size)
		if err != nil {
			return err
		}
		n.packs++
		for _, e := range footer.Entries {
			n.segments++
			if seen[e.SegmentID] {
				n.copies++
			}
			if e.Dictionary != "" {
				n.withDictionary++
			}
			seen[e.SegmentID] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// teach sends sessions of different people until their site has a dictionary.
func teach(t *testing.T, c *clock, s *server, bucket objectstore.Bucket, r *traffic.Recording) {
	t.Helper()
	random := rand.New(rand.NewPCG(2, 2))
	learnt := errors.New("there is a dictionary")
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		session := traffic.NewSession(r, random, traffic.SessionOptions{})
		s.browser(c.Now, 0).send(t, uploads(session)...)
		s.flush(t)
		c.advance(time.Minute)
		err := bucket.List(t.Context(), segment.DictionaryPrefix(project), func(o objectstore.Object) error {
			if strings.HasSuffix(o.Key, ".dict") {
				return learnt
			}
			return nil
		})
		if errors.Is(err, learnt) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("no dictionary was made")
}

// Every question is answered alike by the index that ingest wrote and by one
// that was made again from object storage, whatever happened on the way:
// repeats, late and missing segments, clocks that are set, and segments that
// two servers stored, and dictionaries.
func TestReindexAnswersAsBefore(t *testing.T) {
	stores := playbacktest.Open(t)
	clock := &clock{now: begin}
	secret := filepath.Join(t.TempDir(), "secret")
	first := serve(t, stores.Bucket, stores.Index, clock.Now, time.Minute, secret)
	second := serve(t, stores.Bucket, blind{stores.Index}, clock.Now, time.Minute, secret)

	random := rand.New(rand.NewPCG(3, 3))
	known := recordings(t)
	largest := slices.MaxFunc(known, func(a, b *traffic.Recording) int { return a.RawBytes - b.RawBytes })
	teach(t, clock, first, stores.Bucket, largest)
	all := sessions(random, append(known, largest))
	browser := first.browser(clock.Now, 0)
	send := func(to *server, skew time.Duration, uploads ...*traffic.Upload) {
		browser.sender.URL, browser.skew = to.url, skew
		browser.send(t, uploads...)
	}
	var late []*traffic.Upload
	for i, u := range traffic.Interleave(random, all) {
		clock.advance(time.Second)
		skew := 4 * time.Second
		if u.Seq%2 == 1 {
			skew = -time.Hour // the clock of the browser was set
		}
		switch {
		case i%7 == 6: // lost
		case i%5 == 4:
			late = append(late, u)
		case i%3 == 2:
			send(first, skew, u, u) // a repeat before it is stored
			clock.advance(time.Millisecond)
			send(second, 90*time.Second, u) // and one at a server that cannot know of it
		default:
			send(first, skew, u)
		}
		if i%30 == 29 {
			first.flush(t)
			second.flush(t)
		}
	}
	clock.advance(24 * time.Hour)
	random.Shuffle(len(late), func(i, j int) { late[i], late[j] = late[j], late[i] })
	send(first, 4*time.Second, late...)
	first.flush(t)
	second.flush(t)
	send(first, 4*time.Second, late[0]) // a repeat of what is stored
	first.flush(t)

	before := ask(t, stores.Index, stores.Bucket)
	there := count(t, stores.Bucket)
	if there.packs < 4 || there.copies == 0 || there.withDictionary == 0 || there.withDictionary == there.segments {
		t.Fatalf("%+v: this tests too little", there)
	}

	summary := rebuild(t, stores, reindex.Options{Clear: true, Project: project})
	if summary.Packs != int64(there.packs) || summary.Segments != int64(there.segments) || summary.Moments == 0 {
		t.Errorf("%+v, want %+v", summary, there)
	}
	diff(t, ask(t, stores.Index, stores.Bucket), before)

	// Without clearing nothing changes either.
	rebuild(t, stores, reindex.Options{})
	diff(t, ask(t, stores.Index, stores.Bucket), before)
}

// While ingest is running nothing is missed that it stores before, during or
// after the rows are cleared.
func TestReindexBesideIngest(t *testing.T) {
	stores := playbacktest.Open(t)
	server := serve(t, stores.Bucket, stores.Index, time.Now, 100*time.Millisecond, "")
	random := rand.New(rand.NewPCG(4, 4))
	all := traffic.Interleave(random, sessions(random, recordings(t)))
	b := server.browser(time.Now, 0)
	half := len(all) / 2
	b.send(t, all[:half]...)
	server.flush(t)

	sent := make(chan error, 1)
	go func() { sent <- b.try(t.Context(), all[half:]...) }()
	rebuilt := 0
	for done := false; !done; rebuilt++ {
		rebuild(t, stores, reindex.Options{Clear: true})
		select {
		case err := <-sent:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		default:
		}
	}
	t.Logf("rebuilt %d times while %d segments were sent", rebuilt, len(all)-half)
	server.flush(t)
	server.stop()

	live := ask(t, stores.Index, stores.Bucket)
	if got := len(list(t, stores.Index, index.SessionQuery{SessionID: all[0].Session.ID})); got != 1 {
		t.Errorf("the session of the first upload is listed %d times", got)
	}
	rebuild(t, stores, reindex.Options{Clear: true})
	diff(t, live, ask(t, stores.Index, stores.Bucket))
	if there := count(t, stores.Bucket); there.segments-there.copies != len(all) {
		t.Errorf("%+v are stored, %d segments were sent", there, len(all))
	}
}
