package playback

import (
	"slices"

	"github.com/playhead/playhead/pkg/recording"
)

// Why segments between those of a manifest are not stored.
const (
	causeNotReceived = "not_received"
	causeDropped     = "dropped"
)

// segmentDrops are the reasons that a recorder gives for the state "dropped"
// when it is about a whole segment; with others it is about single events,
// which leave no gap (docs/format/events.md).
var segmentDrops = []string{"memory", "refused", "too_large"}

// gaps returns the stretches between the segments of a window, in order of
// seq, whose numbers are missing.
func gaps(segments []Segment) []Gap {
	found := []Gap{}
	if first := segments[0]; first.Seq > 0 {
		found = append(found, Gap{AfterSeq: -1, BeforeSeq: int64(first.Seq), StartMs: first.StartMs, EndMs: first.StartMs, Cause: causeNotReceived})
	}
	for i, next := range segments[1:] {
		last := segments[i]
		if next.Seq > last.Seq+1 {
			found = append(found, Gap{
				AfterSeq: int64(last.Seq), BeforeSeq: int64(next.Seq),
				StartMs: last.EndMs, EndMs: max(last.EndMs, next.StartMs),
				Cause: causeNotReceived,
			})
		}
	}
	return found
}

// drops returns what the recorder said of segments of a window that it had to
// drop, in the order of time.
func drops(moments []Moment, window recording.WindowID) []Moment {
	var found []Moment
	for _, m := range moments {
		if m.Window == window && m.Kind == recording.KindState && m.Name == "dropped" && slices.Contains(segmentDrops, m.Text) {
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b Moment) int { return int(a.TimestampMs - b.TimestampMs) })
	return found
}

// explain gives gaps the cause that the recorder knows. It says that it
// dropped a segment when it does, which is after what the segment held, and
// mostly soon after: each drop is one segment of the newest gap before it in
// which one is left.
func explain(gaps []Gap, drops []Moment) {
	left := make([]int64, len(gaps))
	for i, g := range gaps {
		left[i] = g.BeforeSeq - g.AfterSeq - 1
	}
	for _, drop := range drops {
		for i := len(gaps) - 1; i >= 0; i-- {
			if left[i] > 0 && gaps[i].StartMs <= drop.TimestampMs {
				left[i]--
				gaps[i].Cause, gaps[i].Reason = causeDropped, drop.Text
				break
			}
		}
	}
}
