package playhead

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/playhead/playhead/pkg/rrweb"
)

// Limits bound an upload. They are the limits of playhead.yaml that concern
// what a body holds.
type Limits struct {
	DecompressedBytes  int
	DecompressionRatio int
	Events             int
	EventBytes         int
	Depth              int
}

// Upload is a valid upload.
type Upload struct {
	Header Header
	Events Events
}

// Events are validated event lines with what one look at each tells.
type Events struct {
	NDJSON        []byte // shares the memory of the body
	Count         int
	FirstMs       int64 // earliest timestamp, as the sender's clock said
	LastMs        int64
	FullSnapshots []int64 // timestamps, ascending
}

// Decode reads a decompressed body.
func Decode(body []byte, limits Limits) (Upload, error) {
	line, rest, _ := bytes.Cut(body, []byte{'\n'})
	header, err := DecodeHeader(line)
	if err != nil {
		return Upload{}, err
	}
	events, err := DecodeEvents(rest, limits)
	if err != nil {
		return Upload{}, err
	}
	return Upload{Header: header, Events: events}, nil
}

// DecodeEvents validates the event lines of an upload; in refusals the first
// of them is line 2.
func DecodeEvents(ndjson []byte, limits Limits) (Events, error) {
	e := Events{NDJSON: ndjson}
	for i, line := range rrweb.Lines(ndjson) {
		if i == limits.Events {
			return Events{}, &Refusal{Kind: TooLarge, Detail: fmt.Sprintf("there are more than %d events", limits.Events), Limit: "events"}
		}
		event, err := scanEvent(line, i+2, limits)
		if err != nil {
			return Events{}, err
		}
		if i == 0 {
			e.FirstMs, e.LastMs = event.TimestampMs, event.TimestampMs
		}
		e.FirstMs, e.LastMs = min(e.FirstMs, event.TimestampMs), max(e.LastMs, event.TimestampMs)
		if event.Type == rrweb.TypeFullSnapshot {
			e.FullSnapshots = append(e.FullSnapshots, event.TimestampMs)
		}
		e.Count++
	}
	if e.Count == 0 {
		return Events{}, &Refusal{Kind: Malformed, Detail: "there are no events", Line: 2}
	}
	slices.Sort(e.FullSnapshots)
	return e, nil
}

func scanEvent(line []byte, number int, limits Limits) (rrweb.Event, error) {
	if len(line) == 0 {
		return rrweb.Event{}, &Refusal{Kind: Malformed, Detail: "the line is empty", Line: number}
	}
	if len(line) > limits.EventBytes {
		return rrweb.Event{}, &Refusal{Kind: Unstorable, Detail: fmt.Sprintf("the event is larger than %d bytes", limits.EventBytes), Line: number, Limit: "event_bytes"}
	}
	event, err := rrweb.Scan(line, limits.Depth)
	switch {
	case err == nil:
		return event, nil
	case errors.Is(err, rrweb.ErrDepth):
		return event, &Refusal{Kind: Unstorable, Detail: fmt.Sprintf("the event is nested deeper than %d", limits.Depth), Line: number, Limit: "depth"}
	case errors.Is(err, rrweb.ErrTimestamp):
		return event, &Refusal{Kind: Unstorable, Detail: err.Error(), Line: number, Field: "timestamp", Limit: "timestamp"}
	case errors.Is(err, rrweb.ErrType):
		return event, &Refusal{Kind: Malformed, Detail: err.Error(), Line: number, Field: "type"}
	}
	return event, &Refusal{Kind: Malformed, Detail: "the event is " + err.Error(), Line: number}
}
