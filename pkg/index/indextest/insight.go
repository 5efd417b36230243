package indextest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

func mustWriteBatch(t *testing.T, x index.Index, batches ...index.Batch) {
	t.Helper()
	if err := x.Write(t.Context(), batches...); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

func mustKeyframes(t *testing.T, x index.Index, project recording.ProjectID, session recording.SessionID) []recording.Keyframe {
	t.Helper()
	keyframes, err := x.Keyframes(t.Context(), project, session)
	if err != nil {
		t.Fatalf("Keyframes: %v", err)
	}
	return keyframes
}

func mustTexts(t *testing.T, x index.Index, q index.TextQuery) []recording.SeenText {
	t.Helper()
	texts, err := x.Texts(t.Context(), q)
	if err != nil {
		t.Fatalf("Texts: %v", err)
	}
	return texts
}

func mustSeries(t *testing.T, x index.Index, q index.SeriesQuery) []index.Point {
	t.Helper()
	points, err := x.Series(t.Context(), q)
	if err != nil {
		t.Fatalf("Series(%+v): %v", q, err)
	}
	return points
}

func signal(s recording.StoredSegment, event int, name string) recording.Moment {
	m := moment(s, event, recording.KindSignal)
	m.Part, m.Name, m.Text = 1, name, name+" in words"
	return m
}

func seenText(s recording.StoredSegment, text string, firstMs, lastMs int64) recording.SeenText {
	return recording.SeenText{Project: s.Project, Session: s.Session, Window: s.Window, Page: s.Page, Text: text, FirstMs: s.StartMs + firstMs, LastMs: s.StartMs + lastMs}
}

func keyframe(s recording.StoredSegment) recording.Keyframe {
	return recording.Keyframe{SegmentID: s.SegmentID, Page: s.Page, TimestampMs: s.EndMs, ClockOffsetMs: s.ClockOffsetMs, RawBytes: 5000,
		Class: s.Class, Location: recording.Location{Object: s.Object, Offset: s.Offset + 50, Length: 40}}
}

// keepsInsightWhole: several moments of one event, keyframes and seen text,
// written again and again.
func keepsInsightWhole(t *testing.T, x index.Index) {
	one, two := segment(sid, "window-1", 0), segment(sid, "window-1", 1)
	click, first, second := moment(one, 3, recording.KindClick), signal(one, 3, recording.SignalRageClick), signal(one, 3, recording.SignalDeadClick)
	second.Part = 2
	first.Attributes = map[string]string{"element": `button "Place order"`}
	k, plain := keyframe(one), keyframe(two)
	k.ClockOffsetMs, k.Dictionary = -12, recording.DictionaryID(strings.Repeat("0a", 32))
	k.Base = recording.Base{Location: recording.Location{Object: "v1/a.pack", Offset: 8, Length: 100}, RawBytes: 1000, Dictionary: "5eed"}
	welcome, declined := seenText(one, "Welcome", 0, 500), seenText(one, "Payment declined", 100, 900)
	b := index.Batch{Project: shop, Token: "pack", Segments: []recording.StoredSegment{two, one},
		Moments: []recording.Moment{second, click, first}, Keyframes: []recording.Keyframe{plain, k}, Texts: []recording.SeenText{declined, welcome}}
	for range 3 {
		mustWriteBatch(t, x, b)
	}
	// The same text again, later and earlier than it was known.
	again := declined
	again.FirstMs, again.LastMs = declined.FirstMs+50, declined.LastMs+50
	mustWriteBatch(t, x, index.Batch{Project: shop, Token: "later", Class: recording.ClassNormal, Texts: []recording.SeenText{again}})
	declined.LastMs += 50

	same(t, "Moments", mustMoments(t, x, index.MomentQuery{Project: shop, SessionID: sid}), []recording.Moment{click, first, second})
	same(t, "Keyframes", mustKeyframes(t, x, shop, sid), []recording.Keyframe{k, plain})
	same(t, "Texts", mustTexts(t, x, index.TextQuery{Project: shop, SessionID: sid}), []recording.SeenText{welcome, declined})
	same(t, "Signals", mustSession(t, x, shop, sid).Signals, map[string]int{recording.SignalRageClick: 1, recording.SignalDeadClick: 1})

	same(t, "Keyframes of another session", mustKeyframes(t, x, shop, sessionID(2)), []recording.Keyframe{})
	same(t, "Keyframes of another project", mustKeyframes(t, x, blog, sid), []recording.Keyframe{})
	same(t, "Texts of another project", mustTexts(t, x, index.TextQuery{Project: blog}), []recording.SeenText{})

	if err := x.Clear(t.Context(), shop); err != nil {
		t.Fatal(err)
	}
	same(t, "Keyframes of a cleared project", mustKeyframes(t, x, shop, sid), []recording.Keyframe{})
	same(t, "Texts of a cleared project", mustTexts(t, x, index.TextQuery{Project: shop}), []recording.SeenText{})
	mustWriteBatch(t, x, index.Batch{Project: shop, Token: "bare", Segments: []recording.StoredSegment{one}})
	same(t, "Signals of a cleared project", mustSession(t, x, shop, sid).Signals, map[string]int{})
}

// keepsLateInsight: what was derived when later segments came is written in
// their batch, or alone.
func keepsLateInsight(t *testing.T, x index.Index) {
	one, two := segment(sid, "window-1", 0), segment(sid, "window-1", 1)
	click := moment(one, 3, recording.KindClick)
	mustWrite(t, x, "1", []recording.StoredSegment{one}, click)
	same(t, "Signals", mustSession(t, x, shop, sid).Signals, map[string]int{})

	found := signal(one, 3, recording.SignalDeadClick)
	late := index.Batch{Project: shop, Token: "2", Segments: []recording.StoredSegment{two}, Moments: []recording.Moment{found}}
	if err := x.Write(t.Context(), late); !errors.Is(err, index.ErrQuery) {
		t.Errorf("Write of a late moment without a class = %v, want ErrQuery", err)
	}
	late.Class, late.ReceivedMs = recording.ClassNormal, one.ReceivedMs
	named := click
	named.Text, named.Selector = "Place order", "#order"
	late.Moments = append(late.Moments, named)
	mustWriteBatch(t, x, late)
	mustWriteBatch(t, x, late)
	alone := signal(two, 0, recording.SignalDeadClick)
	for range 2 {
		mustWriteBatch(t, x, index.Batch{Project: shop, Token: "3", Class: recording.ClassNormal, Moments: []recording.Moment{alone},
			Keyframes: []recording.Keyframe{keyframe(one)}, Texts: []recording.SeenText{seenText(one, "Welcome", 0, 1)}})
	}
	same(t, "Moments", mustMoments(t, x, index.MomentQuery{Project: shop, SessionID: sid}), []recording.Moment{named, found, alone})
	same(t, "Signals", mustSession(t, x, shop, sid).Signals, map[string]int{recording.SignalDeadClick: 2})
	same(t, "Keyframes", mustKeyframes(t, x, shop, sid), []recording.Keyframe{keyframe(one)})

	// What turned out not to be is gone until it is found again.
	withdrawal := index.Batch{Project: shop, Token: "4", Class: recording.ClassNormal, ReceivedMs: one.ReceivedMs, Withdrawn: []recording.Moment{found}}
	mustWriteBatch(t, x, withdrawal)
	same(t, "Moments", mustMoments(t, x, index.MomentQuery{Project: shop, SessionID: sid}), []recording.Moment{named, alone})
	same(t, "Signals", mustSession(t, x, shop, sid).Signals, map[string]int{recording.SignalDeadClick: 1})
	withdrawal.Moments = []recording.Moment{found}
	mustWriteBatch(t, x, withdrawal)
	same(t, "Moments", mustMoments(t, x, index.MomentQuery{Project: shop, SessionID: sid}), []recording.Moment{named, found, alone})
	same(t, "Signals", mustSession(t, x, shop, sid).Signals, map[string]int{recording.SignalDeadClick: 2})

	// What belongs to a session without segments is no session.
	orphan := segment(sessionID(9), "window-1", 0)
	mustWriteBatch(t, x, index.Batch{Project: shop, Token: "4", Class: recording.ClassNormal, Moments: []recording.Moment{signal(orphan, 0, recording.SignalError)}})
	page, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, Signal: index.AnySignal})
	if err != nil || len(page.Sessions) != 1 {
		t.Errorf("Sessions with any signal = %v, %v, want the one that has segments", idsOf(page.Sessions), err)
	}
	foreign := index.Batch{Project: shop, Token: "5", Class: recording.ClassNormal}
	theirs := inProject(blog, []recording.StoredSegment{one})[0]
	for name, b := range map[string]index.Batch{
		"keyframe": {Keyframes: []recording.Keyframe{keyframe(theirs)}},
		"text":     {Texts: []recording.SeenText{seenText(theirs, "x", 0, 0)}},
		"moment":   {Moments: []recording.Moment{signal(theirs, 0, recording.SignalError)}},
	} {
		b.Project, b.Class, b.Token = foreign.Project, foreign.Class, foreign.Token
		if err := x.Write(t.Context(), b); !errors.Is(err, index.ErrQuery) {
			t.Errorf("Write of another project's %s = %v, want ErrQuery", name, err)
		}
	}
}

// storesKeyframeOnce: two servers made the same keyframe; whichever is written
// last, the same one stays.
func storesKeyframeOnce(t *testing.T, x index.Index) {
	var stay []recording.Keyframe
	for n, project := range []recording.ProjectID{shop, blog} {
		s := inProject(project, []recording.StoredSegment{segment(sid, "window-1", 0)})[0]
		a, b := keyframe(s), keyframe(s)
		b.Object = "v1/shop/normal/b.pack"
		order := []recording.Keyframe{a, b}
		if n == 1 {
			slices.Reverse(order)
		}
		for i, k := range order {
			mustWriteBatch(t, x, index.Batch{Project: project, Token: fmt.Sprint(i), Segments: []recording.StoredSegment{s}, Keyframes: []recording.Keyframe{k}})
		}
		stay = append(stay, mustKeyframes(t, x, project, sid)...)
	}
	if len(stay) != 2 || stay[0].Object != stay[1].Object {
		t.Errorf("keyframes that stay = %+v, want one a project, of the same object", stay)
	}
}

func findsInsight(t *testing.T, x index.Index) {
	var b index.Batch
	b.Project, b.Token = shop, "pack"
	day := int64(24 * 3_600_000)
	for n := range 6 {
		s := segment(sessionID(n), "window-1", 0)
		s.StartMs += int64(n) * day
		s.EndMs = s.StartMs + 60_000
		s.Origin.UserID = []string{"anna", "anna", "anna", "berta", "berta", ""}[n]
		s.URLs = []string{"https://shop.example/cart"}
		s.Origin.UserAgent = []string{"Mozilla/5.0 Chrome/150.0 Safari/537.36", "Mozilla/5.0 Chrome/150.0 Safari/537.36 Edg/150.0", "Mozilla/5.0 Version/26.0 Safari/605.1", "Mozilla/5.0 Firefox/141.0", "curl", ""}[n]
		s.Origin.Country = []string{"DE", "DE", "AT", "", "DE", "AT"}[n]
		b.Segments = append(b.Segments, s)
		for i, name := range [][]string{{"rage_click"}, {"rage_click", "rage_click", "dead_click"}, nil, {"dead_click"}, {"error"}, nil}[n] {
			b.Moments = append(b.Moments, signal(s, i, name))
		}
		for i, text := range [][]string{{"Payment declined"}, {"Your payment was DECLINED, sorry"}, {"Payment", "declined"}, {"Größe wählen"}, {"payment_declined: code 17"}, {"That's \\' it"}}[n] {
			// Only after the time range that is looked in has ended.
			b.Texts = append(b.Texts, seenText(s, text, 30_000+int64(i), 40_000))
		}
	}
	mustWriteBatch(t, x, b)

	tests := []struct {
		name string
		q    index.SessionQuery
		want []int
	}{
		{"signal", index.SessionQuery{Signal: "rage_click"}, []int{1, 0}},
		{"any signal", index.SessionQuery{Signal: index.AnySignal}, []int{4, 3, 1, 0}},
		{"unknown signal", index.SessionQuery{Signal: "x"}, nil},
		{"signal and user", index.SessionQuery{Signal: "dead_click", UserID: "anna"}, []int{1}},
		{"signal and time", index.SessionQuery{Signal: "rage_click", FromMs: base + day}, []int{1}},
		{"signal and URL", index.SessionQuery{Signal: "rage_click", URL: "CART"}, []int{1, 0}},
		{"signal of a session", index.SessionQuery{Signal: "rage_click", SessionID: sessionID(2)}, nil},
		{"seen", index.SessionQuery{Seen: "payment declined"}, []int{4, 1, 0}},
		{"seen in any order", index.SessionQuery{Seen: "Declined, payment!"}, []int{4, 1, 0}},
		{"seen phrase", index.SessionQuery{Seen: `"payment declined"`}, []int{0}},
		{"seen phrase, any case and white space", index.SessionQuery{Seen: `" PAYMENT   Declined "`}, []int{0}},
		{"seen phrase with other characters", index.SessionQuery{Seen: index.Phrase("payment_declined: code")}, []int{4}},
		{"seen phrase and a word", index.SessionQuery{Seen: `"was declined" payment`}, []int{1}},
		{"seen phrases", index.SessionQuery{Seen: `"was declined", "your payment"`}, []int{1}},
		{"seen phrase that is not there", index.SessionQuery{Seen: `"declined payment"`}, nil},
		{"seen phrase of quotes", index.SessionQuery{Seen: `"that's \' it"`}, []int{5}},
		{"seen phrase of one word", index.SessionQuery{Seen: `"declined"`}, []int{4, 2, 1, 0}},
		{"seen part of a phrase", index.SessionQuery{Seen: `"payment decl"`}, nil},
		{"seen phrase that is not closed", index.SessionQuery{Seen: `"declined payment`}, []int{4, 1, 0}},
		{"seen phrase and user", index.SessionQuery{Seen: `"payment was"`, UserID: "anna"}, []int{1}},
		{"seen phrase in a session", index.SessionQuery{Seen: `"payment declined"`, SessionID: sessionID(1)}, nil},
		{"seen phrase, not ASCII", index.SessionQuery{Seen: `"GRÖßE WÄHLEN"`}, []int{3}},
		{"seen word", index.SessionQuery{Seen: "declined"}, []int{4, 2, 1, 0}},
		{"seen part of a word", index.SessionQuery{Seen: "decl"}, nil},
		{"seen, not ASCII", index.SessionQuery{Seen: "GRÖSSE GRÖßE"}, nil},
		{"seen, not ASCII, any case", index.SessionQuery{Seen: "GRÖßE"}, []int{3}},
		{"seen, until before it was seen", index.SessionQuery{Seen: "payment declined", ToMs: base + day + 20_000}, []int{1, 0}},
		{"seen, from after the start", index.SessionQuery{Seen: "payment declined", FromMs: base + day + 20_000}, []int{4, 1}},
		{"seen, from after it was seen", index.SessionQuery{Seen: "payment declined", FromMs: base + day + 50_000}, []int{4, 1}},
		{"seen, from and until within", index.SessionQuery{Seen: "payment declined", FromMs: base + day + 10_000, ToMs: base + day + 20_000}, []int{1}},
		{"seen, from after the end", index.SessionQuery{Seen: "payment declined", FromMs: base + day + 70_000}, []int{4}},
		{"seen and signal", index.SessionQuery{Seen: "declined", Signal: "rage_click"}, []int{1, 0}},
		{"seen and user", index.SessionQuery{Seen: "declined", UserID: "anna"}, []int{2, 1, 0}},
		{"seen and URL", index.SessionQuery{Seen: "declined", URL: "/cart"}, []int{4, 2, 1, 0}},
		{"seen in a session", index.SessionQuery{Seen: "declined", SessionID: sessionID(0)}, []int{0}},
		{"seen in another session", index.SessionQuery{Seen: "declined", SessionID: sessionID(3)}, nil},
		{"browser", index.SessionQuery{Browser: "chrome"}, []int{0}},
		{"browser that names another", index.SessionQuery{Browser: "Safari"}, []int{2}},
		{"country", index.SessionQuery{Country: "de"}, []int{4, 1, 0}},
		{"country and what was seen", index.SessionQuery{Country: "AT", Seen: "declined"}, []int{2}},
		{"country and user", index.SessionQuery{Country: "DE", UserID: "anna"}, []int{1, 0}},
		{"country and URL", index.SessionQuery{Country: "AT", URL: "/cart"}, []int{5, 2}},
		{"other browsers", index.SessionQuery{Browser: "Other"}, []int{5, 4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var want []recording.SessionID
			for _, n := range tt.want {
				want = append(want, sessionID(n))
			}
			tt.q.Project = shop
			for _, limit := range []int{0, 1} {
				var got []recording.SessionID
				for q := tt.q; ; {
					q.Limit = limit
					page, err := x.Sessions(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, idsOf(page.Sessions)...)
					if q.Before = page.Next; q.Before == "" || len(got) > len(want) {
						break
					}
				}
				same(t, fmt.Sprintf("sessions with limit %d", limit), got, want)
			}
		})
	}
	for _, seen := range []string{"!?", strings.Repeat("word ", 33)} {
		if _, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, Seen: seen}); !errors.Is(err, index.ErrQuery) {
			t.Errorf("Sessions that saw %q = %v, want ErrQuery", seen, err)
		}
	}
	for name, tt := range map[string]struct {
		q    index.MomentQuery
		want int
	}{
		"name": {index.MomentQuery{Name: "rage_click"}, 3}, "user": {index.MomentQuery{UserID: "berta"}, 2},
		"browser and time": {index.MomentQuery{Browser: "edge", FromMs: base + day, ToMs: base + 2*day}, 3},
		"country":          {index.MomentQuery{Country: "de"}, 5},
		"another time":     {index.MomentQuery{Browser: "edge", FromMs: base + 2*day}, 0},
		"URL":              {index.MomentQuery{URL: "x"}, 0}, "release": {index.MomentQuery{Release: "x"}, 0}, "trace": {index.MomentQuery{InTrace: true}, 0},
		"user of session": {index.MomentQuery{SessionID: sessionID(0), UserID: "anna"}, 1},
	} {
		tt.q.Project = shop
		if got := mustMoments(t, x, tt.q); len(got) != tt.want {
			t.Errorf("%d moments by %s, want %d", len(got), name, tt.want)
		}
	}
	if got := mustTexts(t, x, index.TextQuery{Project: shop, Text: "declined", Limit: 2}); len(got) != 2 || got[0].Text != "Payment declined" {
		t.Errorf("Texts = %+v, want the first two", got)
	}
	if got := mustTexts(t, x, index.TextQuery{Project: shop, Text: `"payment declined"`}); len(got) != 1 || got[0].Text != "Payment declined" {
		t.Errorf("Texts = %+v, want the one with the phrase", got)
	}
	for field, want := range map[index.Field][]string{
		index.FieldUser: {"anna", "berta"}, index.FieldURL: {"https://shop.example/cart"}, index.FieldSignal: {"dead_click", "error", "rage_click"},
		index.FieldBrowser: {"Chrome", "Edge", "Firefox", "Other", "Safari"}, index.FieldRelease: {},
		index.FieldCountry: {"AT", "DE"},
	} {
		got, err := x.Values(t.Context(), index.ValuesQuery{Project: shop, Field: field})
		if err != nil {
			t.Errorf("Values of %s: %v", field, err)
		}
		same(t, "Values of "+string(field), got, want)
	}
	got, err := x.Values(t.Context(), index.ValuesQuery{Project: shop, Field: index.FieldSignal, Part: "CLICK", FromMs: base + 2*day, Limit: 5})
	if err != nil {
		t.Error(err)
	}
	same(t, "Values of a part and a time", got, []string{"dead_click"})
	if _, err := x.Values(t.Context(), index.ValuesQuery{Project: shop, Field: "x"}); !errors.Is(err, index.ErrQuery) {
		t.Errorf("Values of an unknown field = %v, want ErrQuery", err)
	}
}

func measuresSeries(t *testing.T, x index.Index) {
	b := index.Batch{Project: shop, Token: "pack"}
	for n := range 3 {
		s := segment(sessionID(n), "window-1", 0)
		s.StartMs += int64(n) * 60_000
		s.EndMs = s.StartMs + 1000
		s.Origin.Release = []string{"1.0", "1.1", "1.1"}[n]
		s.Origin.UserAgent = []string{"Firefox/141.0", "Chrome/150.0", "Chrome/150.0"}[n]
		s.Origin.Country = []string{"DE", "AT", ""}[n]
		s.URLs = []string{"https://shop.example/cart?x=1", "https://shop.example/cart?x=2"}
		b.Segments = append(b.Segments, s)
		for i, name := range [][]string{{"rage_click", "rage_click"}, {"rage_click", "dead_click"}, nil}[n] {
			m := signal(s, i, name)
			m.URL, m.Attributes = "https://shop.example/cart?id=5", map[string]string{"element": `button "Pay"`}
			b.Moments = append(b.Moments, m)
		}
		r := moment(s, 5, recording.KindRequest)
		r.Name, r.URL, r.Status, r.DurationMs = "GET", "https://shop.example/api?x", []int{200, 500, 0}[n], int64(100*(n+1))
		c := moment(s, 6, recording.KindConsole)
		c.Name = []string{"error", "log", "error"}[n]
		v := moment(s, 7, recording.KindVital)
		v.Name, v.Attributes = "LCP", map[string]string{"value": fmt.Sprint(1000 * (n + 1))}
		b.Moments = append(b.Moments, r, c, v)
	}
	mustWriteBatch(t, x, b)
	mustWriteBatch(t, x, b)
	theirs := b
	theirs.Project, theirs.Segments, theirs.Moments = blog, inProject(blog, b.Segments), nil
	mustWriteBatch(t, x, theirs)

	minute := base - base%60_000 // of the first session
	const anHour = 3_600_000
	p := func(ms int64, label string, value float64) index.Point {
		return index.Point{TimeMs: ms, Label: label, Value: value}
	}
	tests := []struct {
		name string
		q    index.SeriesQuery
		want []index.Point
	}{
		{"sessions", index.SeriesQuery{Metric: index.MetricSessions}, []index.Point{p(base, "", 3)}},
		{"sessions by minute", index.SeriesQuery{Metric: index.MetricSessions, StepMs: 60_000},
			[]index.Point{p(minute, "", 1), p(minute+60_000, "", 1), p(minute+120_000, "", 1)}},
		{"sessions by release", index.SeriesQuery{Metric: index.MetricSessions, By: index.LabelRelease}, []index.Point{p(base, "1.0", 1), p(base, "1.1", 2)}},
		{"sessions by URL", index.SeriesQuery{Metric: index.MetricSessions, By: index.LabelURL}, []index.Point{p(base, "https://shop.example/cart", 3)}},
		{"sessions by signal", index.SeriesQuery{Metric: index.MetricSessions, By: index.LabelName}, []index.Point{p(base, "dead_click", 1), p(base, "rage_click", 2)}},
		{"sessions of a browser", index.SeriesQuery{Metric: index.MetricSessions, Browser: "chrome"}, []index.Point{p(base, "", 2)}},
		{"signals", index.SeriesQuery{Metric: index.MetricSignals}, []index.Point{p(base, "", 4)}},
		{"signals by name", index.SeriesQuery{Metric: index.MetricSignals, By: index.LabelName}, []index.Point{p(base, "dead_click", 1), p(base, "rage_click", 3)}},
		{"the most frequent signal", index.SeriesQuery{Metric: index.MetricSignals, By: index.LabelName, Limit: 1}, []index.Point{p(base, "rage_click", 3)}},
		{"signals by URL", index.SeriesQuery{Metric: index.MetricSignals, By: index.LabelURL}, []index.Point{p(base, "https://shop.example/cart", 4)}},
		{"signals by element", index.SeriesQuery{Metric: index.MetricSignals, By: index.LabelElement}, []index.Point{p(base, `button "Pay"`, 4)}},
		{"signals by browser", index.SeriesQuery{Metric: index.MetricSignals, By: index.LabelBrowser}, []index.Point{p(base, "Chrome", 2), p(base, "Firefox", 2)}},
		{"signals by country", index.SeriesQuery{Metric: index.MetricSignals, By: index.LabelCountry}, []index.Point{p(base, "AT", 2), p(base, "DE", 2)}},
		{"requests of a country", index.SeriesQuery{Metric: index.MetricRequests, Country: "de"}, []index.Point{p(base, "", 1)}},
		{"sessions by country", index.SeriesQuery{Metric: index.MetricSessions, By: index.LabelCountry}, []index.Point{p(base, "", 1), p(base, "AT", 1), p(base, "DE", 1)}},
		{"a signal by release and minute", index.SeriesQuery{Metric: index.MetricSignals, Name: "rage_click", By: index.LabelRelease, StepMs: 60_000},
			[]index.Point{p(minute, "1.0", 2), p(minute+60_000, "1.1", 1)}},
		{"signals of a release", index.SeriesQuery{Metric: index.MetricSignals, Release: "1.1"}, []index.Point{p(base, "", 2)}},
		{"sessions with signals", index.SeriesQuery{Metric: index.MetricSignalSessions}, []index.Point{p(base, "", 2)}},
		{"requests", index.SeriesQuery{Metric: index.MetricRequests, By: index.LabelURL}, []index.Point{p(base, "https://shop.example/api", 3)}},
		{"failed requests", index.SeriesQuery{Metric: index.MetricFailedRequests, By: index.LabelName}, []index.Point{p(base, "GET", 2)}},
		{"errors", index.SeriesQuery{Metric: index.MetricErrors}, []index.Point{p(base, "", 2)}},
		{"duration", index.SeriesQuery{Metric: index.MetricRequestDuration, Quantile: 0.5}, []index.Point{p(base, "", 200)}},
		{"vital", index.SeriesQuery{Metric: index.MetricVital, Name: "LCP", Quantile: 0.5}, []index.Point{p(base, "", 2000)}},
		{"a URL", index.SeriesQuery{Metric: index.MetricRequests, URL: "/API"}, []index.Point{p(base, "", 3)}},
		{"a URL that is not there", index.SeriesQuery{Metric: index.MetricRequests, URL: "/x"}, nil},
		{"to, exclusive", index.SeriesQuery{Metric: index.MetricSessions, ToMs: base + 120_000}, []index.Point{p(base, "", 2)}},
		{"clicks, of which there are none", index.SeriesQuery{Metric: index.MetricClicks}, nil},
	}
	for _, tt := range tests {
		tt.q.Project, tt.q.FromMs = shop, base
		if tt.q.ToMs == 0 {
			tt.q.ToMs = base + anHour
		}
		same(t, tt.name, mustSeries(t, x, tt.q), tt.want)
	}
	for name, q := range map[string]index.SeriesQuery{
		"project": {Metric: index.MetricSessions, ToMs: 1}, "metric": {Project: shop, Metric: "x", ToMs: 1}, "range": {Project: shop, Metric: index.MetricSessions},
		"label": {Project: shop, Metric: index.MetricSessions, ToMs: 1, By: "x"}, "points": {Project: shop, Metric: index.MetricSessions, ToMs: base, StepMs: 1},
		"quantile": {Project: shop, Metric: index.MetricVital, ToMs: 1, Quantile: 2}, "limit": {Project: shop, Metric: index.MetricSessions, ToMs: 1, Limit: 1001},
	} {
		if _, err := x.Series(t.Context(), q); !errors.Is(err, index.ErrQuery) {
			t.Errorf("Series with a bad %s = %v, want ErrQuery", name, err)
		}
	}
	for _, metric := range index.Metrics {
		for _, by := range index.Labels {
			mustSeries(t, x, index.SeriesQuery{Project: shop, Metric: metric, By: by, FromMs: base, ToMs: base + anHour, StepMs: 60_000,
				URL: "shop", UserID: "a", Release: "1", Environment: "p", Browser: "Chrome", Country: "DE", Name: "rage_click"})
		}
	}
}

// findsWhatManySaw: more sessions saw the text than are looked at together,
// each half a minute after it began and for longer than until the next began.
// Their ids follow the time, as those of recorders do, or they do not.
func findsWhatManySaw(t *testing.T, x index.Index) {
	t.Run("ids that follow the time", func(t *testing.T) { whatManySaw(t, x, shop, sessionID) })
	t.Run("ids that do not", func(t *testing.T) {
		whatManySaw(t, x, blog, func(n int) recording.SessionID { return sessionID(n * 1009 % 2100) })
	})
}

func whatManySaw(t *testing.T, x index.Index, project recording.ProjectID, sessionID func(int) recording.SessionID) {
	const many = 2100
	b := index.Batch{Project: project, Token: "pack"}
	start := func(n int) int64 { return base + int64(n)*60_000 }
	for n := range many {
		s := segment(sessionID(n), "window-1", 0)
		s.Project = project
		s.StartMs, s.EndMs = start(n), start(n)+90_000
		b.Segments = append(b.Segments, s)
		b.Texts = append(b.Texts, seenText(s, "Welcome back", 30_000, 40_000))
		if n == 1234 {
			b.Texts = append(b.Texts, seenText(s, "Welcome back, stranger", 80_000, 80_000))
		}
	}
	mustWriteBatch(t, x, b)
	newestOf := func(last, first int) (ids []recording.SessionID) {
		for n := last; n >= first; n-- {
			ids = append(ids, sessionID(n))
		}
		return ids
	}
	for name, tt := range map[string]struct {
		q    index.SessionQuery
		want []recording.SessionID
	}{
		"newest":             {index.SessionQuery{Limit: 20}, newestOf(many-1, many-20)},
		"before an instant":  {index.SessionQuery{ToMs: start(1000), Limit: 20}, newestOf(999, 980)},
		"while it goes on":   {index.SessionQuery{ToMs: start(1000) + 1, Limit: 20}, newestOf(1000, 981)},
		"in a range":         {index.SessionQuery{FromMs: start(1000), ToMs: start(1005)}, newestOf(1004, 999)},
		"in an early range":  {index.SessionQuery{FromMs: start(1) + 45_000, ToMs: start(5)}, newestOf(4, 0)[:4]},
		"a page":             {index.SessionQuery{Before: fmt.Sprintf("%d.%s", start(700), sessionID(700)), Limit: 20}, newestOf(699, 680)},
		"what one saw":       {index.SessionQuery{Seen: "stranger"}, newestOf(1234, 1234)},
		"all":                {index.SessionQuery{Limit: 1000}, newestOf(many-1, many-1000)},
		"with another trait": {index.SessionQuery{Signal: "rage_click"}, nil},
	} {
		tt.q.Project = project
		if tt.q.Seen == "" {
			tt.q.Seen = "welcome back"
		}
		page, err := x.Sessions(t.Context(), tt.q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, name, idsOf(page.Sessions), tt.want)
	}
}
