package indexing

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
)

func newSegment() recording.Segment {
	return recording.Segment{
		SegmentID: recording.SegmentID{Project: "shop", Session: "session-1", Window: "window-1", Seq: 7},
		Page:      "page-0001", ClockOffsetMs: 5, ReceivedMs: 90_000, Events: 1, StartMs: 1, EndMs: 2,
	}
}

func TestDeriveIsWhatMomentsDerives(t *testing.T) {
	ndjson := []byte(`{"type":4,"timestamp":10000,"data":{"href":"https://shop/a"}}` + "\n" +
		`{"type":5,"timestamp":10001,"data":{"tag":"playhead.error","payload":{"exception.type":"TypeError"}}}` + "\n")
	got, want := newSegment(), newSegment()
	found, err := Derive(&got, ndjson)
	if err != nil {
		t.Fatal(err)
	}
	if expected := moments.Derive(&want, ndjson); !reflect.DeepEqual(found, expected) || len(found) != 2 {
		t.Errorf("moments %+v, want %+v", found, expected)
	}
	if !reflect.DeepEqual(got, want) || got.Counts.Errors != 1 {
		t.Errorf("segment %+v, want %+v", got, want)
	}
}

func TestDeriveBoundsTheURLs(t *testing.T) {
	var ndjson strings.Builder
	for i := range 40 {
		fmt.Fprintf(&ndjson, `{"type":4,"timestamp":10000,"data":{"href":"https://shop/%02d/%s"}}`+"\n", i, strings.Repeat("x", 4000))
	}
	s := newSegment()
	if _, err := Derive(&s, []byte(ndjson.String())); err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, url := range s.URLs {
		size += len(url)
	}
	if next := len(s.URLs[0]); size > MaxURLBytes || size+next <= MaxURLBytes {
		t.Errorf("%d URLs of %d bytes, limit %d", len(s.URLs), size, MaxURLBytes)
	}
}

// TestDeriveBoundsTimes: the sender's clock was set while it recorded, or the
// page made up its times.
func TestDeriveBoundsTimes(t *testing.T) {
	const received, day = 1_763_791_872_000, 24 * 60 * 60 * 1000
	f := func(recorder string, at, want int64) {
		t.Helper()
		s := newSegment()
		s.ClockOffsetMs, s.ReceivedMs, s.Origin.Recorder.Name = 0, received, recorder
		ndjson := fmt.Appendf(nil, `{"type":2,"timestamp":%d,"data":{}}`+"\n"+
			`{"type":5,"timestamp":%d,"data":{"tag":"playhead.error","payload":{}}}`+"\n", at, at)
		found, err := Derive(&s, ndjson)
		if err != nil || len(found) != 1 {
			t.Fatalf("moments %v, error %v", found, err)
		}
		if s.StartMs != want || s.EndMs != want || s.FullSnapshots[0] != want || found[0].TimestampMs != want {
			t.Errorf("time %d: segment from %d to %d, snapshot %d, moment %d, want %d", at, s.StartMs, s.EndMs, s.FullSnapshots[0], found[0].TimestampMs, want)
		}
	}
	f("playhead", received, received)
	f("playhead", received+4*60*1000, received+4*60*1000)
	f("playhead", received+day, received+futureMs)
	f("playhead", 8_640_000_000_000_000, received+futureMs)
	f("playhead", received-29*day, received-29*day)
	f("playhead", 0, received-pastMs)
	f("import", 1_000_000_000_000, 1_000_000_000_000)
	f("import", received+day, received+futureMs)
}

func TestDeriveSurvivesAPanic(t *testing.T) {
	s, before := newSegment(), newSegment()
	found, err := derive(&s, nil, func(s *recording.Segment, _ []byte) []recording.Moment {
		s.Events, s.URLs = 99, []string{"half done"}
		panic("index out of range")
	})
	var panicked *PanicError
	if !errors.As(err, &panicked) || panicked.Value != "index out of range" || len(panicked.Stack) == 0 {
		t.Fatalf("error %v, want a PanicError with value and stack", err)
	}
	if found != nil || !reflect.DeepEqual(s, before) {
		t.Errorf("moments %v, segment %+v; want none and %+v", found, s, before)
	}
}
