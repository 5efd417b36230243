//go:build unix

package playback_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
)

// part is what the stream says of one segment: its header or gap, and its
// events.
type part struct {
	head   map[string]any
	isGap  bool
	events []string
}

func parts(t *testing.T, body string) []part {
	t.Helper()
	var found []part
	left := 0
	scanner := bufio.NewScanner(strings.NewReader(body))
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		if left > 0 {
			last := &found[len(found)-1]
			last.events = append(last.events, scanner.Text())
			left--
			continue
		}
		var line struct{ Segment, Gap map[string]any }
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil || (line.Segment == nil) == (line.Gap == nil) {
			t.Fatalf("neither segment nor gap: %s", scanner.Text())
		}
		if line.Gap != nil {
			found = append(found, part{head: line.Gap, isGap: true})
			continue
		}
		left = int(line.Segment["events"].(float64))
		found = append(found, part{head: line.Segment})
	}
	if left > 0 {
		t.Fatalf("%d events are missing at the end", left)
	}
	return found
}

func seqsOf(found []part) (seqs []int) {
	for _, p := range found {
		seqs = append(seqs, int(p.head["seq"].(float64)))
	}
	return seqs
}

func TestSegmentsAreByteForByte(t *testing.T) {
	f := record(t)
	got := f.get(t, "sessions/"+string(session)+"/segments?window="+string(windowA)+"&from_seq=0&to_seq=9")
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("status %d, %s: %s", got.status, got.header.Get("Content-Type"), got.body)
	}
	first, second, _ := recorded()
	want := []playbacktest.Segment{first[0], first[2], first[3], second[0], second[1]}
	found := parts(t, got.body)
	if len(found) != len(want) {
		t.Fatalf("segments %v", seqsOf(found))
	}
	for i, p := range found {
		if !slices.Equal(p.events, want[i].Lines) {
			t.Errorf("segment %d: events %q, want %q", want[i].Seq, p.events, want[i].Lines)
		}
		wantHead := map[string]any{"window_id": string(windowA), "page_id": string(pageOne), "seq": float64(want[i].Seq), "events": float64(len(want[i].Lines)), "clock_offset_ms": float64(offsetMs)}
		if fmt.Sprint(p.head) != fmt.Sprint(wantHead) {
			t.Errorf("head %v, want %v", p.head, wantHead)
		}
	}
}

func TestSegmentsSelected(t *testing.T) {
	f := record(t)
	at := func(seconds int64) int64 { return startMs + offsetMs + seconds*1000 }
	for _, test := range []struct {
		name, query string
		want        []int
	}{
		{"one", "from_seq=2&to_seq=2", []int{2}},
		{"over the hole", "from_seq=2&to_seq=4", []int{2, 4}},
		{"none there", "from_seq=3&to_seq=3", nil},
		{"overlap", fmt.Sprintf("from=%d&to=%d", at(5), at(12)), []int{0, 1}},
		{"ends are included", fmt.Sprintf("from=%d&to=%d", at(19), at(20)), []int{1, 2}},
		{"between segments", fmt.Sprintf("from=%d&to=%d", at(10)-500, at(10)-400), nil},
		{"back to the snapshot", fmt.Sprintf("from=%d&to=%d&snapshot=true", at(55), at(56)), []int{2, 4, 5}},
		{"the newest snapshot", fmt.Sprintf("from=%d&to=%d&snapshot=true", at(21), at(21)), []int{2}},
		{"before the snapshot of its segment", fmt.Sprintf("from=%d&to=%d&snapshot=true", at(20)+5, at(20)+6), []int{0, 1, 2}},
		{"snapshot from a hole", fmt.Sprintf("from=%d&to=%d&snapshot=true", at(30), at(31)), []int{2}},
		{"no snapshot before", fmt.Sprintf("from=%d&to=%d&snapshot=true", at(0), at(1)), []int{0}},
		{"beyond the end", fmt.Sprintf("from=%d&to=%d", at(100), at(200)), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := f.get(t, "sessions/"+string(session)+"/segments?window="+string(windowA)+"&"+test.query)
			if got.status != http.StatusOK {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			if seqs := seqsOf(parts(t, got.body)); !slices.Equal(seqs, test.want) {
				t.Errorf("segments %v, want %v", seqs, test.want)
			}
		})
	}
}

// A recording of which parts are lost still plays, and says where it is not
// whole.
func TestSegmentsThatCannotBeReadAreGaps(t *testing.T) {
	f := record(t)
	path := "sessions/" + string(session) + "/segments?window=" + string(windowA) + "&from_seq=0&to_seq=9"
	stored, err := f.stores.Index.Segments(t.Context(), project, session)
	if err != nil {
		t.Fatal(err)
	}
	pack := f.read(t, f.keys[0])
	for _, s := range stored {
		if s.Window == windowA && s.Seq == 1 {
			pack[s.Offset+s.Length/2] ^= 0xff
		}
	}
	f.put(t, f.keys[0], pack)
	if err := f.stores.Bucket.Delete(t.Context(), f.keys[1]); err != nil {
		t.Fatal(err)
	}
	if got, want := describe(parts(t, f.get(t, path).body)), "0 1:unreadable 2 4:expired 5:expired"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	// The pack ends in the middle of segment 2.
	for _, s := range stored {
		if s.Window == windowA && s.Seq == 2 {
			f.put(t, f.keys[0], pack[:s.Offset+s.Length-1])
		}
	}
	if got, want := describe(parts(t, f.get(t, path).body)), "0 1:unreadable 2:unreadable 4:expired 5:expired"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Frames may need a dictionary, which is read once. Without it they cannot be
// read, and the others can.
func TestSegmentsMadeWithDictionaries(t *testing.T) {
	stores := playbacktest.Open(t)
	first, second, _ := recorded()
	shared, sharedKey := stores.WriteDictionary(t, project, strings.Join(first[0].Lines, "\n"))
	lost, lostKey := stores.WriteDictionary(t, project, strings.Join(second[0].Lines, "\n"))
	first[0].Dictionary, first[3].Dictionary, second[0].Dictionary = shared, shared, lost
	stores.Write(t, first, nil)
	stores.Write(t, second, nil)
	path := "sessions/" + string(session) + "/segments?window=" + string(windowA) + "&from_seq=0&to_seq=9"

	bucket := &watched{Bucket: stores.Bucket}
	api := serve(t, bucket, stores.Index, t.Output())
	got := parts(t, call(t, api, http.MethodGet, path).body)
	if text, want := describe(got), "0 1 2 4 5"; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
	for i, s := range []playbacktest.Segment{first[0], first[2], first[3], second[0], second[1]} {
		if !slices.Equal(got[i].events, s.Lines) {
			t.Errorf("segment %d has other events: %q", s.Seq, got[i].events)
		}
	}
	call(t, api, http.MethodGet, path)
	if n := bucket.count(sharedKey); n != 1 {
		t.Errorf("the dictionary was read %d times", n)
	}

	if err := stores.Bucket.Delete(t.Context(), lostKey); err != nil {
		t.Fatal(err)
	}
	api = serve(t, stores.Bucket, stores.Index, t.Output())
	if text, want := describe(parts(t, call(t, api, http.MethodGet, path).body)), "0 1 2 4:unreadable 5"; text != want {
		t.Errorf("without the dictionary: %s, want %s", text, want)
	}
	if err := stores.Bucket.Put(t.Context(), lostKey, strings.NewReader("damaged"), 7); err != nil {
		t.Fatal(err)
	}
	api = serve(t, stores.Bucket, stores.Index, t.Output())
	if text, want := describe(parts(t, call(t, api, http.MethodGet, path).body)), "0 1 2 4:unreadable 5"; text != want {
		t.Errorf("with a damaged dictionary: %s, want %s", text, want)
	}
	down := &watched{Bucket: stores.Bucket, brokenFor: lostKey}
	api = serve(t, down, stores.Index, t.Output())
	if text, want := describe(parts(t, call(t, api, http.MethodGet, path).body)), "0 1 2 4:unavailable 5"; text != want {
		t.Errorf("while the dictionary cannot be read: %s, want %s", text, want)
	}
}

func describe(found []part) string {
	var words []string
	for _, p := range found {
		word := fmt.Sprint(p.head["seq"])
		if p.isGap {
			word += ":" + p.head["cause"].(string)
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func (f fixture) read(t *testing.T, key string) []byte {
	t.Helper()
	body, err := f.stores.Bucket.Get(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func (f fixture) put(t *testing.T, key string, content []byte) {
	t.Helper()
	if err := f.stores.Bucket.Put(t.Context(), key, bytes.NewReader(content), int64(len(content))); err != nil {
		t.Fatal(err)
	}
}

func TestSegmentsOfOnePackAreReadTogether(t *testing.T) {
	f := record(t)
	bucket := &watched{Bucket: f.stores.Bucket}
	api := serve(t, bucket, f.stores.Index, t.Output())
	got := call(t, api, http.MethodGet, "sessions/"+string(session)+"/segments?window="+string(windowA)+"&from_seq=0&to_seq=9")
	if seqs := seqsOf(parts(t, got.body)); len(seqs) != 5 || len(bucket.reads) != 2 {
		t.Errorf("segments %v in reads %v, want 5 segments in one read for each of two packs", seqs, bucket.reads)
	}
}

func TestObjectStorageDown(t *testing.T) {
	f := record(t)
	var log bytes.Buffer
	bucket := &watched{Bucket: f.stores.Bucket, broken: func(int) error { return errDown }}
	api := serve(t, bucket, f.stores.Index, &log)
	path := "sessions/" + string(session) + "/segments?window=" + string(windowA) + "&from_seq=0&to_seq=9"

	got := call(t, api, http.MethodGet, path, "Accept-Encoding", "gzip")
	if got.status != http.StatusBadGateway || got.header.Get("Content-Type") != "application/problem+json" || got.header.Get("Content-Encoding") != "" {
		t.Errorf("before the first byte: status %d, headers %v, want a problem with 502", got.status, got.header)
	}
	if strings.Contains(got.body, "10.0.0.7") || !strings.Contains(log.String(), "10.0.0.7") {
		t.Errorf("the store's words belong into the log %q, not into the answer %q", log.String(), got.body)
	}

	bucket.reads = nil
	bucket.broken = func(read int) error {
		if read == 2 {
			return errDown
		}
		return nil
	}
	got = call(t, api, http.MethodGet, path)
	if text, want := describe(parts(t, got.body)), "0 1 2 4:unavailable 5:unavailable"; text != want {
		t.Errorf("after the first byte: %s, want %s", text, want)
	}
}

// flushes records what had been written at each flush.
type flushes struct {
	bytes.Buffer
	at []int
}

func (f *flushes) Flush() { f.at = append(f.at, f.Len()) }

func TestWriteSegmentsFlushesEachAndStopsWhenCancelled(t *testing.T) {
	f := record(t)
	reader := playback.New(playback.Config{Project: project, Bucket: f.stores.Bucket, Index: f.stores.Index, Log: slog.New(slog.DiscardHandler)})
	all := playback.Selection{Window: windowA, BySeq: true, ToSeq: 9}

	var out flushes
	if err := reader.WriteSegments(t.Context(), &out, session, all); err != nil {
		t.Fatal(err)
	}
	if len(out.at) != 5 || out.at[4] != out.Len() {
		t.Errorf("flushed at %v of %d bytes, want once for each of 5 segments", out.at, out.Len())
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	bucket := &watched{Bucket: f.stores.Bucket, broken: func(int) error { cancel(); return nil }}
	reader = playback.New(playback.Config{Project: project, Bucket: bucket, Index: f.stores.Index, Log: slog.New(slog.DiscardHandler)})
	if err := reader.WriteSegments(ctx, io.Discard, session, all); !errors.Is(err, context.Canceled) || len(bucket.reads) != 1 {
		t.Errorf("error %v after %d reads, want context.Canceled after the first", err, len(bucket.reads))
	}

	for _, sel := range []playback.Selection{{Window: "window-none", BySeq: true}} {
		if err := reader.WriteSegments(t.Context(), io.Discard, session, sel); !errors.Is(err, index.ErrNotFound) {
			t.Errorf("window %s: %v, want ErrNotFound", sel.Window, err)
		}
	}
}
