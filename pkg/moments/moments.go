// Package moments derives what happened from the events of a segment: the
// rows of the timeline and the totals of the session.
//
// It reads events; it does not store, order or refuse them.
package moments

import "github.com/playhead/playhead/pkg/recording"

// Derive reads the NDJSON events of one segment once, fills StartMs, EndMs,
// Events, RawBytes, FullSnapshots, Counts and URLs of s, and returns the
// segment's moments. ClockOffsetMs of s is set by the caller and is added to
// every time.
func Derive(s *recording.Segment, ndjson []byte) []recording.Moment { return nil }
