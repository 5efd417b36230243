package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/playhead/playhead/pkg/recording"
)

const project = recording.ProjectID("shop")

var group = Group{Project: project, Class: recording.ClassNormal}

func options(dir string) Options {
	return Options{
		Dir: dir, MaxBytes: 1 << 30, FileBytes: 1 << 20, MaxSegments: 1000,
		Log: slog.New(slog.DiscardHandler),
	}
}

func open(t *testing.T, o Options) (*Journal, *Recovery) {
	t.Helper()
	j, r, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return j, r
}

func closeNow(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func numbered(seq uint32) *recording.Segment {
	return &recording.Segment{
		SegmentID: recording.SegmentID{Project: project, Session: "session-1", Window: "window-1", Seq: seq},
		Page:      "page-0001", ClockOffsetMs: -12, StartMs: 1763791872123, EndMs: 1763791872999,
		Events: 3, RawBytes: 99, FullSnapshots: []int64{1763791872130}, ReceivedMs: 1763791873000,
		Origin: recording.Origin{
			PreviousSession: "session-0", Reason: recording.ReasonError, Final: true,
			Recorder: recording.Recorder{Name: "playhead", Version: "1.0.0", RRWeb: "2.1.6"},
			URL:      "https://shop.test/cart", Referrer: "https://shop.test/", Viewport: [2]int{1280, 720},
			UserID: "user-7", UserAttributes: map[string]string{"plan": "pro"},
			Release: "1.2.3", Environment: "test", UserAgent: "Browser/1", Country: map[bool]string{true: "DE"}[seq > 3], // the files of version 1 have no country
		},
	}
}

func frame(seq uint32) []byte { return fmt.Appendf(nil, "frame %d ", seq) }

func appendSegment(t *testing.T, j *Journal, seq uint32) Entry {
	t.Helper()
	e, err := j.AppendSegment(recording.ClassNormal, numbered(seq), frame(seq))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func positions(entries ...Entry) []Position {
	var list []Position
	for _, e := range entries {
		list = append(list, e.Position)
	}
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantRead(t *testing.T, j *Journal, e Entry, seq uint32) {
	t.Helper()
	got, err := j.Read(e, new([]byte))
	if err != nil {
		t.Fatal(err)
	}
	want := Record{Upload: Upload{Class: recording.ClassNormal, Segment: *numbered(seq)}, Framed: true, Body: frame(seq)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("segment %d is read back with %s", seq, diff)
	}
}

// written makes a small journal by hand and returns the file with the spans of
// its records.
func written(t *testing.T, dir string, build func(add func(kind, ...[]byte) Position)) (path string, spans []region) {
	t.Helper()
	s := salt{1, 2, 3}
	data := fileHeader(s)
	build(func(k kind, parts ...[]byte) Position {
		start := len(data)
		data = appendRecord(data, s, k, parts...)
		spans = append(spans, region{start, len(data)})
		return Position{File: 1, Offset: uint32(start)}
	})
	path = filepath.Join(dir, fileName(1))
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(path, data, 0o600))
	return path, spans
}

func segmentParts(t *testing.T, seq uint32, frame []byte) [][]byte {
	t.Helper()
	m, err := describedAs(numbered(seq)).encode()
	must(t, err)
	return [][]byte{binary.LittleEndian.AppendUint32(nil, uint32(len(m))), m, frame}
}

func describedAs(s *recording.Segment) *meta {
	m := metaOf(&Upload{Class: recording.ClassNormal, Segment: *s})
	return &m
}

func sealPart(t *testing.T, s Seal) []byte {
	t.Helper()
	b, err := encodeSeal(s)
	must(t, err)
	return b
}

func appendUpload(t *testing.T, j *Journal, seq uint32) Entry {
	t.Helper()
	e, err := j.AppendUpload(sent(seq), frame(seq))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func sent(seq uint32) *Upload {
	return &Upload{Class: recording.ClassNormal, Segment: *numbered(seq), Encoding: "gzip", Skip: 321, SentAtMs: 1763791872990}
}

func wantUpload(t *testing.T, j *Journal, e Entry, seq uint32) {
	t.Helper()
	buf := make([]byte, 10) // too small to be used
	got, err := j.Read(e, &buf)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Record{Upload: *sent(seq), Body: frame(seq)}, got); diff != "" {
		t.Errorf("upload %d is read back with %s", seq, diff)
	}
}
