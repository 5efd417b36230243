package indextest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

const (
	minuteMs = int64(60_000)
	hourMs   = 60 * minuteMs
)

// someVisits are sessions with a term that some of all have: their ids say
// nothing of their time, and most had the term long after they had begun.
func someVisits() (batches []index.Batch, visits []visitOf) {
	for n := range 300 {
		id := sessionID(n * 7919 % 1000)
		v := visitOf{session: id, startMs: base + int64(n)*13*minuteMs, errors: n%3 == 0}
		first := segment(id, "window-1", 0)
		first.StartMs, first.EndMs = v.startMs, v.startMs+1000
		with := segment(id, "window-1", 1)
		with.StartMs = v.startMs + []int64{2000, 20 * minuteMs, 3 * hourMs, 50 * hourMs}[n%4]
		with.EndMs = with.StartMs + 1000
		if n%8 == 7 {
			with.EndMs += 30 * hourMs
		}
		with.URLs, with.Origin.UserID = []string{"https://shop.example/some", "https://shop.example/some/more"}, "anna"
		if v.errors {
			with.Counts.Errors = 1
		}
		v.endMs = with.EndMs
		had := signal(with, 1, recording.SignalRageClick)
		had.TimestampMs = with.StartMs
		visits = append(visits, v)
		// Of some the first segment comes last.
		later := index.Batch{Project: shop, Token: "with", Segments: []recording.StoredSegment{with}, Moments: []recording.Moment{had}}
		begin := index.Batch{Project: shop, Token: "begin", Segments: []recording.StoredSegment{first}}
		if n%5 == 0 {
			batches = append(batches, later, begin)
		} else {
			batches = append(batches, begin, later)
		}
	}
	slices.SortFunc(visits, func(a, b visitOf) int {
		return cmp.Or(cmp.Compare(b.startMs, a.startMs), cmp.Compare(b.session, a.session))
	})
	return batches, visits
}

type visitOf struct {
	session        recording.SessionID
	startMs, endMs int64
	errors         bool
}

// FindsWhatSomeHave checks that sessions are found by a user, a signal or a URL
// that more have than fit on some pages, and that few of all have.
func FindsWhatSomeHave(t *testing.T, x index.Index) {
	batches, visits := someVisits()
	for some := range slices.Chunk(batches, 97) {
		for range 2 { // a write can be repeated
			if err := x.Write(t.Context(), some...); err != nil {
				t.Fatal(err)
			}
		}
	}
	middle := base + 150*13*minuteMs
	ranges := map[string]index.SessionQuery{
		"of all time":         {Limit: 50},
		"since the middle":    {FromMs: middle, Limit: 40},
		"until the middle":    {ToMs: middle, Limit: 40},
		"of a day":            {FromMs: middle - 12*hourMs, ToMs: middle + 12*hourMs, Limit: 15},
		"of an early hour":    {FromMs: base + 20*hourMs, ToMs: base + 21*hourMs, Limit: 5},
		"until an early hour": {ToMs: base + 6*hourMs, Limit: 6},
		"with errors":         {Errors: true, Limit: 25},
	}
	terms := map[string]index.SessionQuery{
		"user": {UserID: "anna"}, "signal": {Signal: recording.SignalRageClick}, "URL": {URL: "example/Some"},
	}
	for of, q := range ranges {
		var want []recording.SessionID
		for _, v := range visits {
			if v.endMs >= q.FromMs && (q.ToMs == 0 || v.startMs < q.ToMs) && (v.errors || !q.Errors) {
				want = append(want, v.session)
			}
		}
		for by, term := range terms {
			q.Project, q.UserID, q.Signal, q.URL, q.Before = shop, term.UserID, term.Signal, term.URL, ""
			same(t, fmt.Sprintf("sessions by %s %s", by, of), everyPage(t, x, q), want)
		}
	}
}

// everyPage lists the sessions of all pages of a query.
func everyPage(t *testing.T, x index.Index, q index.SessionQuery) []recording.SessionID {
	t.Helper()
	var all []recording.SessionID
	for {
		page, err := x.Sessions(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, idsOf(page.Sessions)...)
		if q.Before = page.Next; q.Before == "" {
			return all
		}
	}
}
