package rrweb

import (
	"bytes"
	"errors"
	"iter"
)

// The ways in which a line is not an event. Scan wraps them with the byte
// offset or the reason.
var (
	ErrSyntax    = errors.New("not JSON")
	ErrDepth     = errors.New("nested too deeply")
	ErrNotObject = errors.New("not a JSON object")
	ErrType      = errors.New("type must be an integer of 0 or more")
	ErrTimestamp = errors.New("timestamp must be a number from 0 to 8640000000000000")
)

// Scan validates one line as JSON and reads the event's envelope.
func Scan(line []byte, maxDepth int) (Event, error) {
	return Event{}, ErrSyntax
}

// Lines yields the lines of ndjson with their index, without their newline.
func Lines(ndjson []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for i := 0; len(ndjson) > 0; i++ {
			line, rest, _ := bytes.Cut(ndjson, []byte{'\n'})
			if !yield(i, line) {
				return
			}
			ndjson = rest
		}
	}
}

// Data returns the bytes of an event's data, nil when it has none.
func Data(line []byte) []byte { return Member(line, "data") }

// Payload returns the bytes of data.payload, nil when there is none.
func Payload(line []byte) []byte { return Member(Data(line), "payload") }

// Member returns the bytes of an object's member, nil when there is none.
func Member(object []byte, name string) []byte { return nil }
