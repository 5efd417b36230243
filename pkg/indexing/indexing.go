// Package indexing turns the events of a segment into what the index holds of
// it. Ingest does so when it makes a pack, reindex when it reads one again;
// because both call Derive, both make the same rows.
//
// It derives only: frames are decoded by pkg/segment, rows written by
// pkg/index.
package indexing

import (
	"fmt"
	"runtime/debug"

	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
)

// MaxURLBytes bounds the addresses that are kept for one segment outside of
// its events: they are for search, and a pack's footer holds them.
const MaxURLBytes = 64 << 10

// The times of rows are bounded by when the server received the segment: a clock
// or an event that is far off must not put a session where nobody looks for
// it. A recorder keeps what it could not send for a day at most; a request that
// is answered while its segment is sent ends a little after it.
const (
	pastMs   = 30 * 24 * 60 * 60 * 1000
	futureMs = 5 * 60 * 1000
)

// importRecorder is the recorder of sessions that "playhead import" read from
// files, which may be of any age.
const importRecorder = "import"

// PanicError says that the events of a segment broke the program that derives
// their moments. It is a defect of this program; the segment is good.
type PanicError struct {
	Value any
	Stack []byte // of the goroutine, as debug.Stack gives it
}

func (e *PanicError) Error() string { return fmt.Sprintf("derive moments: panic: %v", e.Value) }

// Derive fills in what moments.Derive fills in of s, cuts its URLs at
// MaxURLBytes in all, moves times that are more than 30 days before or 5
// minutes after s.ReceivedMs to these bounds, and returns the segment's
// moments. ndjson is what the segment's frame holds.
//
// Events are strangers' data, and a segment that panics here would do so again
// after every restart: Derive returns a *PanicError then, leaves s as it was,
// and the segment is stored without moments.
//
// The same input gives the same result. It is safe for concurrent use on
// different segments.
func Derive(s *recording.Segment, ndjson []byte) (found []recording.Moment, err error) {
	return derive(s, ndjson, moments.Derive)
}

func derive(s *recording.Segment, ndjson []byte, from func(*recording.Segment, []byte) []recording.Moment) (found []recording.Moment, err error) {
	before := *s
	defer func() {
		if value := recover(); value != nil {
			*s, found = before, nil
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	found = from(s, ndjson)
	s.URLs = within(s.URLs, MaxURLBytes)
	bound(s, found)
	return found, nil
}

// within returns the first URLs that have at most so many bytes together.
func within(urls []string, bytes int) []string {
	for i, url := range urls {
		if bytes -= len(url); bytes < 0 {
			return urls[:i]
		}
	}
	return urls
}

// bound moves times that cannot be right. Their order stays.
func bound(s *recording.Segment, found []recording.Moment) {
	first, last := bounds(s)
	clamp := func(ms *int64) { *ms = max(first, min(*ms, last)) }
	clamp(&s.StartMs)
	clamp(&s.EndMs)
	for i := range s.FullSnapshots {
		clamp(&s.FullSnapshots[i])
	}
	BoundMoments(s, found)
}

// BoundMoments moves the times of moments that were found with a segment, or
// after it, as Derive does with its own.
func BoundMoments(s *recording.Segment, found []recording.Moment) {
	first, last := bounds(s)
	for i := range found {
		found[i].TimestampMs = max(first, min(found[i].TimestampMs, last))
	}
}

// BoundTexts does the same with the times of texts.
func BoundTexts(s *recording.Segment, texts []recording.SeenText) {
	first, last := bounds(s)
	for i := range texts {
		texts[i].FirstMs = max(first, min(texts[i].FirstMs, last))
		texts[i].LastMs = max(first, min(texts[i].LastMs, last))
	}
}

func bounds(s *recording.Segment) (first, last int64) {
	if s.Origin.Recorder.Name == importRecorder {
		return 0, s.ReceivedMs + futureMs
	}
	return s.ReceivedMs - pastMs, s.ReceivedMs + futureMs
}
