package rrwebtest

import (
	"bytes"
	"regexp"
	"strconv"
	"testing"
)

const (
	segmentMs    = 5000
	segmentBytes = 256 << 10
)

var timestampPattern = regexp.MustCompile(`"timestamp":(\d+)[,}]`)

// Segments cuts the recording as the browser recorder does: after 5 s, at
// 256 KiB, and where a page begins. Every event has its newline.
func (r Recording) Segments(tb testing.TB) [][]byte {
	tb.Helper()
	var segments [][]byte
	var current []byte
	var first int64
	for i, line := range r.Lines {
		// Of several, as plugins have them, the last is near enough for a cut.
		found := timestampPattern.FindAllSubmatch(line, -1)
		if len(found) == 0 {
			tb.Fatalf("%s: event %d has no timestamp", r.Name, i)
		}
		at, err := strconv.ParseInt(string(found[len(found)-1][1]), 10, 64)
		if err != nil {
			tb.Fatalf("%s: event %d: %v", r.Name, i, err)
		}
		page := bytes.Contains(line, []byte(`"type":4,`)) || bytes.Contains(line, []byte(`"type":4}`))
		if len(current) > 0 && (page || at-first > segmentMs || len(current)+len(line) > segmentBytes) {
			segments = append(segments, current)
			current = nil
		}
		if current == nil {
			first = at
		}
		current = append(append(current, line...), '\n')
	}
	return append(segments, current)
}
