package indextest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

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
	s[1].Origin.Environment, s[1].Origin.UserAgent, s[1].Origin.Country = "staging", "old browser", "AT"
	s[2].URLs = []string{"https://shop.example/order"}
	s[2].Origin.UserID, s[2].Origin.UserAttributes = "berta", map[string]string{"plan": "pro"}
	s[2].Origin.Release, s[2].Origin.Environment, s[2].Origin.UserAgent = "1.1", "production", "new browser"
	s[2].Origin.Country = "DE"
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
		Country:         "DE",
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

func filtersSessions(t *testing.T, x index.Index) {
	// Five sessions of one to three seconds, ten seconds apart; sessions are listed by
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
		s.EndMs += []int64{0, 500, 1000, 1500, 2000}[n]
		s.Origin.Release = []string{"1.0", "1.0", "1.1", "1.1", ""}[n]
		s.Origin.Environment = []string{"production", "staging", "production", "", ""}[n]
		s.Origin.UserAgent = []string{"Mozilla/5.0 Firefox/140.0", "Mozilla/5.0 Chrome/150.0", "Mozilla/5.0 Firefox/141.0", "", "curl"}[n]
		all = append(all, s)
	}
	mustWrite(t, x, "batch", all)

	tests := []struct {
		name string
		q    index.SessionQuery
		want []int
	}{
		{"nothing", index.SessionQuery{}, []int{4, 3, 2, 1, 0}},
		{"from an end", index.SessionQuery{FromMs: base + 22_000}, []int{4, 3, 2}},
		{"from after an end", index.SessionQuery{FromMs: base + 22_001}, []int{4, 3}},
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
		{"duration at least", index.SessionQuery{MinDurationMs: 2000}, []int{4, 3, 2}},
		{"duration at most", index.SessionQuery{MaxDurationMs: 2000}, []int{2, 1, 0}},
		{"duration between", index.SessionQuery{MinDurationMs: 1001, MaxDurationMs: 1999}, []int{1}},
		{"release", index.SessionQuery{Release: "1.0"}, []int{1, 0}},
		{"release is exact", index.SessionQuery{Release: "1"}, nil},
		{"environment", index.SessionQuery{Environment: "production"}, []int{2, 0}},
		{"user agent", index.SessionQuery{UserAgent: "firefox/14"}, []int{2, 0}},
		{"user and release", index.SessionQuery{UserID: "anna", Release: "1.0", Environment: "staging"}, []int{1}},
		{"URL and user agent", index.SessionQuery{URL: "shop.example", UserAgent: "CHROME"}, []int{1}},
		{"URL that is not there", index.SessionQuery{URL: "shop.example/nowhere"}, nil},
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
	// Sessions that go on are written again and again.
	for n := range 7 {
		mustWrite(t, x, fmt.Sprint(n), all)
	}

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

// followsChanges: what a session is found by changes while it goes on, its
// start too when an earlier segment comes late.
func followsChanges(t *testing.T, x index.Index) {
	other := segment(sessionID(2), "window-1", 0)
	other.StartMs, other.EndMs = base+4000, base+4500
	late := segment(sid, "window-1", 0)
	late.Origin.UserID, late.URLs = "anna", []string{"https://shop.example/first"}
	first := segment(sid, "window-1", 7)
	first.Origin.UserID, first.URLs = "anna", []string{"https://shop.example/second"}
	last := segment(sid, "window-1", 8)
	last.Origin.UserID, last.Counts.Errors = "berta", 1
	last.Origin.Release = "2.0"

	mustWrite(t, x, "1", []recording.StoredSegment{other, first})
	listed := func(q index.SessionQuery) []recording.SessionID {
		t.Helper()
		var ids []recording.SessionID
		q.Project, q.Limit = shop, 1
		for {
			page, err := x.Sessions(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, idsOf(page.Sessions)...)
			if q.Before = page.Next; q.Before == "" {
				return ids
			}
		}
	}
	same(t, "sessions", listed(index.SessionQuery{}), []recording.SessionID{sid, sessionID(2)})
	same(t, "sessions from the first start", listed(index.SessionQuery{ToMs: base + 6000}), []recording.SessionID{sessionID(2)})

	mustWrite(t, x, "2", []recording.StoredSegment{last})
	mustWrite(t, x, "3", []recording.StoredSegment{late})
	both := []recording.SessionID{sessionID(2), sid}
	same(t, "sessions after the start moved", listed(index.SessionQuery{}), both)
	for name, tt := range map[string]struct {
		q    index.SessionQuery
		want []recording.SessionID
	}{
		"to before the first start":   {index.SessionQuery{ToMs: base + 6000}, both},
		"from after the start":        {index.SessionQuery{FromMs: base + 5000}, []recording.SessionID{sid}},
		"a user who went":             {index.SessionQuery{UserID: "anna"}, nil},
		"the user":                    {index.SessionQuery{UserID: "berta"}, []recording.SessionID{sid}},
		"a URL of the late segment":   {index.SessionQuery{URL: "first"}, []recording.SessionID{sid}},
		"a URL of an earlier version": {index.SessionQuery{URL: "second"}, []recording.SessionID{sid}},
		"errors":                      {index.SessionQuery{Errors: true}, []recording.SessionID{sid}},
		"release":                     {index.SessionQuery{Release: "2.0"}, []recording.SessionID{sid}},
		"duration":                    {index.SessionQuery{MinDurationMs: 9000}, []recording.SessionID{sid}},
		"a duration that it had":      {index.SessionQuery{MinDurationMs: 900, MaxDurationMs: 2000}, nil},
	} {
		same(t, "sessions by "+name, listed(tt.q), tt.want)
	}
}

// listsWhatGoesOn: a session belongs to every time range in which it goes on,
// whenever it began.
func listsWhatGoesOn(t *testing.T, x index.Index) {
	var all []recording.StoredSegment
	for n := range 8 {
		s := segment(sessionID(n), "window-1", 0)
		s.StartMs = base + int64(n)*60_000
		s.EndMs = s.StartMs + 1000
		if n%2 == 0 {
			s.EndMs = base + 30*24*3_600_000
		}
		all = append(all, s)
	}
	mustWrite(t, x, "batch", all)
	from := base + 4*60_000 + 500
	for limit := 1; limit < 8; limit++ {
		var got []recording.SessionID
		q := index.SessionQuery{Project: shop, FromMs: from, ToMs: base + 7*60_000, Limit: limit}
		for {
			page, err := x.Sessions(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, idsOf(page.Sessions)...)
			if q.Before = page.Next; q.Before == "" {
				break
			}
		}
		same(t, fmt.Sprintf("pages of %d", limit), got,
			[]recording.SessionID{sessionID(6), sessionID(5), sessionID(4), sessionID(2), sessionID(0)})
	}
}
