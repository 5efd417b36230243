package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/playhead/playhead/pkg/ingest/wire/playhead"
	"github.com/playhead/playhead/pkg/rrweb"
)

var start = time.UnixMilli(1_763_800_000_000)

func event(kind int, timestampMs int64, filler int) string {
	return fmt.Sprintf(`{"type":%d,"timestamp":%d,"data":{"timestamp":1,"text":%q}}`, kind, timestampMs, strings.Repeat("x", filler))
}

func read(t *testing.T, events ...string) *Recording {
	t.Helper()
	r, err := Read("test", []byte("["+strings.Join(events, ", ")+"]"), start)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCutting(t *testing.T) {
	const t0 = 1000_000
	type segment struct {
		page, events int
		at           time.Duration
		full         bool
	}
	tests := []struct {
		name   string
		events []string
		want   []segment
	}{
		{"a segment waits five seconds",
			[]string{event(3, t0, 1), event(3, t0+4_999, 1), event(3, t0+5_000, 1), event(3, t0+60_000, 1)},
			[]segment{{0, 2, 5 * time.Second, false}, {0, 1, 10 * time.Second, false}, {0, 1, time.Minute, false}}},
		{"a full snapshot ends a segment, its meta event begins one",
			[]string{event(3, t0, 1), event(4, t0+100, 1), event(2, t0+110, 1), event(3, t0+120, 1)},
			[]segment{{0, 1, 100 * time.Millisecond, false}, {1, 2, 110 * time.Millisecond, true}, {1, 1, 120 * time.Millisecond, false}}},
		{"a segment is full at 256 KiB",
			[]string{event(3, t0, 200<<10), event(3, t0, 100<<10), event(3, t0, 1)},
			[]segment{{0, 2, 0, false}, {0, 1, 0, false}}},
		{"events out of order do not turn the clock back",
			[]string{event(3, t0, 1), event(3, t0+3_000, 1), event(3, t0-40_000, 1), event(3, t0+5_000, 1)},
			[]segment{{0, 3, 5 * time.Second, false}, {0, 1, 5 * time.Second, false}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := read(t, tt.events...)
			var got []segment
			for _, s := range r.Segments {
				got = append(got, segment{s.Page, s.Events, s.At, s.FullSnapshot})
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("cut into %v, want %v", got, tt.want)
			}
			if r.Events != len(tt.events) {
				t.Errorf("%d events of %d", r.Events, len(tt.events))
			}
		})
	}
}

func TestTimestampsAreShifted(t *testing.T) {
	r := read(t, `{"data":{"timestamp":7},"timestamp":1000.75,"type":3}`, `{"timestamp":3500,"type":3,"data":{"timestamp":8}}`)
	want := fmt.Sprintf(`{"data":{"timestamp":7},"timestamp":%d,"type":3}`+"\n"+`{"timestamp":%d,"type":3,"data":{"timestamp":8}}`+"\n", start.UnixMilli(), start.UnixMilli()+2500)
	if got := string(r.Segments[0].NDJSON); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestUploadsAreValid holds every upload of the built-in recordings, and of
// the corpus where it is, against the server's own decoder.
func TestUploadsAreValid(t *testing.T) {
	recordings, _, err := Load("../..", start)
	if err != nil {
		t.Fatal(err)
	}
	synthetic, err := Synthetic(start)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, r := range append(synthetic, recordings...) {
		s := NewSession(r, random, SessionOptions{Unique: 100})
		events := 0
		for i := range s.Len() {
			u := s.Upload(i)
			body, err := u.AppendBody(nil, start, "a-token")
			if err != nil {
				t.Fatal(err)
			}
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(z)
			if err != nil {
				t.Fatalf("%s: %v", r.Name, err)
			}
			decoded, err := playhead.Decode(content, playhead.Limits{DecompressedBytes: 16 << 20, Events: 10_000, EventBytes: 8 << 20, Depth: 128})
			if err != nil {
				t.Fatalf("%s, upload %d: %v", r.Name, i, err)
			}
			h := decoded.Header
			if h.Session != s.ID || h.Window != s.Window || h.Seq != uint32(i) || h.SentAtMs != start.UnixMilli() || h.Token != "a-token" || h.Origin.UserID != s.User {
				t.Errorf("header of upload %d: %+v", i, h)
			}
			if Sum(decoded.Events.NDJSON) != u.Sum() || !bytes.Equal(decoded.Events.NDJSON, u.NDJSON()) || decoded.Events.Count != u.Events() || len(decoded.Events.NDJSON) != u.RawBytes() {
				t.Errorf("%s: the events of upload %d are not what it says", r.Name, i)
			}
			if wait := time.Duration(decoded.Events.LastMs-start.UnixMilli()) * time.Millisecond; wait > u.At() {
				t.Errorf("%s: upload %d is sent at %v with an event of %v", r.Name, i, u.At(), wait)
			}
			events += decoded.Events.Count
		}
		if events != r.Events+s.Len() {
			t.Errorf("%s: %d events and %d of each segment's own came out as %d", r.Name, r.Events, s.Len(), events)
		}
	}
}

func TestSessionsDiffer(t *testing.T) {
	recordings, err := Synthetic(start)
	if err != nil {
		t.Fatal(err)
	}
	session := func(seed uint64, o SessionOptions) *Session {
		return NewSession(recordings[0], rand.New(rand.NewPCG(seed, 0)), o)
	}
	a, b := session(1, SessionOptions{Unique: 64}), session(2, SessionOptions{Unique: 64})
	if a.ID == b.ID || a.Window == b.Window || a.User == b.User || a.Upload(0).Page == b.Upload(0).Page || a.Upload(0).Sum() == b.Upload(0).Sum() {
		t.Error("two sessions of a recording share an id, a user or their unique bytes")
	}
	again := session(1, SessionOptions{Unique: 64})
	if again.ID != a.ID || again.User != a.User {
		t.Error("a seed makes another session the second time")
	}
	if now := session(1, SessionOptions{Began: start}); now.ID == a.ID || string(now.ID[:13]) != string(now.Window[:13]) || now.ID[:13] == a.ID[:13] {
		t.Errorf("ids %s and %s of a session that began at a given time", now.ID, now.Window)
	}
	fixed := session(3, SessionOptions{User: "u", Site: "shop.example"})
	if fixed.User != "u" || fixed.Site != "shop.example" {
		t.Error("the user or the site asked for is not taken")
	}
}

func TestOrder(t *testing.T) {
	recordings, err := Synthetic(start)
	if err != nil {
		t.Fatal(err)
	}
	order := func(seed uint64) (ids []SegmentID) {
		random := rand.New(rand.NewPCG(seed, 0))
		var sessions []*Session
		for range 2 {
			for _, r := range recordings {
				sessions = append(sessions, NewSession(r, random, SessionOptions{}))
			}
		}
		for _, u := range Interleave(random, sessions) {
			ids = append(ids, u.ID())
		}
		return ids
	}
	a := order(1)
	if !slices.Equal(a, order(1)) || slices.Equal(a, order(2)) {
		t.Error("the order does not follow from the seed")
	}
	next := map[SegmentID]uint32{}
	changes := 0
	for i, id := range a {
		session := SegmentID{Session: id.Session, Window: id.Window}
		if id.Seq != next[session] {
			t.Fatalf("%v comes out of turn", id)
		}
		next[session]++
		if i > 0 && a[i-1].Session != id.Session {
			changes++
		}
	}
	if changes < len(a)/2 {
		t.Errorf("sessions change %d times in %d uploads: they are hardly mixed", changes, len(a))
	}
}

func TestLane(t *testing.T) {
	recordings, err := Synthetic(start)
	if err != nil {
		t.Fatal(err)
	}
	lane := NewLane(recordings, 7, 3, nil)
	open := map[SegmentID]uint32{}
	names := map[string]bool{}
	for range 200 {
		u := lane.Next()
		id := u.ID()
		id.Seq = 0
		if u.Seq != open[id] {
			t.Fatalf("%v comes out of turn", u.ID())
		}
		open[id]++
		names[u.Session.Recording.Name] = true
		if u.Last() {
			delete(open, id)
		}
		if len(open) > 3 {
			t.Fatalf("%d sessions at a time, want 3", len(open))
		}
	}
	if len(names) != len(recordings) {
		t.Errorf("%d of %d recordings were dealt", len(names), len(recordings))
	}
}

// TestSender sends to a server that is away, then full, then good.
func TestSender(t *testing.T) {
	recordings, err := Synthetic(start)
	if err != nil {
		t.Fatal(err)
	}
	var tokens []string
	answers := []func(http.ResponseWriter){
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
		func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{"accepted":3,"token":"of-the-session","snapshot":true}`)
		},
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		content, err := io.ReadAll(z)
		if err != nil {
			t.Error(err)
		}
		var h struct{ Token string }
		line, _, _ := bytes.Cut(content, []byte("\n"))
		if err := json.Unmarshal(line, &h); err != nil {
			t.Error(err)
		}
		tokens = append(tokens, h.Token)
		answers[0](w)
		answers = answers[1:]
	}))
	defer server.Close()
	var waits []time.Duration
	acknowledged := &Acknowledgements{}
	sender := &Sender{
		URL: server.URL, Key: "k", Client: NewClient(1), Attempts: 5, Acknowledged: acknowledged,
		Now:  func() time.Time { return start },
		Wait: func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil },
	}
	defer sender.Client.CloseIdleConnections()
	s := NewSession(recordings[0], rand.New(rand.NewPCG(1, 1)), SessionOptions{})
	first, second := s.Upload(0), s.Upload(1)
	reply, err := sender.Send(t.Context(), first)
	if err != nil || reply.Status != http.StatusAccepted || reply.Attempts != 3 || !reply.Snapshot {
		t.Errorf("reply %+v, %v", reply, err)
	}
	if want := []time.Duration{retryAfter, 7 * time.Second}; !slices.Equal(waits, want) {
		t.Errorf("waited %v, want %v", waits, want)
	}
	reply, err = sender.Send(t.Context(), second)
	if err != nil || reply.Status != http.StatusBadRequest || reply.Attempts != 1 {
		t.Errorf("reply to a refusal: %+v, %v", reply, err)
	}
	if want := []string{"", "", "", "of-the-session"}; !slices.Equal(tokens, want) {
		t.Errorf("tokens %q, want %q", tokens, want)
	}
	if want := []Stored{{first.ID(), first.Sum()}}; !slices.Equal(acknowledged.All(), want) {
		t.Errorf("acknowledged %v", acknowledged.All())
	}
}

func TestSenderGivesUpWhenTheCallerDoes(t *testing.T) {
	recordings, err := Synthetic(start)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // nobody listens there now
	ctx, cancel := context.WithCancel(t.Context())
	sender := &Sender{URL: server.URL, Client: NewClient(1), Attempts: -1, Wait: func(ctx context.Context, _ time.Duration) error {
		cancel()
		return ctx.Err()
	}}
	if _, err := sender.Send(ctx, NewSession(recordings[0], rand.New(rand.NewPCG(1, 1)), SessionOptions{}).Upload(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestCompare(t *testing.T) {
	id := func(seq uint32) SegmentID { return SegmentID{Session: "session-1", Window: "window-1", Seq: seq} }
	good, bad := Sum([]byte("good")), Sum([]byte("bad"))
	a := &Acknowledgements{}
	for seq := range uint32(4) {
		a.Add(id(seq), good)
	}
	a.Add(id(0), bad) // a repeat with other content was not stored
	d := a.Compare(slices.Values([]Stored{
		{id(0), good},
		{id(1), good}, {id(1), good}, {id(1), good},
		{id(2), bad},
		{id(9), good},
	}))
	want := Difference{Lost: []SegmentID{id(3)}, Duplicated: []SegmentID{id(1)}, Changed: []SegmentID{id(2)}, Unacknowledged: 1}
	if fmt.Sprint(d) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", d, want)
	}
}

func TestStoredMembers(t *testing.T) {
	for _, size := range []int{0, 1, maxStored, maxStored + 1, 3*maxStored + 5} {
		content := bytes.Repeat([]byte("ab"), size)[:size]
		z, err := gzip.NewReader(bytes.NewReader(AppendStored(nil, content)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes do not come back: %v", size, err)
		}
	}
}

func TestNoEvents(t *testing.T) {
	for _, data := range []string{"", "{}", "[]", `[{"type":3}]`, `["x"]`} {
		if _, err := Read("test", []byte(data), start); err == nil {
			t.Errorf("%q was read", data)
		}
	}
	if _, err := rrweb.Scan([]byte(event(3, 1, 1)), maxDepth); err != nil {
		t.Errorf("the events of these tests are none: %v", err)
	}
}
