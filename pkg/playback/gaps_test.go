package playback

import (
	"reflect"
	"testing"

	"github.com/playhead/playhead/pkg/recording"
)

// What the recorder says that it dropped explains the gaps that it left; what
// it says nothing of never came.
func TestGapsHaveTheCauseThatTheRecorderKnows(t *testing.T) {
	const window = recording.WindowID("window-1")
	// Segment n lasts from n*100 to n*100+99.
	segments := func(seqs ...uint32) []Segment {
		var list []Segment
		for _, seq := range seqs {
			list = append(list, Segment{Seq: seq, StartMs: int64(seq) * 100, EndMs: int64(seq)*100 + 99})
		}
		return list
	}
	state := func(ts int64, name, reason string) Moment {
		return Moment{TimestampMs: ts, Window: window, Kind: recording.KindState, Name: name, Text: reason}
	}
	tests := []struct {
		name     string
		segments []Segment
		moments  []Moment
		want     []Gap
	}{
		{name: "whole", segments: segments(0, 1, 2), moments: []Moment{state(150, "dropped", "memory")}, want: []Gap{}},
		{
			name: "nothing said", segments: segments(2, 4, 5, 9),
			moments: []Moment{state(1, "started", "")},
			want: []Gap{
				{AfterSeq: -1, BeforeSeq: 2, StartMs: 200, EndMs: 200, Cause: "not_received"},
				{AfterSeq: 2, BeforeSeq: 4, StartMs: 299, EndMs: 400, Cause: "not_received"},
				{AfterSeq: 5, BeforeSeq: 9, StartMs: 599, EndMs: 900, Cause: "not_received"},
			},
		},
		{
			name: "single events were dropped, which leaves no gap", segments: segments(0, 2),
			moments: []Moment{state(210, "dropped", "console"), state(210, "dropped", "recorder_error"), state(220, "moments_dropped", "memory")},
			want:    []Gap{{AfterSeq: 0, BeforeSeq: 2, StartMs: 99, EndMs: 200, Cause: "not_received"}},
		},
		{
			name: "a drop is no explanation of what comes later, nor of another window", segments: segments(0, 2),
			moments: []Moment{state(50, "dropped", "memory"), {TimestampMs: 250, Window: "window-2", Kind: recording.KindState, Name: "dropped", Text: "memory"}},
			want:    []Gap{{AfterSeq: 0, BeforeSeq: 2, StartMs: 99, EndMs: 200, Cause: "not_received"}},
		},
		{
			name: "the newest gap before it is meant", segments: segments(0, 2, 4),
			moments: []Moment{state(420, "dropped", "refused")},
			want: []Gap{
				{AfterSeq: 0, BeforeSeq: 2, StartMs: 99, EndMs: 200, Cause: "not_received"},
				{AfterSeq: 2, BeforeSeq: 4, StartMs: 299, EndMs: 400, Cause: "dropped", Reason: "refused"},
			},
		},
		{
			name: "each drop is one segment", segments: segments(0, 2, 5),
			moments: []Moment{state(520, "dropped", "memory"), state(510, "dropped", "too_large"), state(530, "dropped", "memory"), state(540, "dropped", "memory")},
			want: []Gap{
				{AfterSeq: 0, BeforeSeq: 2, StartMs: 99, EndMs: 200, Cause: "dropped", Reason: "memory"},
				{AfterSeq: 2, BeforeSeq: 5, StartMs: 299, EndMs: 500, Cause: "dropped", Reason: "memory"},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := gaps(tt.segments)
			explain(got, drops(tt.moments, window))
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
