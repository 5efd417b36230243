//go:build unix

package playback_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
	"github.com/playhead/playhead/pkg/recording"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

const (
	project  recording.ProjectID = "shop"
	session  recording.SessionID = "0199f3a2-1111-7abc-8def-0123456789ab"
	windowA  recording.WindowID  = "window-aaaa"
	windowB  recording.WindowID  = "window-bbbb"
	pageOne  recording.PageID    = "page-0001"
	traceID                      = "4bf92f3577b34da6a3ce929d0e0e4736"
	startMs  int64               = 1_763_791_872_000 // by the browser's clock
	offsetMs int64               = -40               // the smallest of window A
)

// makeSegment is a segment of ten seconds from fromMs by the browser's clock,
// received with the given clock offset. Segments that begin a page have a full
// snapshot.
func makeSegment(window recording.WindowID, seq uint32, fromMs, clockOffset int64, snapshot bool) playbacktest.Segment {
	s := playbacktest.Segment{Segment: recording.Segment{
		SegmentID:     recording.SegmentID{Project: project, Session: session, Window: window, Seq: seq},
		Page:          pageOne,
		ClockOffsetMs: clockOffset,
		StartMs:       fromMs + clockOffset,
		EndMs:         fromMs + 9_000 + clockOffset,
		ReceivedMs:    fromMs + 10_000,
		Origin:        recording.Origin{Reason: recording.ReasonSampled, UserID: "user-7", URL: "https://shop.example/cart", Release: "1.4.2", UserAgent: "Test/1"},
		Counts:        recording.Counts{Clicks: 1, Requests: 2, FailedRequests: 1},
		URLs:          []string{"https://shop.example/cart"},
	}}
	if snapshot {
		s.FullSnapshots = []int64{s.StartMs + 10}
		s.Counts.Pages = 1
		s.Lines = append(s.Lines, fmt.Sprintf(`{"type":4,"data":{"href":"https://shop.example/cart","width":1280,"height":720},"timestamp":%d}`, fromMs))
	}
	for i := range int64(10) {
		s.Lines = append(s.Lines, fmt.Sprintf(`{"type":3,"data":{"source":0,"note":"é <b>%s %d</b>"},"timestamp":%d}`, window, seq, fromMs+i*1000))
	}
	return s
}

// recorded is the session that the tests read: window A without seq 3, in two
// packs, and window B whose beginning is missing.
func recorded() (first, second []playbacktest.Segment, moments []recording.Moment) {
	a := func(seq uint32, clockOffset int64, snapshot bool) playbacktest.Segment {
		return makeSegment(windowA, seq, startMs+int64(seq)*10_000, clockOffset, snapshot)
	}
	first = []playbacktest.Segment{a(0, 0, true), makeSegment(windowB, 2, startMs+15_000, 7, true), a(1, offsetMs, false), a(2, -5, true)}
	second = []playbacktest.Segment{a(4, 25, false), a(5, -30, false)}
	moments = []recording.Moment{
		{SegmentID: first[0].SegmentID, Event: 0, Page: pageOne, TimestampMs: startMs, Kind: recording.KindPageLoad, URL: "https://shop.example/cart"},
		{SegmentID: first[2].SegmentID, Event: 3, Page: pageOne, TimestampMs: startMs + 13_000 + offsetMs, Kind: recording.KindRequest, Name: "POST", URL: "https://shop.example/order", TraceID: traceID, SpanID: "00f067aa0ba902b7", DurationMs: 120, Status: 500},
		{SegmentID: second[0].SegmentID, Event: 1, Page: pageOne, TimestampMs: startMs + 41_000 + 25, Kind: recording.KindError, Name: "TypeError", Text: "x is undefined", Attributes: map[string]string{"source": "error"}},
	}
	return first, second, moments
}

type fixture struct {
	stores *playbacktest.Stores
	keys   [2]string
	api    *httptest.Server
}

func record(t *testing.T) fixture {
	t.Helper()
	stores := playbacktest.Open(t)
	first, second, moments := recorded()
	f := fixture{stores: stores}
	f.keys[0] = stores.Write(t, first, moments[:2])
	f.keys[1] = stores.Write(t, second, moments[2:])
	f.api = serve(t, stores.Bucket, stores.Index, t.Output())
	return f
}

func serve(t *testing.T, bucket objectstore.Bucket, ix index.Index, log io.Writer) *httptest.Server {
	t.Helper()
	reader := playback.New(playback.Config{Project: project, Bucket: bucket, Index: ix, Log: slog.New(slog.NewTextHandler(log, nil))})
	server := httptest.NewServer(http.StripPrefix("/api", reader.Handler()))
	t.Cleanup(server.Close)
	return server
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (f fixture) get(t *testing.T, path string, header ...string) answer {
	t.Helper()
	return call(t, f.api, http.MethodGet, path, header...)
}

func call(t *testing.T, api *httptest.Server, method, path string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, api.URL+"/api/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Set by hand, or net/http would ask for gzip and undo it.
	req.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	response, err := api.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

func TestManifest(t *testing.T) {
	f := record(t)
	got := f.get(t, "sessions/"+string(session)+"/manifest")
	if got.status != http.StatusOK {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	var m playback.Manifest
	if err := json.Unmarshal([]byte(got.body), &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Windows) != 2 || m.Version != 1 {
		t.Fatalf("version %d with %d windows: %s", m.Version, len(m.Windows), got.body)
	}
	a, b := m.Windows[0], m.Windows[1]
	if a.ClockOffsetMs != offsetMs || b.ClockOffsetMs != 7 {
		t.Errorf("clock offsets %d and %d, want the smallest of each window, %d and 7", a.ClockOffsetMs, b.ClockOffsetMs, offsetMs)
	}
	var seqs []uint32
	for _, s := range a.Segments {
		seqs = append(seqs, s.Seq)
		if want := startMs + int64(s.Seq)*10_000 + offsetMs; s.StartMs != want || s.EndMs != want+9_000 {
			t.Errorf("segment %d is %d to %d, want the browser's times plus the window's offset, from %d", s.Seq, s.StartMs, s.EndMs, want)
		}
	}
	if !slices.Equal(seqs, []uint32{0, 1, 2, 4, 5}) {
		t.Errorf("seqs %v", seqs)
	}
	if want := []int64{startMs + 20_010 + offsetMs}; !slices.Equal(a.Segments[2].FullSnapshots, want) {
		t.Errorf("full snapshots %v, want %v", a.Segments[2].FullSnapshots, want)
	}
	wantGap := playback.Gap{AfterSeq: 2, BeforeSeq: 4, StartMs: a.Segments[2].EndMs, EndMs: a.Segments[3].StartMs, Cause: "not_received"}
	if !slices.Equal(a.Gaps, []playback.Gap{wantGap}) {
		t.Errorf("gaps of window A %+v, want %+v", a.Gaps, wantGap)
	}
	wantGap = playback.Gap{AfterSeq: -1, BeforeSeq: 2, StartMs: b.StartMs, EndMs: b.StartMs, Cause: "not_received"}
	if !slices.Equal(b.Gaps, []playback.Gap{wantGap}) {
		t.Errorf("gaps of window B %+v, want %+v", b.Gaps, wantGap)
	}
	if m.Session.StartMs != startMs+offsetMs || m.Session.EndMs != startMs+59_000+offsetMs || m.Session.DurationMs != 59_000 {
		t.Errorf("session is %d to %d, %d ms", m.Session.StartMs, m.Session.EndMs, m.Session.DurationMs)
	}
	for i, want := range []int64{startMs, startMs + 13_000, startMs + 41_000} {
		if got := m.Moments[i].TimestampMs; got != want+offsetMs {
			t.Errorf("moment %d is at %d, want %d", i, got, want+offsetMs)
		}
	}
	// What is empty is there, so that nobody has to ask for null.
	for _, want := range []string{`"previous_id":""`, `"user_attributes":{}`, `"first_url":"https://shop.example/cart"`, `"attributes":{}`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %s in %s", want, got.body)
		}
	}
}

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

// watched passes reads on to a real bucket, and counts them; broken, once it
// is set, is what they return instead.
type watched struct {
	objectstore.Bucket
	mu     sync.Mutex
	reads  []string
	keys   []string
	broken func(read int) error

	brokenFor string // a key
}

func (w *watched) count(key string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.keys {
		if k == key {
			n++
		}
	}
	return n
}

func (w *watched) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	w.mu.Lock()
	w.reads = append(w.reads, fmt.Sprintf("%d+%d", offset, length))
	w.keys = append(w.keys, key)
	n, broken := len(w.reads), w.broken
	w.mu.Unlock()
	if key == w.brokenFor {
		return nil, errDown
	}
	if broken != nil {
		if err := broken(n); err != nil {
			return nil, err
		}
	}
	return w.Bucket.Get(ctx, key, offset, length)
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

var errDown = errors.New("connection refused by 10.0.0.7")

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

func TestAnswersAreCompressed(t *testing.T) {
	f := record(t)
	for _, path := range []string{"sessions", "sessions/" + string(session) + "/manifest", "sessions/" + string(session) + "/segments?window=" + string(windowA) + "&from_seq=0&to_seq=9"} {
		plain := f.get(t, path)
		for encoding, compressed := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "*": true, "gzip;q=0": false, "gzip;q=0, *": false, "br": false} {
			got := f.get(t, path, "Accept-Encoding", encoding)
			if (got.header.Get("Content-Encoding") == "gzip") != compressed || got.header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s with Accept-Encoding %q: Content-Encoding %q, Vary %q", path, encoding, got.header.Get("Content-Encoding"), got.header.Get("Vary"))
				continue
			}
			body := got.body
			if compressed {
				unzip, err := gzip.NewReader(strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				raw, err := io.ReadAll(unzip)
				if err != nil {
					t.Fatal(err)
				}
				body = string(raw)
			}
			if body != plain.body {
				t.Errorf("%s with Accept-Encoding %q differs from the plain answer", path, encoding)
			}
		}
	}
}

func TestHeadReadsNothing(t *testing.T) {
	f := record(t)
	bucket := &watched{Bucket: f.stores.Bucket}
	api := serve(t, bucket, f.stores.Index, t.Output())
	for path, status := range map[string]int{
		"sessions": 200,
		"sessions/" + string(session) + "/manifest":                                                    200,
		"sessions/" + string(session) + "/segments?window=" + string(windowA) + "&from_seq=0&to_seq=9": 200,
		"sessions/0199f3a2-none/manifest":                                                              404,
		"sessions/" + string(session) + "/segments":                                                    400,
		"sessions/" + string(session) + "/segments?window=gone-gone&from=1&to=2":                       404,
	} {
		// The plugin SDK's adapter, other than net/http, sends a body to HEAD.
		recorder := httptest.NewRecorder()
		api.Config.Handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodHead, "/api/"+path, nil))
		if recorder.Code != status || recorder.Body.Len() != 0 {
			t.Errorf("HEAD %s: status %d with %d bytes, want %d with none", path, recorder.Code, recorder.Body.Len(), status)
		}
	}
	if len(bucket.reads) != 0 {
		t.Errorf("HEAD read %v", bucket.reads)
	}
}

func TestRefusals(t *testing.T) {
	f := record(t)
	id := string(session)
	segments := "sessions/" + id + "/segments?"
	notFound := f.get(t, "sessions/0199f3a2-none/manifest").body
	for path, want := range map[string]struct {
		status int
		field  string
	}{
		"":                                  {404, ""},
		"session":                           {404, ""},
		"sessions/":                         {404, ""},
		"sessions/" + id:                    {404, ""},
		"sessions/" + id + "/":              {404, ""},
		"sessions/" + id + "/manifest/":     {404, ""},
		"sessions//manifest":                {404, ""},
		"/sessions":                         {404, ""},
		"sessions/../sessions":              {404, ""},
		"sessions/%2e%2e/manifest":          {404, ""},
		"sessions%2F" + id + "/manifest":    {404, ""},
		"sessions/" + id + "%2Fmanifest":    {404, ""},
		"sessions/" + id + `%5C../manifest`: {404, ""},
		"sessions/short/manifest":           {404, ""},
		"sessions/0199f3a2-none/segments?window=window-aaaa&from_seq=0&to_seq=1": {404, ""},
		segments:                                                        {400, "window"},
		segments + "window=a%20b&from=1&to=2":                           {400, "window"},
		segments + "window=window-aaaa":                                 {400, "from"},
		segments + "window=window-aaaa&from=1":                          {400, "to"},
		segments + "window=window-aaaa&from_seq=1":                      {400, "to_seq"},
		segments + "window=window-aaaa&from_seq=-1&to_seq=2":            {400, "from_seq"},
		segments + "window=window-aaaa&from_seq=0&to_seq=4294967296":    {400, "to_seq"},
		segments + "window=window-aaaa&from_seq=0&to_seq=1&from=1&to=2": {400, "from_seq"},
		segments + "window=window-aaaa&from=1&to=2&snapshot=1":          {400, "snapshot"},
		segments + "window=window-aaaa&from=x&to=2":                     {400, "from"},
		"sessions?limit=1001":                                           {400, "limit"},
		"sessions?limit=many":                                           {400, "limit"},
		"sessions?errors=yes":                                           {400, "errors"},
		"sessions?trace_id=123":                                         {400, "trace_id"},
		"sessions?from=9999999999999999":                                {400, "from"},
		"sessions?url=" + strings.Repeat("a", 1025):                     {400, "url"},
		"sessions?before=nonsense":                                      {400, ""},
	} {
		got := f.get(t, path)
		var problem struct {
			Type, Title, Detail, Field string
			Status                     int
		}
		if err := json.Unmarshal([]byte(got.body), &problem); err != nil {
			t.Errorf("%s: %v in %q", path, err, got.body)
			continue
		}
		if got.status != want.status || problem.Status != want.status || problem.Field != want.field || problem.Detail == "" {
			t.Errorf("%s: status %d, %s; want %d and field %q", path, got.status, got.body, want.status, want.field)
		}
		if got.status == 404 && got.body != notFound {
			t.Errorf("%s: %s; want the same as for any other 404", path, got.body)
		}
		h := got.header
		if h.Get("Content-Type") != "application/problem+json" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Cache-Control"), "private") {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if got := call(t, f.api, method, "sessions"); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d, Allow %q", method, got.status, got.header.Get("Allow"))
		}
	}
}

func TestSessions(t *testing.T) {
	f := record(t)
	other := makeSegment("window-cccc", 0, startMs+3_600_000, 0, true)
	other.Session, other.Origin.UserID, other.Counts = "0199f3a2-2222-7abc-8def-0123456789ab", "user-8", recording.Counts{}
	other.URLs = []string{"https://shop.example/Help"}
	f.stores.Write(t, []playbacktest.Segment{other}, nil)
	foreign := makeSegment("window-dddd", 0, startMs, 0, true)
	foreign.Project, foreign.Session = "bank", "0199f3a2-3333-7abc-8def-0123456789ab"
	f.stores.Write(t, []playbacktest.Segment{foreign}, nil)

	first, second := string(session), string(other.Session)
	for query, want := range map[string][]string{
		"":                                     {second, first},
		"limit=1":                              {second},
		"user=user-7":                          {first},
		"user=user":                            nil,
		"url=help":                             {second},
		"errors=true":                          {first},
		"errors=false":                         {second, first},
		"trace_id=" + traceID:                  {first},
		"trace_id=" + strings.ToUpper(traceID): {first},
		fmt.Sprintf("from=%d&to=%d", startMs, startMs+70_000): {first},
		"q=" + first:                              {first},
		"q=%20" + first + "%20":                   {first},
		"q=" + first + "&from=1&to=2&user=nobody": {first},
		"q=" + traceID:                            {first},
		"q=USER-8":                                {second},
		"q=shop.example":                          {second, first},
		"q=" + string(foreign.Session):            nil,
		"q=0199f3a2-4444-7abc-8def-0123456789ab":  nil,
	} {
		got := f.get(t, "sessions?"+query)
		var page struct {
			Sessions []playback.Session
			Next     string
		}
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
			t.Errorf("%s: status %d: %s", query, got.status, got.body)
			continue
		}
		var ids []string
		for _, s := range page.Sessions {
			ids = append(ids, string(s.ID))
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%s: %v, want %v", query, ids, want)
		}
		if query != "limit=1" {
			continue
		}
		next := f.get(t, "sessions?limit=1&before="+page.Next)
		if page.Next == "" || !strings.Contains(next.body, first) {
			t.Errorf("the page after %q is %s, want %s", page.Next, next.body, first)
		}
	}
	for _, path := range []string{"manifest", "segments?window=window-dddd&from_seq=0&to_seq=0"} {
		if got := f.get(t, "sessions/"+string(foreign.Session)+"/"+path); got.status != http.StatusNotFound {
			t.Errorf("%s of another project's session: status %d", path, got.status)
		}
	}
}

func TestResolve(t *testing.T) {
	f := record(t)
	reader := playback.New(playback.Config{Project: project, Bucket: f.stores.Bucket, Index: f.stores.Index, Log: slog.New(slog.DiscardHandler)})
	for text, want := range map[string]playback.Resolution{
		string(session):              {Session: session},
		" " + string(session) + "\n": {Session: session},
		traceID:                      {Session: session, TraceID: traceID},
		strings.ToUpper(traceID):     {Session: session, TraceID: traceID},
		strings.Repeat("0", 32):      {},
		"user-7 and more":            {},
		"":                           {},
	} {
		got, err := reader.Resolve(t.Context(), text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
}

// TestClockSetInTheMiddle: the browser's clock is set back by an hour between
// two segments; to a player they follow each other all the same.
func TestClockSetInTheMiddle(t *testing.T) {
	const hour = 3_600_000
	stores := playbacktest.Open(t)
	stores.Write(t, []playbacktest.Segment{
		makeSegment(windowA, 0, startMs, -12, true),
		makeSegment(windowA, 1, startMs+10_000, 0, false),
		makeSegment(windowA, 2, startMs+20_000-hour, hour+30, true),
		makeSegment(windowA, 3, startMs+30_000-hour, hour, false),
	}, nil)
	reader := playback.New(playback.Config{Project: project, Bucket: stores.Bucket, Index: stores.Index, Log: slog.New(slog.DiscardHandler)})
	manifest, err := reader.Manifest(t.Context(), session)
	if err != nil {
		t.Fatal(err)
	}
	window := manifest.Windows[0]
	for i, want := range []int64{startMs - 12, startMs + 10_000 - 12, startMs + 20_000, startMs + 30_000} {
		if got := window.Segments[i].StartMs; got != want {
			t.Errorf("segment %d begins at %d, want %d", i, got, want)
		}
	}
	if got, want := window.Segments[2].FullSnapshots, []int64{startMs + 20_010}; !slices.Equal(got, want) {
		t.Errorf("full snapshots %v, want %v", got, want)
	}
	if window.ClockOffsetMs != -12 || manifest.Session.DurationMs != 39_012 {
		t.Errorf("offset %d and duration %d, want -12 and 39012", window.ClockOffsetMs, manifest.Session.DurationMs)
	}
	var answer bytes.Buffer
	sel := playback.Selection{Window: windowA, FromMs: startMs + 25_000, ToMs: startMs + 26_000, Snapshot: true}
	if err := reader.WriteSegments(t.Context(), &answer, session, sel); err != nil {
		t.Fatal(err)
	}
	if head := `{"segment":{"window_id":"window-aaaa","page_id":"page-0001","seq":2,"events":11,"clock_offset_ms":3600000}}`; !strings.Contains(answer.String(), head) {
		t.Errorf("no line %s in %.200s", head, answer.String())
	}
}
