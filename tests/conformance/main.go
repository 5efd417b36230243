// Command conformance is the Go side of the test that compares pkg/dom with
// rrweb's Replayer in a browser: for each recording that it is told of on
// standard input it writes the document at the instants asked for, in the form
// that run.mjs gives to the browser's.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/playhead/playhead/pkg/dom"
)

// request is a line of standard input.
type request struct {
	File     string    `json:"file"`     // a JSON array of events
	Instants []float64 `json:"instants"` // ascending; the document after all events up to each of them
	Keyframe []int     `json:"keyframe"` // indexes of the instants at which a keyframe is wanted
}

// document is a line of standard output: one for each instant, and one more
// with what Apply counted.
type document struct {
	Tree     string     `json:"tree"`
	Keyframe string     `json:"keyframe,omitempty"`
	Failed   string     `json:"failed,omitempty"` // what Apply said last
	Stats    *dom.Stats `json:"stats,omitempty"`
}

type event struct {
	timestamp float64
	line      json.RawMessage
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(stdin io.Reader, stdout io.Writer) error {
	in, out := json.NewDecoder(stdin), bufio.NewWriter(stdout)
	answers := json.NewEncoder(out)
	answers.SetEscapeHTML(false)
	for in.More() {
		var r request
		if err := in.Decode(&r); err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		if err := answer(r, answers); err != nil {
			return fmt.Errorf("%s: %w", r.File, err)
		}
		if err := out.Flush(); err != nil {
			return fmt.Errorf("write documents: %w", err)
		}
	}
	return nil
}

// answer plays a recording and writes its documents.
func answer(r request, answers *json.Encoder) error {
	events, err := readEvents(r.File)
	if err != nil {
		return err
	}
	d := dom.New(dom.Limits{})
	var last document
	for i, instant := range r.Instants {
		for len(events) > 0 && events[0].timestamp <= instant {
			if err := d.Apply(events[0].line); err != nil {
				last.Failed = err.Error()
			}
			events = events[1:]
		}
		last.Tree, last.Keyframe = string(appendTree(nil, d.Root())), ""
		if slices.Contains(r.Keyframe, i) {
			last.Keyframe = string(d.AppendKeyframe(nil, int64(instant)))
		}
		if err := answers.Encode(last); err != nil {
			return fmt.Errorf("write document: %w", err)
		}
	}
	stats := d.Stats()
	return answers.Encode(document{Stats: &stats})
}

// readEvents reads a recording in the order in which rrweb plays it.
func readEvents(file string) ([]event, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	var lines []json.RawMessage
	if err := json.Unmarshal(data, &lines); err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	events := make([]event, len(lines))
	for i, line := range lines {
		var envelope struct {
			Timestamp float64 `json:"timestamp"`
		}
		if err := json.Unmarshal(line, &envelope); err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
		events[i] = event{envelope.Timestamp, line}
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.timestamp, b.timestamp) })
	return events, nil
}
