package indextest

import (
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

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
