package reindex_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/indexing"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/reindex"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

const startMs = 1_763_791_872_123

// makeSegment is a segment with a click, as ingest would describe it, and its
// moments.
func makeSegment(t *testing.T, project recording.ProjectID, session string, seq uint32) (playbacktest.Segment, []recording.Moment) {
	t.Helper()
	s := playbacktest.Segment{Segment: recording.Segment{
		SegmentID: recording.SegmentID{Project: project, Session: recording.SessionID(session), Window: "window-1", Seq: seq},
		Page:      "page-0001", ReceivedMs: startMs + 60_000,
	}}
	at := startMs + int64(seq)*1000
	s.Lines = []string{
		fmt.Sprintf(`{"type":4,"timestamp":%d,"data":{"href":"https://shop.example/%s"}}`, at, session),
		fmt.Sprintf(`{"type":5,"timestamp":%d,"data":{"tag":"playhead.click","payload":{"tag":"button","text":"Order %d"}}}`, at+5, seq),
	}
	moments, err := indexing.Derive(&s.Segment, s.NDJSON())
	if err != nil {
		t.Fatal(err)
	}
	return s, moments
}

// write stores a pack of segments 0 to n-1 of a session.
func write(t *testing.T, stores *playbacktest.Stores, project recording.ProjectID, session string, n uint32) (key string) {
	t.Helper()
	var segments []playbacktest.Segment
	var moments []recording.Moment
	for seq := range n {
		s, m := makeSegment(t, project, session, seq)
		segments, moments = append(segments, s), append(moments, m...)
	}
	return stores.Write(t, segments, moments)
}

func config(t *testing.T, stores *playbacktest.Stores) reindex.Config {
	t.Helper()
	elapsed := make(chan time.Time)
	close(elapsed)
	return reindex.Config{
		Bucket: stores.Bucket, Index: stores.Index, Dictionaries: dictionary.NewReader(stores.Bucket, 1<<20),
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: time.Now,
		After: func(time.Duration) <-chan time.Time { return elapsed },
	}
}

// rows are the segments and moments of a session.
type rows struct {
	segments []recording.StoredSegment
	moments  []recording.Moment
}

func rowsOf(t *testing.T, stores *playbacktest.Stores, project recording.ProjectID, session string) rows {
	t.Helper()
	var r rows
	var err error
	r.segments, err = stores.Index.Segments(t.Context(), project, recording.SessionID(session))
	if err != nil && !errors.Is(err, index.ErrNotFound) {
		t.Fatal(err)
	}
	r.moments, err = stores.Index.Moments(t.Context(), index.MomentQuery{Project: project, SessionID: recording.SessionID(session)})
	if err != nil {
		t.Fatal(err)
	}
	r.moments = slices.DeleteFunc(r.moments, func(m recording.Moment) bool { return m.Kind == recording.KindGap })
	return r
}

func read(t *testing.T, bucket objectstore.Bucket, key string) []byte {
	t.Helper()
	body, err := bucket.Get(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func put(t *testing.T, bucket objectstore.Bucket, key string, content []byte) {
	t.Helper()
	if err := bucket.Put(t.Context(), key, bytes.NewReader(content), int64(len(content))); err != nil {
		t.Fatal(err)
	}
}

// What cannot be read is named, the rest is indexed.
func TestWhatCannotBeReadIsNamed(t *testing.T) {
	const project = recording.ProjectID("shop")
	stores := playbacktest.Open(t)
	good := write(t, stores, project, "session-good", 3)
	torn := write(t, stores, project, "session-torn", 2)
	damaged := write(t, stores, project, "session-damaged", 3)
	want, wantDamaged := rowsOf(t, stores, project, "session-good"), rowsOf(t, stores, project, "session-damaged")

	put(t, stores.Bucket, torn, read(t, stores.Bucket, torn)[:100])
	content := read(t, stores.Bucket, damaged)
	content[wantDamaged.segments[1].Offset+5] ^= 0xff
	put(t, stores.Bucket, damaged, content)
	// A copy under another key would make rows that point to the original.
	copied := strings.Replace(good, "/normal/", "/other/", 1)
	put(t, stores.Bucket, copied, read(t, stores.Bucket, good))
	for _, foreign := range []string{"v1/shop/normal/readme.txt", "v1/shop/normal/2026/11/22/17/x.pack", "v1/shop/dictionary/0123456789abcdef.site", "v1/notes"} {
		put(t, stores.Bucket, foreign, []byte("not a pack"))
	}

	summary, err := reindex.Run(t.Context(), config(t, stores), reindex.Options{Clear: true, Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	var unreadable []string
	for _, u := range summary.Unreadable {
		unreadable = append(unreadable, u.Object)
	}
	slices.Sort(unreadable)
	wantUnreadable := []string{torn, copied}
	slices.Sort(wantUnreadable)
	if !slices.Equal(unreadable, wantUnreadable) || summary.UnreadablePacks != 2 || !summary.Complete {
		t.Errorf("unreadable %v, want %v; %+v", summary.Unreadable, wantUnreadable, summary)
	}
	if len(summary.Damaged) != 1 || summary.Damaged[0].Object != damaged || summary.Damaged[0].Seq != 1 || summary.DamagedSegments != 1 {
		t.Errorf("damaged %+v", summary.Damaged)
	}
	if summary.Packs != 2 || summary.Segments != 6 || !slices.Equal(summary.Projects, []recording.ProjectID{project}) {
		t.Errorf("%+v, want 2 packs with 6 segments", summary)
	}
	if got := rowsOf(t, stores, project, "session-good"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := rowsOf(t, stores, project, "session-torn"); len(got.segments)+len(got.moments) != 0 {
		t.Errorf("rows of a pack that cannot be read: %+v", got)
	}
	// Its footer says of the damaged segment all but the moments.
	got := rowsOf(t, stores, project, "session-damaged")
	if !reflect.DeepEqual(got.segments, wantDamaged.segments) {
		t.Errorf("segments %+v, want %+v", got.segments, wantDamaged.segments)
	}
	kept := slices.DeleteFunc(wantDamaged.moments, func(m recording.Moment) bool { return m.Seq == 1 })
	if !reflect.DeepEqual(got.moments, kept) || len(kept) != 4 {
		t.Errorf("moments %+v, want %+v", got.moments, kept)
	}
}

// Frames may need a dictionary. Without it only the moments are missing.
func TestDictionaries(t *testing.T) {
	const project = recording.ProjectID("shop")
	stores := playbacktest.Open(t)
	var segments []playbacktest.Segment
	var moments []recording.Moment
	for seq := range uint32(3) {
		s, m := makeSegment(t, project, "session-1", seq)
		segments, moments = append(segments, s), append(moments, m...)
	}
	dictionary, key := stores.WriteDictionary(t, project, strings.Join(segments[0].Lines, "\n"))
	segments[1].Dictionary = dictionary
	stores.Write(t, segments, moments)
	want := rowsOf(t, stores, project, "session-1")
	if want.segments[1].Dictionary != dictionary.ID() {
		t.Fatalf("the row names the dictionary %q", want.segments[1].Dictionary)
	}

	if _, err := reindex.Run(t.Context(), config(t, stores), reindex.Options{Clear: true}); err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, stores, project, "session-1"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}

	if err := stores.Bucket.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	summary, err := reindex.Run(t.Context(), config(t, stores), reindex.Options{Clear: true})
	if err != nil || summary.DamagedSegments != 1 || summary.Damaged[0].Seq != 1 || summary.UnreadablePacks != 0 {
		t.Errorf("%+v, %v; want segment 1 to be damaged", summary, err)
	}
	got := rowsOf(t, stores, project, "session-1")
	kept := slices.DeleteFunc(want.moments, func(m recording.Moment) bool { return m.Seq == 1 })
	if !reflect.DeepEqual(got.segments, want.segments) || !reflect.DeepEqual(got.moments, kept) {
		t.Errorf("got %+v, want the segments %+v and the moments %+v", got, want.segments, kept)
	}
}

// faultyBucket passes calls on to a real one unless a test says that they fail.
type faultyBucket struct {
	objectstore.Bucket
	get func(key string) error
}

func (f *faultyBucket) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := f.get(key); err != nil {
		return nil, err
	}
	return f.Bucket.Get(ctx, key, offset, length)
}

// faultyIndex does the same with an index.
type faultyIndex struct {
	index.Index
	write func(b index.Batch) error
}

func (f *faultyIndex) Write(ctx context.Context, batches ...index.Batch) error {
	for _, b := range batches {
		if err := f.write(b); err != nil {
			return err
		}
	}
	return f.Index.Write(ctx, batches...)
}

var errAway = errors.New("connection refused")

// A run that ends early says where another one goes on, and both together do
// what one does.
func TestResume(t *testing.T) {
	stores := playbacktest.Open(t)
	projects := []recording.ProjectID{"a-b", "a", "c"} // in the order of their keys: "-" comes before "/"
	want := map[recording.ProjectID]rows{}
	for _, p := range projects {
		write(t, stores, p, "session-of-"+string(p), 2)
		want[p] = rowsOf(t, stores, p, "session-of-"+string(p))
		if err := stores.Index.Clear(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	c := config(t, stores)
	c.Index = &faultyIndex{Index: stores.Index, write: func(b index.Batch) error {
		if b.Project == "a" {
			return errAway
		}
		return nil
	}}
	summary, err := reindex.Run(t.Context(), c, reindex.Options{Parallel: 1})
	if !errors.Is(err, reindex.ErrAway) || !errors.Is(err, errAway) {
		t.Errorf("error %v, want ErrAway and the store's own", err)
	}
	if summary.Complete || !strings.HasPrefix(summary.ResumeAfter, "v1/a-b/normal/") {
		t.Errorf("%+v, want to go on after the pack of a-b", summary)
	}
	if got := rowsOf(t, stores, "a-b", "session-of-a-b"); !reflect.DeepEqual(got, want["a-b"]) {
		t.Errorf("a-b has %+v, want %+v", got, want["a-b"])
	}

	summary, err = reindex.Run(t.Context(), config(t, stores), reindex.Options{Parallel: 1, ResumeAfter: summary.ResumeAfter})
	if err != nil || !summary.Complete || summary.Packs != 2 {
		t.Errorf("%+v, %v; want the other two packs", summary, err)
	}
	for _, p := range projects {
		if got := rowsOf(t, stores, p, "session-of-"+string(p)); !reflect.DeepEqual(got, want[p]) {
			t.Errorf("%s has %+v, want %+v", p, got, want[p])
		}
	}
}

// A hiccup of a store is waited for; a pack that it does not give is named; a
// store that gives none ends the run.
func TestStoresThatDoNotAnswer(t *testing.T) {
	const project = recording.ProjectID("shop")
	stores := playbacktest.Open(t)
	var keys []string
	for i := range 4 {
		keys = append(keys, write(t, stores, project, fmt.Sprintf("session-%d", i), 1))
	}
	slices.Sort(keys)
	var mu sync.Mutex
	asked := map[string]int{}
	run := func(fails func(key string, time int) error) (reindex.Summary, error) {
		clear(asked)
		c := config(t, stores)
		c.Bucket = &faultyBucket{Bucket: stores.Bucket, get: func(key string) error {
			mu.Lock()
			defer mu.Unlock()
			asked[key]++
			return fails(key, asked[key])
		}}
		return reindex.Run(t.Context(), c, reindex.Options{Parallel: 1})
	}

	summary, err := run(func(_ string, time int) error {
		if time < 3 {
			return errAway
		}
		return nil
	})
	if err != nil || summary.Packs != 4 || summary.UnreadablePacks != 0 {
		t.Errorf("a hiccup: %+v, %v", summary, err)
	}

	summary, err = run(func(key string, _ int) error {
		if key == keys[1] {
			return errAway
		}
		return nil
	})
	if err != nil || summary.Packs != 3 || len(summary.Unreadable) != 1 || summary.Unreadable[0].Object != keys[1] || asked[keys[1]] < 2 {
		t.Errorf("one pack: %+v, %v, asked %v", summary, err, asked)
	}

	summary, err = run(func(string, int) error { return errAway })
	if !errors.Is(err, reindex.ErrAway) || summary.Complete || summary.Packs != 0 || asked[keys[3]] != 0 {
		t.Errorf("all packs: %+v, %v, asked %v", summary, err, asked)
	}

	// It was there when the packs were listed.
	summary, err = run(func(key string, _ int) error {
		if key == keys[0] {
			return fmt.Errorf("get: %w", objectstore.ErrNotFound)
		}
		return nil
	})
	if err != nil || summary.Packs != 3 || summary.UnreadablePacks != 0 || asked[keys[0]] > 2 {
		t.Errorf("a pack that was deleted: %+v, %v, asked %v", summary, err, asked)
	}
}

// Rows that cannot be made again are not cleared.
func TestClearNeedsPacks(t *testing.T) {
	const project = recording.ProjectID("shop")
	stores := playbacktest.Open(t)
	key := write(t, stores, project, "session-1", 1)
	if err := stores.Bucket.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	for _, o := range []reindex.Options{{Clear: true, Project: project}, {Clear: true}, {Clear: true, ResumeAfter: "v1/"}} {
		_, err := reindex.Run(t.Context(), config(t, stores), o)
		if (o.Project != "") != errors.Is(err, reindex.ErrNoPacks) {
			t.Errorf("%+v: error %v", o, err)
		}
		if got := rowsOf(t, stores, project, "session-1"); len(got.segments) != 1 {
			t.Errorf("%+v left %+v", o, got)
		}
	}
}

func TestProgress(t *testing.T) {
	stores := playbacktest.Open(t)
	var size int64
	for _, p := range []recording.ProjectID{"one", "two"} {
		size += int64(len(read(t, stores.Bucket, write(t, stores, p, "session-1", 2))))
	}
	var got []reindex.Progress
	summary, err := reindex.Run(t.Context(), config(t, stores), reindex.Options{Parallel: 2, Progress: func(p reindex.Progress) { got = append(got, p) }})
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	last := got[1]
	want := reindex.Progress{Packs: 2, TotalPacks: 2, Bytes: size, TotalBytes: size, Segments: 4, RawBytes: summary.RawBytes}
	if last != want || summary.RawBytes == 0 || summary.Bytes != size {
		t.Errorf("progress %+v, want %+v; summary %+v", last, want, summary)
	}
}
