package rrweb

import (
	"bytes"
	"iter"
)

// Lines yields the lines of ndjson with their index, without their newline. A
// final newline ends the last line and begins no other; an empty line is
// yielded as such. The slices share ndjson's memory.
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

// maxMemberDepth bounds the stack of Member, whose input may not have passed
// Scan.
const maxMemberDepth = 10_000

// Member returns the JSON text of an object's member, nil when object is not a
// JSON object or has no such member. When the name repeats the last one
// counts. The slice shares object's memory.
func Member(object []byte, name string) []byte {
	s := scanner{b: object, maxDepth: maxMemberDepth}
	i := s.space(0)
	if i == len(object) || object[i] != '{' {
		return nil
	}
	var found []byte
	end := s.members(i, func(key []byte, v int) int {
		if equals(key, name) {
			return s.keep(&found, v, 2)
		}
		return s.value(v, 2)
	})
	if end < 0 || s.space(end) != len(object) {
		return nil
	}
	return found
}

// Data returns the JSON text of an event's data, nil when it has none.
func Data(line []byte) []byte { return Member(line, "data") }

// Payload returns the JSON text of data.payload, which custom and plugin
// events have, nil when there is none.
func Payload(line []byte) []byte { return Member(Data(line), "payload") }
