package replay

import (
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
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

// packs counts the packs and their segments.
func packs(t *testing.T, bucket objectstore.Bucket) (packs, segments, copies int) {
	t.Helper()
	seen := map[any]bool{}
	err := bucket.List(t.Context(), segment.ProjectPrefix(project), func(o objectstore.Object) error {
		if !strings.HasSuffix(o.Key, ".pack") {
			return nil
		}
		footer, err := segment.ReadFooter(strings.NewReader(string(readAll(t, bucket, o.Key))), o.Size)
		if err != nil {
			return err
		}
		packs++
		for _, e := range footer.Entries {
			segments++
			if seen[e.SegmentID] {
				copies++
			}
			seen[e.SegmentID] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return packs, segments, copies
}

// Every question is answered alike by the index that ingest wrote and by one
// that was made again from object storage, whatever happened on the way:
// repeats, late and missing segments, clocks that are set, and segments that
// two servers stored.
func TestReindexAnswersAsBefore(t *testing.T) {
	stores := playbacktest.Open(t)
	clock := &clock{now: begin}
	first := serve(t, stores.Bucket, stores.Index, clock.Now, time.Minute)
	second := serve(t, stores.Bucket, blind{stores.Index}, clock.Now, time.Minute)

	random := rand.New(rand.NewPCG(3, 3))
	all := sessions(random, recordings(t))
	ahead, behind := first.browser(clock.Now, 4*time.Second), first.browser(clock.Now, -time.Hour)
	other := second.browser(clock.Now, 90*time.Second)
	var late []*traffic.Upload
	for i, u := range traffic.Interleave(random, all) {
		clock.advance(time.Second)
		sender := ahead
		if u.Seq%2 == 1 {
			sender = behind // the clock of the browser was set
		}
		switch {
		case i%7 == 6: // lost
		case i%5 == 4:
			late = append(late, u)
		case i%3 == 2:
			sender.send(t, u, u) // a repeat before it is stored
			clock.advance(time.Millisecond)
			other.send(t, u) // and one at a server that cannot know of it
		default:
			sender.send(t, u)
		}
		if i%20 == 19 {
			first.flush(t)
			second.flush(t)
		}
	}
	clock.advance(24 * time.Hour)
	random.Shuffle(len(late), func(i, j int) { late[i], late[j] = late[j], late[i] })
	ahead.send(t, late...)
	first.flush(t)
	second.flush(t)
	ahead.send(t, late[0]) // a repeat of what is stored
	first.flush(t)

	before := ask(t, stores.Index, stores.Bucket)
	count, segments, copies := packs(t, stores.Bucket)
	if count < 4 || copies == 0 {
		t.Fatalf("%d packs with %d segments, %d of them twice: this tests too little", count, segments, copies)
	}

	summary := rebuild(t, stores, reindex.Options{Clear: true, Project: project})
	if summary.Packs != int64(count) || summary.Segments != int64(segments) || summary.Moments == 0 {
		t.Errorf("%+v, want %d packs with %d segments", summary, count, segments)
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
	server := serve(t, stores.Bucket, stores.Index, time.Now, 20*time.Millisecond)
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
	_, segments, copies := packs(t, stores.Bucket)
	if segments-copies != len(all) {
		t.Errorf("%d segments are stored, %d were sent", segments-copies, len(all))
	}
}
