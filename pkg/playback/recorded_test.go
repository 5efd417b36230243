//go:build unix

package playback_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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

var errDown = errors.New("connection refused by 10.0.0.7")
