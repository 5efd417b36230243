package indextest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

func keepsRowsWhole(t *testing.T, x index.Index) {
	full := segment(sid, "window-1", 0)
	full.ClockOffsetMs = -12
	full.FullSnapshots = []int64{base, base + 500}
	full.Origin = recording.Origin{
		PreviousSession: "0199a1b2-previous",
		Reason:          recording.ReasonError,
		Final:           true,
		Recorder:        recording.Recorder{Name: "playhead", Version: "1.0.0", RRWeb: "2.1.6"},
		URL:             "https://shop.example/cart",
		Referrer:        "https://search.example/",
		Viewport:        [2]int{1280, 720},
		UserID:          "u-1",
		UserAttributes:  map[string]string{"plan": "pro", "team": "blue"},
		Release:         "2.3.4",
		Environment:     "production",
		UserAgent:       "Mozilla/5.0 (X11; Linux x86_64)",
		Country:         "AT",
	}
	full.Counts = recording.Counts{Pages: 1, Clicks: 2, Requests: 3, FailedRequests: 4, Errors: 5}
	full.URLs = []string{"https://shop.example/", "https://shop.example/cart"}
	full.Dictionary = recording.DictionaryID(strings.Repeat("0a", 32))
	full.Base = recording.Base{Location: recording.Location{Object: "v1/a.pack", Offset: 8, Length: 100}, RawBytes: 1000, Dictionary: "5eed"}
	bare := segment(sid, "window-1", 1)

	click := moment(full, 3, recording.KindClick)
	click.Name, click.Text, click.Selector = "button", "Place order", "#order"
	request := moment(full, 4, recording.KindRequest)
	request.Name, request.URL, request.Status, request.DurationMs = "POST", "https://shop.example/orders", 500, 1250
	request.TraceID, request.SpanID = strings.Repeat("ab", 16), strings.Repeat("cd", 8)
	request.Attributes = map[string]string{"initiator": "fetch"}

	mustWrite(t, x, "batch", []recording.StoredSegment{bare, full}, request, click)

	same(t, "Segments", mustSegments(t, x, shop, sid), []recording.StoredSegment{full, bare})
	same(t, "Moments", mustMoments(t, x, index.MomentQuery{Project: shop, SessionID: sid}), []recording.Moment{click, request})
	stored := mustStored(t, x, map[recording.SessionID]uint32{sid: 0, sessionID(2): 0})
	same(t, "Stored", stored, map[recording.SegmentID]struct{}{full.SegmentID: {}, bare.SegmentID: {}})
}

// storedFrom asks for the ends of sessions: of each session from another seq on.
func storedFrom(t *testing.T, x index.Index) {
	var segments []recording.StoredSegment
	for n := 1; n <= 3; n++ {
		for _, window := range []string{"window-1", "window-2"} {
			for seq := range uint32(3) {
				segments = append(segments, segment(sessionID(n), window, seq))
			}
		}
	}
	last := segment(sessionID(4), "window-1", math.MaxUint32)
	mustWrite(t, x, "batch", append(segments, last))
	from := map[recording.SessionID]uint32{sessionID(1): 2, sessionID(2): 0, sessionID(3): 3, sessionID(4): math.MaxUint32, "nobody's": 1}
	want := map[recording.SegmentID]struct{}{last.SegmentID: {}}
	for _, s := range segments {
		if s.Session != sessionID(3) && s.Seq >= from[s.Session] {
			want[s.SegmentID] = struct{}{}
		}
	}
	same(t, "Stored", mustStored(t, x, from), want)
}

func storesBatchOnce(t *testing.T, x index.Index) {
	segments := visit()
	click := moment(segments[0], 1, recording.KindClick)
	for range 3 {
		mustWrite(t, x, "batch", segments, click)
	}
	same(t, "session", mustSession(t, x, shop, sid), visited())
	same(t, "Segments", mustSegments(t, x, shop, sid), segments)
	same(t, "Moments", mustMoments(t, x, index.MomentQuery{Project: shop, SessionID: sid}), []recording.Moment{click})
}

func storesSegmentOnce(t *testing.T, x index.Index) {
	segments := visit()
	click := moment(segments[0], 1, recording.KindClick)
	mustWrite(t, x, "batch", segments, click)

	// Another server took the same segment again, later and over a slower
	// network, and stored it in a pack of its own.
	again, clickAgain := segments[0], click
	again.ReceivedMs += 5000
	again.ClockOffsetMs += 300
	again.StartMs += 300
	again.EndMs += 300
	again.Object, again.Offset = "v1/shop/normal/b.pack", 7
	clickAgain.TimestampMs += 300
	for _, token := range []string{"another", "and another"} {
		mustWrite(t, x, token, []recording.StoredSegment{again}, clickAgain)
	}
	same(t, "session", mustSession(t, x, shop, sid), visited())
	same(t, "Segments", mustSegments(t, x, shop, sid), segments)
	same(t, "Moments", mustMoments(t, x, index.MomentQuery{Project: shop, SessionID: sid}), []recording.Moment{click})
	same(t, "Moments by time", mustMoments(t, x, index.MomentQuery{Project: shop, FromMs: base, ToMs: base + 100_000}), []recording.Moment{click})
	stored, err := x.Stored(t.Context(), shop, map[recording.SessionID]uint32{sid: 0})
	if err != nil || len(stored) != len(segments) {
		t.Errorf("Stored = %d segments, %v, want %d", len(stored), err, len(segments))
	}
}

// ignoresOrder writes the same segments in many orders and portions, each
// into a project of its own.
func ignoresOrder(t *testing.T, x index.Index) {
	orders := map[string][]recording.StoredSegment{"in order": visit(), "reversed": visit()}
	slices.Reverse(orders["reversed"])
	for seed := range uint64(2) {
		shuffled := visit()
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		orders[fmt.Sprintf("shuffled %d", seed)] = shuffled
	}
	n := 0
	for name, segments := range orders {
		for _, portion := range []int{1, 2} {
			n++
			project := recording.ProjectID(fmt.Sprintf("project-%d", n))
			for some := range slices.Chunk(inProject(project, segments), portion) {
				mustWrite(t, x, fmt.Sprintf("%s %d", some[0].Window, some[0].Seq), some)
			}
			want := visited()
			want.Project = project
			same(t, fmt.Sprintf("session written %s by %d", name, portion), mustSession(t, x, project, sid), want)
			same(t, "Segments", mustSegments(t, x, project, sid), inProject(project, visit()))
		}
	}
}

// joinsWriters has several servers write segments of one session at once,
// some of them the same ones.
func joinsWriters(t *testing.T, x index.Index) {
	for round := range 3 {
		project := recording.ProjectID(fmt.Sprintf("project-%d", round))
		segments := inProject(project, visit())
		var wg sync.WaitGroup
		for i, s := range append(segments, segments[:2]...) {
			wg.Go(func() {
				mine := []recording.StoredSegment{s}
				b := index.Batch{Project: project, Token: fmt.Sprint(i), Segments: mine, Moments: []recording.Moment{moment(s, 0, recording.KindClick)}}
				if err := x.Write(t.Context(), b); err != nil {
					t.Errorf("Write: %v", err)
				}
			})
		}
		wg.Wait()
		want := visited()
		want.Project = project
		same(t, "session", mustSession(t, x, project, sid), want)
		if got := mustMoments(t, x, index.MomentQuery{Project: project, SessionID: sid}); len(got) != len(segments) {
			t.Errorf("%d moments, want %d", len(got), len(segments))
		}
	}
}

func keepsProjectsApart(t *testing.T, x index.Index) {
	trace := strings.Repeat("ab", 16)
	mine := segment(sid, "window-1", 0)
	mine.Origin.UserID = "anna"
	mine.URLs = []string{"https://shop.example/"}
	myClick := moment(mine, 0, recording.KindClick)
	myClick.TraceID, myClick.Text = trace, "mine"
	mustWrite(t, x, "batch", []recording.StoredSegment{mine}, myClick)

	// The same ids, the same token, in another project.
	theirs := inProject(blog, []recording.StoredSegment{mine, segment(sid, "window-1", 1)})
	theirs[0].Events = 77
	theirClick := myClick
	theirClick.Project, theirClick.Text = blog, "theirs"
	mustWrite(t, x, "batch", theirs, theirClick)

	for _, tt := range []struct {
		project  recording.ProjectID
		segments []recording.StoredSegment
		click    recording.Moment
	}{{shop, []recording.StoredSegment{mine}, myClick}, {blog, theirs, theirClick}} {
		for name, q := range map[string]index.SessionQuery{
			"all": {}, "id": {SessionID: sid}, "trace": {TraceID: trace}, "user": {UserID: "anna"},
			"URL": {URL: "shop.example"}, "text": {Text: "anna"}, "time": {FromMs: base, ToMs: base + 1},
		} {
			q.Project = tt.project
			page, err := x.Sessions(t.Context(), q)
			if err != nil || len(page.Sessions) != 1 || page.Sessions[0].Project != tt.project || page.Sessions[0].Segments != len(tt.segments) {
				t.Errorf("Sessions of %s by %s = %+v, %v, want its own one", tt.project, name, page.Sessions, err)
			}
		}
		same(t, "Segments", mustSegments(t, x, tt.project, sid), tt.segments)
		for name, q := range map[string]index.MomentQuery{
			"all": {}, "session": {SessionID: sid}, "trace": {TraceID: trace},
			"kind": {Kinds: []recording.MomentKind{recording.KindClick}}, "time": {FromMs: base, ToMs: base + 1},
		} {
			q.Project = tt.project
			same(t, "Moments of "+string(tt.project)+" by "+name, mustMoments(t, x, q), []recording.Moment{tt.click})
		}
		stored, err := x.Stored(t.Context(), tt.project, map[recording.SessionID]uint32{sid: 0})
		if err != nil || len(stored) != len(tt.segments) {
			t.Errorf("Stored of %s = %v, %v", tt.project, stored, err)
		}
	}

	// A trace of one project does not find the session of the same id in another.
	request := moment(mine, 1, recording.KindRequest)
	request.TraceID = strings.Repeat("cd", 16)
	mustWrite(t, x, "trace", []recording.StoredSegment{mine}, request)
	page, err := x.Sessions(t.Context(), index.SessionQuery{Project: blog, TraceID: request.TraceID})
	if err != nil || len(page.Sessions) != 0 {
		t.Errorf("Sessions of another project's trace = %v, %v, want none", page.Sessions, err)
	}

	none := recording.ProjectID("nobody")
	page, err = x.Sessions(t.Context(), index.SessionQuery{Project: none, TraceID: trace})
	if err != nil || len(page.Sessions) != 0 {
		t.Errorf("Sessions of a third project = %v, %v", page.Sessions, err)
	}
	if _, err := x.Segments(t.Context(), none, sid); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("Segments of a third project = %v, want ErrNotFound", err)
	}
	same(t, "Moments of a third project", mustMoments(t, x, index.MomentQuery{Project: none, SessionID: sid}), []recording.Moment{})
}

// takesLargeBatches has ids as long as they may be: what is asked for them has
// bounds of bytes too.
func takesLargeBatches(t *testing.T, x index.Index) {
	project := recording.ProjectID(strings.Repeat("p", 64))
	sessionID := func(n int) recording.SessionID { return recording.SessionID(fmt.Sprintf("%064d", n)) }
	var segments []recording.StoredSegment
	var moments []recording.Moment
	ids := map[recording.SessionID]uint32{}
	for n := range 2100 {
		ids[sessionID(n)] = 0
		if n >= 250 {
			segments = append(segments, segment(sessionID(n), "window-1", 0))
			continue
		}
		for seq := range uint32(2) {
			s := segment(sessionID(n), "window-1", seq)
			segments = append(segments, s)
			for event := range 4 {
				moments = append(moments, moment(s, event, recording.KindConsole))
			}
		}
	}
	segments = inProject(project, segments)
	for i := range moments {
		moments[i].Project = project
	}
	mustWrite(t, x, "batch", segments, moments...)
	stored, err := x.Stored(t.Context(), project, ids)
	if err != nil || len(stored) != len(segments) {
		t.Errorf("Stored = %d segments, %v, want %d", len(stored), err, len(segments))
	}
	for limit, want := range map[int]int{0: 50, 250: 250, 1000: 1000} {
		page, err := x.Sessions(t.Context(), index.SessionQuery{Project: project, Limit: limit})
		if err != nil || len(page.Sessions) != want {
			t.Errorf("Sessions with limit %d: %d, %v, want %d", limit, len(page.Sessions), err, want)
		}
	}
	for limit, want := range map[int]int{0: 1000, 1500: 1500, 100000: 2000} {
		if got := mustMoments(t, x, index.MomentQuery{Project: project, Limit: limit}); len(got) != want {
			t.Errorf("Moments with limit %d: %d, want %d", limit, len(got), want)
		}
	}
}

// takesLargePack writes more at once than an index may care to insert at once. All
// of it belongs together all the same, whatever stands far from what: moments,
// keyframe and text of the first segment are last.
func takesLargePack(t *testing.T, x index.Index) {
	const sessions, each = 10, 700
	b := index.Batch{Project: shop, Token: "pack"}
	for n := range sessions {
		for seq := range uint32(each) {
			s := segment(sessionID(n), "window-1", seq)
			b.Segments = append(b.Segments, s)
			b.Moments = append(b.Moments, signal(s, 1, "dead_click"))
		}
	}
	first := b.Segments[0]
	slices.Reverse(b.Moments)
	b.Keyframes = []recording.Keyframe{keyframe(b.Segments[1]), keyframe(first)}
	b.Texts = []recording.SeenText{seenText(first, "Payment declined", first.StartMs, first.EndMs)}
	mustWriteBatch(t, x, b)

	// A few turn out not to be, and of those one is after all.
	again := b
	again.Withdrawn, again.Moments = b.Moments[each:2*each], append(slices.Clone(b.Moments[each:each+1]), b.Moments[2*each:]...)
	mustWriteBatch(t, x, again)

	for n := range sessions {
		want := each
		if n == sessions-2 {
			want = 1
		}
		got := mustSession(t, x, shop, sessionID(n))
		if got.Segments != each || got.Signals["dead_click"] != want {
			t.Errorf("session %d has %d segments and %d signals, want %d and %d", n, got.Segments, got.Signals["dead_click"], each, want)
		}
		if found := mustMoments(t, x, index.MomentQuery{Project: shop, SessionID: sessionID(n)}); len(found) != want {
			t.Errorf("session %d has %d moments, want %d", n, len(found), want)
		}
	}
	same(t, "segments", mustSegments(t, x, shop, sessionID(0)), b.Segments[:each])
	if found := mustKeyframes(t, x, shop, sessionID(0)); len(found) != 2 {
		t.Errorf("%d keyframes, want 2", len(found))
	}
	if found := mustTexts(t, x, index.TextQuery{Project: shop, SessionID: sessionID(0)}); len(found) != 1 {
		t.Errorf("%d texts, want 1", len(found))
	}
	foreign := again
	foreign.Segments = append(slices.Clone(b.Segments), inProject(blog, b.Segments[:1])...)
	foreign.Segments[0].Session = sessionID(sessions)
	if err := x.Write(t.Context(), foreign); !errors.Is(err, index.ErrQuery) {
		t.Errorf("Write with a foreign segment at the end = %v, want ErrQuery", err)
	}
	if _, err := x.Segments(t.Context(), shop, sessionID(sessions)); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("after it, Segments = %v, want ErrNotFound", err)
	}
}

func refusesMixedBatches(t *testing.T, x index.Index) {
	mine := segment(sid, "window-1", 0)
	theirs := inProject(blog, []recording.StoredSegment{mine})[0]
	for name, b := range map[string]index.Batch{
		"no project":        {Token: "t", Segments: []recording.StoredSegment{mine}},
		"a foreign segment": {Project: shop, Token: "t", Segments: []recording.StoredSegment{mine, theirs}},
		"a foreign moment": {Project: shop, Token: "t", Segments: []recording.StoredSegment{mine},
			Moments: []recording.Moment{moment(theirs, 0, recording.KindClick)}},
		"a moment of another segment": {Project: shop, Token: "t", Segments: []recording.StoredSegment{mine},
			Moments: []recording.Moment{moment(segment(sid, "window-1", 1), 0, recording.KindClick)}},
	} {
		if err := x.Write(t.Context(), b); !errors.Is(err, index.ErrQuery) {
			t.Errorf("Write of a batch with %s = %v, want ErrQuery", name, err)
		}
	}
	if _, err := x.Segments(t.Context(), shop, sid); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("after refused batches, Segments = %v, want ErrNotFound", err)
	}
}

// writesBatchesTogether writes packs of two projects at once, two of which
// hold segments of the same session. Its id is one of the other project too.
func writesBatchesTogether(t *testing.T, x index.Index) {
	segments := visit()
	theirs := inProject(blog, segments)
	click, theirClick := moment(segments[0], 1, recording.KindClick), moment(theirs[4], 1, recording.KindClick)
	rage, dead := signal(segments[0], 2, "rage_click"), signal(theirs[4], 2, "dead_click")
	batches := []index.Batch{
		{Project: shop, Token: "1", Segments: segments[:3], Moments: []recording.Moment{click, rage}},
		{Project: blog, Token: "2", Segments: theirs, Moments: []recording.Moment{theirClick, dead}},
		{Project: shop, Token: "3", Segments: segments[2:]},
	}
	if err := x.Write(t.Context(), batches...); err != nil {
		t.Fatal(err)
	}
	mine, other := visited(), visited()
	other.Project = blog
	mine.Signals, other.Signals = map[string]int{rage.Name: 1}, map[string]int{dead.Name: 1}
	same(t, "session", mustSession(t, x, shop, sid), mine)
	same(t, "session of the other project", mustSession(t, x, blog, sid), other)
	same(t, "Segments", mustSegments(t, x, shop, sid), segments)
	same(t, "Segments of the other project", mustSegments(t, x, blog, sid), theirs)
	same(t, "Moments", mustMoments(t, x, index.MomentQuery{Project: shop}), []recording.Moment{click, rage})
	same(t, "Moments of the other project", mustMoments(t, x, index.MomentQuery{Project: blog}), []recording.Moment{theirClick, dead})

	// One that is refused keeps the others out too.
	bad := index.Batch{Project: shop, Token: "4", Segments: theirs}
	good := index.Batch{Project: shop, Token: "5", Segments: []recording.StoredSegment{segment(sessionID(2), "window-1", 0)}}
	if err := x.Write(t.Context(), good, bad); !errors.Is(err, index.ErrQuery) {
		t.Errorf("Write with a batch that is refused = %v, want ErrQuery", err)
	}
	if _, err := x.Segments(t.Context(), shop, sessionID(2)); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("after a refused Write, Segments = %v, want ErrNotFound", err)
	}
	if err := x.Write(t.Context()); err != nil {
		t.Errorf("Write of nothing: %v", err)
	}
}
