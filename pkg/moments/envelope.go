package moments

import (
	"bytes"

	"github.com/playhead/playhead/pkg/rrweb"
)

// What rrweb writes before and behind the content of its largest events.
var (
	mutationBegins = []byte(`{"type":3,"data":{"source":0,`)
	snapshotBegins = []byte(`{"type":2,"data":{`)
	timestampKey   = []byte(`,"timestamp":`)
)

// maxTimestampDigits bounds what is taken for a time; what is longer is left
// to rrweb.Scan to refuse.
const maxTimestampDigits = 15

// envelopeOf is rrweb.Scan for a line that was accepted before: it does not
// read what is in mutations and full snapshots, which the document does. The
// moments of a segment are the same as with rrweb.Scan, because neither of
// these events has any. An event that says its type twice, as no recorder does,
// is what it begins as.
func envelopeOf(line []byte) (rrweb.Event, error) {
	event := rrweb.Event{Type: rrweb.TypeIncremental, Source: rrweb.SourceMutation, Interaction: rrweb.InteractionNone}
	if !bytes.HasPrefix(line, mutationBegins) {
		if !bytes.HasPrefix(line, snapshotBegins) {
			return rrweb.Scan(line, maxDepth)
		}
		event.Type, event.Source = rrweb.TypeFullSnapshot, rrweb.SourceNone
	}
	at, ok := timestampAtEnd(line)
	if !ok {
		return rrweb.Scan(line, maxDepth)
	}
	event.TimestampMs = at
	return event, nil
}

// timestampAtEnd reads the last member of an object when that is a time in
// whole ms. In JSON that was accepted nothing else can look like it: what
// precedes the closing brace is no string.
func timestampAtEnd(line []byte) (ms int64, ok bool) {
	end := len(line) - 1
	if end < 0 || line[end] != '}' {
		return 0, false
	}
	start := end
	for start > 0 && '0' <= line[start-1] && line[start-1] <= '9' {
		start--
	}
	if start == end || end-start > maxTimestampDigits || !bytes.HasSuffix(line[:start], timestampKey) {
		return 0, false
	}
	for _, c := range line[start:end] {
		ms = ms*10 + int64(c-'0')
	}
	return ms, true
}
