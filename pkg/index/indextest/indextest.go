// Package indextest holds the suite that every index.Index passes. It is for
// tests only.
package indextest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// Run checks every promise of index.Index. newIndex returns an index without
// a schema and without data; what it opens it closes with t.Cleanup.
func Run(t *testing.T, newIndex func(t *testing.T) index.Index) {
	t.Run("Check says that the schema is missing", func(t *testing.T) {
		x := newIndex(t)
		if err := x.Check(t.Context()); !errors.Is(err, index.ErrSchema) {
			t.Errorf("Check before Migrate = %v, want ErrSchema", err)
		}
	})
	t.Run("Migrate runs twice and at once", func(t *testing.T) { migratesAtOnce(t, newIndex(t)) })

	tests := []struct {
		name string
		test func(*testing.T, index.Index)
	}{
		{"keeps segments and moments whole", keepsRowsWhole},
		{"sums sessions up", sumsSessionsUp},
		{"corrects clocks by window", correctsClocks},
		{"stores a batch once", storesBatchOnce},
		{"stores a segment once", storesSegmentOnce},
		{"does not depend on the order", ignoresOrder},
		{"joins concurrent writers", joinsWriters},
		{"keeps projects apart", keepsProjectsApart},
		{"filters sessions", filtersSessions},
		{"filters moments", filtersMoments},
		{"finds traces at any time", findsTraces},
		{"pages without repeats or holes", pages},
		{"takes any text", takesAnyText},
		{"takes any time", takesAnyTime},
		{"takes large batches", takesLargeBatches},
		{"clears a project", clearsProject},
		{"says not found", saysNotFound},
		{"refuses what cannot be asked", refusesQueries},
		{"refuses mixed batches", refusesMixedBatches},
		{"obeys a cancelled context", obeysContext},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := newIndex(t)
			if err := x.Migrate(t.Context()); err != nil {
				t.Fatalf("Migrate: %v", err)
			}
			tt.test(t, x)
		})
	}
}

const (
	shop = recording.ProjectID("shop")
	blog = recording.ProjectID("blog")
	sid  = recording.SessionID("0199a1b2-0000-7000-8000-000000000001")
	base = int64(1_763_791_872_000) // ms; any time will do
)

// segment is segment seq of a window, one second long, starting seq seconds
// after base, received two seconds after its end.
func segment(session recording.SessionID, window string, seq uint32) recording.StoredSegment {
	start := base + int64(seq)*1000
	return recording.StoredSegment{
		Segment: recording.Segment{
			SegmentID: recording.SegmentID{Project: shop, Session: session, Window: recording.WindowID(window), Seq: seq},
			Page:      "page-0001",
			StartMs:   start,
			EndMs:     start + 1000,
			Events:    10,
			RawBytes:  1000,
			Origin:    recording.Origin{Reason: recording.ReasonSampled},

			ReceivedMs: start + 3000,
		},
		Class:    recording.ClassNormal,
		Location: recording.Location{Object: "v1/shop/normal/a.pack", Offset: int64(seq) * 100, Length: 100},
	}
}

func moment(s recording.StoredSegment, event int, kind recording.MomentKind) recording.Moment {
	return recording.Moment{SegmentID: s.SegmentID, Event: event, Page: s.Page, TimestampMs: s.StartMs + int64(event), Kind: kind}
}

// inProject moves segments to another project.
func inProject(project recording.ProjectID, segments []recording.StoredSegment) []recording.StoredSegment {
	moved := slices.Clone(segments)
	for i := range moved {
		moved[i].Project = project
	}
	return moved
}

// sessionID is the n-th of ids that are ordered as n is.
func sessionID(n int) recording.SessionID {
	return recording.SessionID(fmt.Sprintf("0199a1b2-0000-7000-8000-%012d", n))
}

func mustWrite(t *testing.T, x index.Index, token string, segments []recording.StoredSegment, moments ...recording.Moment) {
	t.Helper()
	b := index.Batch{Token: token, Segments: segments, Moments: moments}
	if len(segments) > 0 {
		b.Project = segments[0].Project
	} else {
		b.Project = moments[0].Project
	}
	if err := x.Write(t.Context(), b); err != nil {
		t.Fatalf("Write(%s): %v", token, err)
	}
}

func mustSession(t *testing.T, x index.Index, project recording.ProjectID, session recording.SessionID) recording.Session {
	t.Helper()
	page, err := x.Sessions(t.Context(), index.SessionQuery{Project: project, SessionID: session})
	if err != nil {
		t.Fatalf("Sessions: %v", err)
	}
	if len(page.Sessions) != 1 {
		t.Fatalf("Sessions found %d rows for session %s, want 1", len(page.Sessions), session)
	}
	return page.Sessions[0]
}

func mustSegments(t *testing.T, x index.Index, project recording.ProjectID, session recording.SessionID) []recording.StoredSegment {
	t.Helper()
	segments, err := x.Segments(t.Context(), project, session)
	if err != nil {
		t.Fatalf("Segments: %v", err)
	}
	return segments
}

func mustMoments(t *testing.T, x index.Index, q index.MomentQuery) []recording.Moment {
	t.Helper()
	moments, err := x.Moments(t.Context(), q)
	if err != nil {
		t.Fatalf("Moments: %v", err)
	}
	return moments
}

// same reports a difference; an empty slice or map is the same as none.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func migratesAtOnce(t *testing.T, x index.Index) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := x.Migrate(t.Context()); err != nil {
				t.Errorf("Migrate, four at once: %v", err)
			}
		})
	}
	wg.Wait()
	mustWrite(t, x, "batch", []recording.StoredSegment{segment(sid, "window-1", 0)})
	if err := x.Migrate(t.Context()); err != nil {
		t.Errorf("Migrate again: %v", err)
	}
	if err := x.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	mustSession(t, x, shop, sid)
}

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
	}
	full.Counts = recording.Counts{Pages: 1, Clicks: 2, Requests: 3, FailedRequests: 4, Errors: 5}
	full.URLs = []string{"https://shop.example/", "https://shop.example/cart"}
	full.Dictionary = recording.DictionaryID(strings.Repeat("0a", 32))
	full.Base = recording.Base{Location: recording.Location{Object: "v1/a.pack", Offset: 8, Length: 100}, RawBytes: 1000}
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
	stored, err := x.Stored(t.Context(), shop, []recording.SessionID{sid, sessionID(2)})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "Stored", stored, map[recording.SegmentID]struct{}{full.SegmentID: {}, bare.SegmentID: {}})
}

// visit is a session of two windows; its fields change on the way.
func visit() []recording.StoredSegment {
	s := []recording.StoredSegment{
		segment(sid, "window-1", 0), segment(sid, "window-1", 1), segment(sid, "window-1", 2),
		segment(sid, "window-2", 2), segment(sid, "window-2", 3),
	}
	s[0].URLs = []string{"https://shop.example/"}
	s[0].Origin.PreviousSession = "0199a1b2-previous"
	s[0].Origin.Release = "1.0"
	s[1].URLs = []string{"https://shop.example/", "https://shop.example/cart"}
	s[1].Origin.UserID, s[1].Origin.UserAttributes = "anna", map[string]string{"plan": "free"}
	s[1].Origin.Environment, s[1].Origin.UserAgent = "staging", "old browser"
	s[2].URLs = []string{"https://shop.example/order"}
	s[2].Origin.UserID, s[2].Origin.UserAttributes = "berta", map[string]string{"plan": "pro"}
	s[2].Origin.Release, s[2].Origin.Environment, s[2].Origin.UserAgent = "1.1", "production", "new browser"
	s[3].URLs = []string{"https://shop.example/help"}
	s[4].URLs = []string{"https://shop.example/cart", "https://shop.example/faq"}
	s[4].Origin.UserID = "berta" // without attributes: the last that are known stay
	for i := range s {
		s[i].Counts = recording.Counts{Pages: 1, Clicks: 2, Requests: 3, FailedRequests: i % 2, Errors: i}
		s[i].Origin.Recorder.Version = fmt.Sprintf("1.0.%d", i)
	}
	return s
}

// visited is what is known of visit.
func visited() recording.Session {
	return recording.Session{
		Project:        shop,
		ID:             sid,
		Previous:       "0199a1b2-previous",
		Class:          recording.ClassNormal,
		StartMs:        base,
		EndMs:          base + 4000,
		UserID:         "berta",
		UserAttributes: map[string]string{"plan": "pro"},
		URLs: []string{"https://shop.example/", "https://shop.example/cart", "https://shop.example/order",
			"https://shop.example/help", "https://shop.example/faq"},
		Windows:         2,
		Events:          50,
		RawBytes:        5000,
		Counts:          recording.Counts{Pages: 5, Clicks: 10, Requests: 15, FailedRequests: 2, Errors: 10},
		Release:         "1.1",
		Environment:     "production",
		UserAgent:       "new browser",
		StoredBytes:     500,
		Segments:        5,
		LastReceivedMs:  base + 6000,
		RecorderVersion: "1.0.4",
	}
}

func sumsSessionsUp(t *testing.T, x index.Index) {
	mustWrite(t, x, "batch", visit())
	same(t, "session", mustSession(t, x, shop, sid), visited())

	// Somebody who signs in as another user does not take over the attributes.
	other := segment(sid, "window-1", 3)
	other.EndMs += 10_000
	other.Origin.UserID = "carla"
	mustWrite(t, x, "another", []recording.StoredSegment{other})
	got := mustSession(t, x, shop, sid)
	if got.UserID != "carla" || len(got.UserAttributes) != 0 {
		t.Errorf("after another user signed in: user %q with attributes %v, want carla without", got.UserID, got.UserAttributes)
	}
}

func correctsClocks(t *testing.T, x index.Index) {
	// The clock of window 1 is 1 s behind the server; its first segment took
	// 400 ms longer to arrive. Window 2 has a clock of its own.
	late, prompt, other := segment(sid, "window-1", 0), segment(sid, "window-1", 1), segment(sid, "window-2", 5)
	late.ClockOffsetMs, late.StartMs, late.EndMs = 1400, base+1400, base+1900
	prompt.ClockOffsetMs, prompt.StartMs, prompt.EndMs = 1000, base+2000, base+2500
	other.ClockOffsetMs, other.StartMs, other.EndMs = -50, base+3000, base+3500
	late.URLs, prompt.URLs, other.URLs = []string{"https://a.example/"}, []string{"https://b.example/"}, []string{"https://c.example/"}

	mustWrite(t, x, "1", []recording.StoredSegment{late})
	if got := mustSession(t, x, shop, sid); got.StartMs != base+1400 || got.EndMs != base+1900 {
		t.Errorf("one segment: %d to %d, want its own times %d to %d", got.StartMs-base, got.EndMs-base, 1400, 1900)
	}
	mustWrite(t, x, "2", []recording.StoredSegment{other, prompt})
	got := mustSession(t, x, shop, sid)
	if got.StartMs != base+1000 || got.EndMs != base+3500 {
		t.Errorf("session from %d to %d after base, want 1000 to 3500", got.StartMs-base, got.EndMs-base)
	}
	same(t, "URLs", got.URLs, []string{"https://a.example/", "https://b.example/", "https://c.example/"})
	// What was written is what is read: the correction belongs to the reader.
	same(t, "Segments", mustSegments(t, x, shop, sid), []recording.StoredSegment{late, prompt, other})
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
	stored, err := x.Stored(t.Context(), shop, []recording.SessionID{sid})
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
		stored, err := x.Stored(t.Context(), tt.project, []recording.SessionID{sid})
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

func filtersSessions(t *testing.T, x index.Index) {
	// Five sessions of one second, ten seconds apart; sessions are listed by
	// their number.
	var all []recording.StoredSegment
	for n := range 5 {
		s := segment(sessionID(n), "window-1", 0)
		s.StartMs = base + int64(n)*10_000
		s.EndMs = s.StartMs + 1000
		s.Origin.UserID = []string{"anna", "anna", "Anna-Maria", "berta", ""}[n]
		s.URLs = [][]string{{"https://shop.example/"}, {"https://shop.example/", "https://shop.example/Cart"},
			{"https://blog.example/"}, {"https://shop.example/cart?x"}, nil}[n]
		s.Counts.Errors = []int{0, 1, 0, 0, 0}[n]
		s.Counts.FailedRequests = []int{0, 0, 0, 2, 0}[n]
		all = append(all, s)
	}
	mustWrite(t, x, "batch", all)

	tests := []struct {
		name string
		q    index.SessionQuery
		want []int
	}{
		{"nothing", index.SessionQuery{}, []int{4, 3, 2, 1, 0}},
		{"from an end", index.SessionQuery{FromMs: base + 21_000}, []int{4, 3, 2}},
		{"from after an end", index.SessionQuery{FromMs: base + 21_001}, []int{4, 3}},
		{"to a start", index.SessionQuery{ToMs: base + 20_000}, []int{1, 0}},
		{"to after a start", index.SessionQuery{ToMs: base + 20_001}, []int{2, 1, 0}},
		{"inside a session", index.SessionQuery{FromMs: base + 10_400, ToMs: base + 10_600}, []int{1}},
		{"between sessions", index.SessionQuery{FromMs: base + 15_000, ToMs: base + 16_000}, nil},
		{"id", index.SessionQuery{SessionID: sessionID(2)}, []int{2}},
		{"id at another time", index.SessionQuery{SessionID: sessionID(2), FromMs: 1, ToMs: 2}, []int{2}},
		{"unknown id", index.SessionQuery{SessionID: sessionID(9)}, nil},
		{"user", index.SessionQuery{UserID: "anna"}, []int{1, 0}},
		{"user is exact", index.SessionQuery{UserID: "ann"}, nil},
		{"URL", index.SessionQuery{URL: "CART"}, []int{3, 1}},
		{"text of a user", index.SessionQuery{Text: "ANNA"}, []int{2, 1, 0}},
		{"text of a URL", index.SessionQuery{Text: "blog."}, []int{2}},
		{"errors", index.SessionQuery{Errors: true}, []int{3, 1}},
		{"errors and user", index.SessionQuery{Errors: true, UserID: "anna"}, []int{1}},
		{"errors, URL and time", index.SessionQuery{Errors: true, URL: "shop", FromMs: base + 25_000}, []int{3}},
		{"user and text of a URL", index.SessionQuery{UserID: "anna", Text: "cart"}, []int{1}},
		{"id and user", index.SessionQuery{SessionID: sessionID(0), UserID: "berta"}, nil},
	}
	for _, tt := range tests {
		tt.q.Project = shop
		page, err := x.Sessions(t.Context(), tt.q)
		if err != nil {
			t.Errorf("by %s: %v", tt.name, err)
			continue
		}
		var want []recording.SessionID
		for _, n := range tt.want {
			want = append(want, sessionID(n))
		}
		same(t, "by "+tt.name, idsOf(page.Sessions), want)
	}
}

func idsOf(sessions []recording.Session) []recording.SessionID {
	var ids []recording.SessionID
	for _, s := range sessions {
		ids = append(ids, s.ID)
	}
	return ids
}

func filtersMoments(t *testing.T, x index.Index) {
	one, two := segment(sessionID(1), "window-1", 0), segment(sessionID(2), "window-1", 0)
	trace := strings.Repeat("0f", 16)
	moments := []recording.Moment{
		moment(one, 0, recording.KindPageLoad), moment(one, 10, recording.KindClick), moment(one, 20, recording.KindRequest),
		moment(two, 10, recording.KindClick), moment(two, 30, recording.KindError), moment(two, 40, recording.KindRequest),
	}
	moments[0].URL = "https://shop.example/Order"
	moments[1].Text = "Place ORDER"
	moments[2].TraceID, moments[2].Name = trace, "POST"
	moments[4].Text = "undefined is not a function"
	moments[5].TraceID, moments[5].Name = trace, "GET"
	shuffled := []recording.Moment{moments[4], moments[1], moments[5], moments[0], moments[3], moments[2]}
	mustWrite(t, x, "batch", []recording.StoredSegment{one, two}, shuffled...)

	tests := []struct {
		name string
		q    index.MomentQuery
		want []int
	}{
		{"nothing", index.MomentQuery{}, []int{0, 1, 3, 2, 4, 5}},
		{"session", index.MomentQuery{SessionID: sessionID(2)}, []int{3, 4, 5}},
		{"session at another time", index.MomentQuery{SessionID: sessionID(2), FromMs: 1, ToMs: 2}, []int{3, 4, 5}},
		{"trace", index.MomentQuery{TraceID: trace}, []int{2, 5}},
		{"trace at another time", index.MomentQuery{TraceID: trace, FromMs: 1, ToMs: 2}, []int{2, 5}},
		{"trace and session", index.MomentQuery{TraceID: trace, SessionID: sessionID(1)}, []int{2}},
		{"from, inclusive", index.MomentQuery{FromMs: base + 20}, []int{2, 4, 5}},
		{"to, exclusive", index.MomentQuery{ToMs: base + 20}, []int{0, 1, 3}},
		{"range", index.MomentQuery{FromMs: base + 10, ToMs: base + 11}, []int{1, 3}},
		{"kind", index.MomentQuery{Kinds: []recording.MomentKind{recording.KindClick}}, []int{1, 3}},
		{"kinds", index.MomentQuery{Kinds: []recording.MomentKind{recording.KindClick, recording.KindError}}, []int{1, 3, 4}},
		{"text of text or URL", index.MomentQuery{Text: "order"}, []int{0, 1}},
		{"text of name", index.MomentQuery{Text: "post"}, []int{2}},
		{"kind and text", index.MomentQuery{Kinds: []recording.MomentKind{recording.KindClick}, Text: "order"}, []int{1}},
		{"limit", index.MomentQuery{Limit: 2}, []int{0, 1}},
	}
	for _, tt := range tests {
		tt.q.Project = shop
		var want []recording.Moment
		for _, n := range tt.want {
			want = append(want, moments[n])
		}
		same(t, "by "+tt.name, mustMoments(t, x, tt.q), want)
	}
}

func findsTraces(t *testing.T, x index.Index) {
	trace, other := strings.Repeat("a1", 16), strings.Repeat("b2", 16)
	one, two, three := segment(sessionID(1), "window-1", 0), segment(sessionID(2), "window-1", 0), segment(sessionID(3), "window-1", 0)
	requests := []recording.Moment{moment(one, 0, recording.KindRequest), moment(two, 0, recording.KindRequest), moment(three, 0, recording.KindRequest)}
	requests[0].TraceID, requests[1].TraceID, requests[2].TraceID = trace, other, trace
	mustWrite(t, x, "batch", []recording.StoredSegment{one, two, three}, requests...)

	page, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, TraceID: trace, FromMs: 1, ToMs: 2})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "sessions of the trace", idsOf(page.Sessions), []recording.SessionID{sessionID(3), sessionID(1)})
	page, err = x.Sessions(t.Context(), index.SessionQuery{Project: shop, TraceID: trace, SessionID: sessionID(1)})
	if err != nil || len(page.Sessions) != 1 {
		t.Errorf("sessions of the trace with an id = %v, %v, want one", idsOf(page.Sessions), err)
	}
	page, err = x.Sessions(t.Context(), index.SessionQuery{Project: shop, TraceID: strings.Repeat("cc", 16)})
	if err != nil || len(page.Sessions) != 0 || page.Next != "" {
		t.Errorf("sessions of an unknown trace = %v, %v", page, err)
	}
}

func pages(t *testing.T, x index.Index) {
	// Twelve sessions, three of each start.
	var all []recording.StoredSegment
	var want []recording.SessionID
	for n := range 12 {
		s := segment(sessionID(n), "window-1", 0)
		s.StartMs = base + int64(n/3)*1000
		s.Origin.UserID = []string{"anna", "berta"}[n%2]
		all = append(all, s)
		want = append(want, sessionID(n))
	}
	slices.Reverse(want)
	mustWrite(t, x, "batch", all)

	for limit := 1; limit <= 13; limit++ {
		var got []recording.SessionID
		q := index.SessionQuery{Project: shop, Limit: limit}
		for {
			page, err := x.Sessions(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Sessions) > limit || len(page.Sessions) == 0 {
				t.Fatalf("page of %d sessions, limit %d", len(page.Sessions), limit)
			}
			got = append(got, idsOf(page.Sessions)...)
			if q.Before = page.Next; q.Before == "" {
				break
			}
		}
		same(t, fmt.Sprintf("pages of %d", limit), got, want)
	}
	// The cursor narrows a filter, it does not replace it.
	first, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, UserID: "anna", Limit: 4})
	if err != nil {
		t.Fatal(err)
	}
	second, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, UserID: "anna", Limit: 4, Before: first.Next})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "pages of anna", append(idsOf(first.Sessions), idsOf(second.Sessions)...),
		[]recording.SessionID{sessionID(10), sessionID(8), sessionID(6), sessionID(4), sessionID(2), sessionID(0)})
}

// texts are what breaks a query that is put together from strings, and what
// breaks a pattern.
var texts = []string{
	`it's`, `"quoted"`, "`ticks`", `back\slash`, `\`, `\\`, `\'`, `ends with \`, `100%`, `%`, `_`, `a_b`, `a%b`, `{x:String}`,
	`'; DROP TABLE sessions; --`, "tab\there", "line\nbreak", "carriage\rreturn", "nul\x00byte", `\N`, `NULL`, `\t`, `?`, `$1`, `@user`,
	`日本語のテキスト`, `Ünïcödé`, `👩‍💻 wrote 🎬`, ` leading and trailing `,
}

func takesAnyText(t *testing.T, x index.Index) {
	var segments []recording.StoredSegment
	var moments []recording.Moment
	for n, text := range texts {
		s := segment(sessionID(n), "window-1", 0)
		s.Origin.UserID = text
		s.Origin.UserAttributes = map[string]string{text: text}
		s.URLs = []string{"https://shop.example/" + text}
		m := moment(s, n, recording.KindClick)
		m.Text, m.Name, m.Attributes = text, text, map[string]string{text: text}
		segments, moments = append(segments, s), append(moments, m)
	}
	mustWrite(t, x, `tok'en\`, segments, moments...)

	holds := func(text string) (want []recording.SessionID, wantMoments []recording.Moment) {
		for n, other := range texts {
			if strings.Contains(strings.ToLower(other), strings.ToLower(text)) {
				want = append([]recording.SessionID{sessionID(n)}, want...)
				wantMoments = append(wantMoments, moments[n])
			}
		}
		return want, wantMoments
	}
	for n, text := range texts {
		same(t, fmt.Sprintf("segments of %q", text), mustSegments(t, x, shop, sessionID(n)), segments[n:n+1])
		page, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, UserID: text})
		if err != nil {
			t.Errorf("user %q: %v", text, err)
			continue
		}
		same(t, fmt.Sprintf("sessions of user %q", text), idsOf(page.Sessions), []recording.SessionID{sessionID(n)})
		want, wantMoments := holds(text)
		for name, q := range map[string]index.SessionQuery{"URL": {URL: text}, "text": {Text: text}} {
			q.Project = shop
			page, err := x.Sessions(t.Context(), q)
			if err != nil {
				t.Errorf("%s %q: %v", name, text, err)
				continue
			}
			same(t, fmt.Sprintf("sessions by %s %q", name, text), idsOf(page.Sessions), want)
		}
		same(t, fmt.Sprintf("moments by text %q", text), mustMoments(t, x, index.MomentQuery{Project: shop, Text: text}), wantMoments)
	}
	for _, q := range []string{"ÜNÏCÖDÉ", "WROTE 🎬", "日本語"} {
		page, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, Text: q})
		if err != nil || len(page.Sessions) != 1 {
			t.Errorf("text %q found %v, %v, want one session", q, idsOf(page.Sessions), err)
		}
	}
}

// takesAnyTime: a browser's clock can say anything the wire lets through, and
// a batch that can never be written would block all after it.
func takesAnyTime(t *testing.T, x index.Index) {
	times := []int64{0, 1, -5, 8_640_000_000_000_000, -8_640_000_000_000_000, 253_402_300_800_000}
	for n, ms := range times {
		s := segment(sessionID(n), "window-1", 0)
		s.StartMs, s.EndMs, s.ClockOffsetMs, s.FullSnapshots = ms, ms, base-ms, []int64{ms}
		mustWrite(t, x, fmt.Sprint(n), []recording.StoredSegment{s}, moment(s, 0, recording.KindClick))
		mustSegments(t, x, shop, s.Session)
		mustSession(t, x, shop, s.Session)
		if got := mustMoments(t, x, index.MomentQuery{Project: shop, SessionID: s.Session}); len(got) != 1 {
			t.Errorf("%d moments of time %d, want 1", len(got), ms)
		}
	}
	page, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, FromMs: -1 << 62, ToMs: 1 << 62})
	if err != nil || len(page.Sessions) != len(times) {
		t.Errorf("%d sessions of all times, %v, want %d", len(page.Sessions), err, len(times))
	}
}

func takesLargeBatches(t *testing.T, x index.Index) {
	var segments []recording.StoredSegment
	var moments []recording.Moment
	var ids []recording.SessionID
	for n := range 250 {
		ids = append(ids, sessionID(n))
		for seq := range uint32(2) {
			s := segment(sessionID(n), "window-1", seq)
			segments = append(segments, s)
			for event := range 4 {
				moments = append(moments, moment(s, event, recording.KindConsole))
			}
		}
	}
	mustWrite(t, x, "batch", segments, moments...)
	stored, err := x.Stored(t.Context(), shop, ids)
	if err != nil || len(stored) != len(segments) {
		t.Errorf("Stored = %d segments, %v, want %d", len(stored), err, len(segments))
	}
	for limit, want := range map[int]int{0: 50, 250: 250, 1000: 250} {
		page, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, Limit: limit})
		if err != nil || len(page.Sessions) != want {
			t.Errorf("Sessions with limit %d: %d, %v, want %d", limit, len(page.Sessions), err, want)
		}
	}
	for limit, want := range map[int]int{0: 1000, 1500: 1500, 100000: 2000} {
		if got := mustMoments(t, x, index.MomentQuery{Project: shop, Limit: limit}); len(got) != want {
			t.Errorf("Moments with limit %d: %d, want %d", limit, len(got), want)
		}
	}
}

func clearsProject(t *testing.T, x index.Index) {
	segments := visit()
	click := moment(segments[0], 1, recording.KindClick)
	click.TraceID = strings.Repeat("ab", 16)
	mustWrite(t, x, "batch", segments, click)
	theirs := inProject(blog, segments)
	mustWrite(t, x, "batch", theirs)

	if err := x.Clear(t.Context(), shop); err != nil {
		t.Fatalf("Clear: %v", err)
	}
	for name, q := range map[string]index.SessionQuery{"all": {}, "id": {SessionID: sid}, "trace": {TraceID: click.TraceID}, "user": {UserID: "berta"}} {
		q.Project = shop
		page, err := x.Sessions(t.Context(), q)
		if err != nil || len(page.Sessions) != 0 {
			t.Errorf("Sessions of a cleared project by %s = %v, %v, want none", name, page.Sessions, err)
		}
	}
	if _, err := x.Segments(t.Context(), shop, sid); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("Segments of a cleared project = %v, want ErrNotFound", err)
	}
	same(t, "Moments of a cleared project", mustMoments(t, x, index.MomentQuery{Project: shop}), []recording.Moment{})
	same(t, "Segments of another project", mustSegments(t, x, blog, sid), theirs)

	// What was there before can come back, the very same batch.
	mustWrite(t, x, "batch", segments, click)
	same(t, "session", mustSession(t, x, shop, sid), visited())
	same(t, "Segments", mustSegments(t, x, shop, sid), segments)
	same(t, "Moments", mustMoments(t, x, index.MomentQuery{Project: shop, TraceID: click.TraceID}), []recording.Moment{click})
}

func saysNotFound(t *testing.T, x index.Index) {
	if _, err := x.Segments(t.Context(), shop, sid); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("Segments of an unknown session = %v, want ErrNotFound", err)
	}
	page, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop})
	if err != nil || len(page.Sessions) != 0 || page.Next != "" {
		t.Errorf("Sessions of an empty index = %+v, %v", page, err)
	}
	same(t, "Moments of an empty index", mustMoments(t, x, index.MomentQuery{Project: shop}), []recording.Moment{})
	for _, sessions := range [][]recording.SessionID{nil, {sid}} {
		stored, err := x.Stored(t.Context(), shop, sessions)
		if err != nil || len(stored) != 0 {
			t.Errorf("Stored of an empty index = %v, %v", stored, err)
		}
	}
	if err := x.Write(t.Context(), index.Batch{Project: shop, Token: "empty"}); err != nil {
		t.Errorf("Write of an empty batch: %v", err)
	}
}

func refusesQueries(t *testing.T, x index.Index) {
	for name, q := range map[string]index.SessionQuery{
		"no project": {Project: ""}, "limit below": {Project: shop, Limit: -1}, "limit above": {Project: shop, Limit: 1001},
		"cursor": {Project: shop, Before: "rubbish"}, "half a cursor": {Project: shop, Before: "12."},
		"cursor of another kind": {Project: shop, Before: "x." + string(sid)},
	} {
		if _, err := x.Sessions(t.Context(), q); !errors.Is(err, index.ErrQuery) {
			t.Errorf("Sessions with %s = %v, want ErrQuery", name, err)
		}
	}
	for name, q := range map[string]index.MomentQuery{
		"no project": {Project: ""}, "limit below": {Project: shop, Limit: -1}, "limit above": {Project: shop, Limit: 100001},
	} {
		if _, err := x.Moments(t.Context(), q); !errors.Is(err, index.ErrQuery) {
			t.Errorf("Moments with %s = %v, want ErrQuery", name, err)
		}
	}
	if _, err := x.Segments(t.Context(), "", sid); !errors.Is(err, index.ErrQuery) {
		t.Errorf("Segments of no project = %v, want ErrQuery", err)
	}
	if _, err := x.Stored(t.Context(), "", []recording.SessionID{sid}); !errors.Is(err, index.ErrQuery) {
		t.Errorf("Stored of no project = %v, want ErrQuery", err)
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
	} {
		if err := x.Write(t.Context(), b); !errors.Is(err, index.ErrQuery) {
			t.Errorf("Write of a batch with %s = %v, want ErrQuery", name, err)
		}
	}
	if _, err := x.Segments(t.Context(), shop, sid); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("after refused batches, Segments = %v, want ErrNotFound", err)
	}
}

func obeysContext(t *testing.T, x index.Index) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := segment(sid, "window-1", 0)
	_, storedErr := x.Stored(ctx, shop, []recording.SessionID{sid})
	_, sessionsErr := x.Sessions(ctx, index.SessionQuery{Project: shop})
	_, segmentsErr := x.Segments(ctx, shop, sid)
	_, momentsErr := x.Moments(ctx, index.MomentQuery{Project: shop})
	for name, err := range map[string]error{
		"Migrate": x.Migrate(ctx), "Check": x.Check(ctx), "Stored": storedErr, "Sessions": sessionsErr,
		"Segments": segmentsErr, "Moments": momentsErr,
		"Write": x.Write(ctx, index.Batch{Project: shop, Token: "t", Segments: []recording.StoredSegment{s}}),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context = %v, want context.Canceled", name, err)
		}
	}
}
