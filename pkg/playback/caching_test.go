//go:build unix

package playback_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
)

func serveAt(t *testing.T, f fixture, bucket objectstore.Bucket, nowMs int64) *httptest.Server {
	t.Helper()
	reader := playback.New(playback.Config{
		Project: project, Bucket: bucket, Index: f.stores.Index, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.UnixMilli(nowMs) },
	})
	server := httptest.NewServer(http.StripPrefix("/api", reader.Handler()))
	t.Cleanup(server.Close)
	return server
}

const ofRecording = "sessions/" + string(session)

func TestCaching(t *testing.T) {
	f := record(t)
	endMs := startMs + 59_000 + offsetMs
	running := serveAt(t, f, f.stores.Bucket, endMs+30*60_000-1)
	ended := serveAt(t, f, f.stores.Bucket, endMs+30*60_000)
	segments := ofRecording + "/segments?window=" + string(windowA) + "&from_seq=0&to_seq=9"
	for path, want := range map[string]struct{ running, ended string }{
		ofRecording + "/manifest":               {"private, no-cache", "private, max-age=300"},
		ofRecording + "/transcript":             {"private, no-cache", "private, max-age=300"},
		ofRecording + "/transcript?format=text": {"private, no-cache", "private, max-age=300"},
		segments:                                {"private, no-cache", "private, no-cache"},
		"suggestions?field=url":                 {"private, max-age=60", "private, max-age=60"},
		"suggestions?field=key":                 {"private, max-age=60", "private, max-age=60"},
	} {
		for api, control := range map[*httptest.Server]string{running: want.running, ended: want.ended} {
			got := call(t, api, http.MethodGet, path)
			etag := got.header.Get("ETag")
			if got.status != 200 || etag == "" || got.header.Get("Cache-Control") != control || got.header.Get("X-Grafana-Cache") == "" {
				t.Errorf("%s: %d, %v, want Cache-Control %q", path, got.status, got.header, control)
			}
			for _, header := range []string{etag, `"other", ` + etag, etag[2:], "*"} {
				again := call(t, api, http.MethodGet, path, "If-None-Match", header, "Accept-Encoding", "gzip")
				if again.status != 304 || again.body != "" || again.header.Get("ETag") != etag || again.header.Get("Cache-Control") != control ||
					again.header.Get("Vary") != "Accept-Encoding" || again.header.Get("Content-Encoding") != "" {
					t.Errorf("%s with If-None-Match %s: %d, %v, %q", path, header, again.status, again.header, again.body)
				}
			}
			if other := call(t, api, http.MethodGet, path, "If-None-Match", `"other"`); other.status != 200 || other.body != got.body {
				t.Errorf("%s with another ETag: %d", path, other.status)
			}
		}
	}
	for path, status := range map[string]int{"sessions": 200, "sessions/0199f3a2-none/manifest": 404, ofRecording + "/segments": 400, "suggestions?field=x": 400} {
		got := call(t, ended, http.MethodGet, path, "If-None-Match", "*")
		if got.status != status || got.header.Get("Cache-Control") != "private, no-store" || got.header.Get("ETag") != "" || got.header.Get("X-Grafana-Cache") != "" {
			t.Errorf("%s: %d, %v, want %d that nobody keeps", path, got.status, got.header, status)
		}
	}
}

// What is stored later shows, and an answer about something else does not
// change because of it.
func TestCachingNoticesWhatIsNew(t *testing.T) {
	f := record(t)
	old := map[string]string{}
	for _, path := range []string{
		ofRecording + "/manifest", ofRecording + "/transcript",
		ofRecording + "/segments?window=" + string(windowA) + "&from_seq=0&to_seq=9",
		ofRecording + "/segments?window=" + string(windowA) + "&from_seq=0&to_seq=1",
	} {
		old[path] = f.get(t, path).header.Get("ETag")
	}
	next := makeSegment(windowA, 6, startMs+60_000, 0, false)
	first, _, moments := recorded()
	moments[0].SegmentID, moments[0].TimestampMs = next.SegmentID, next.StartMs
	f.stores.Write(t, []playbacktest.Segment{next}, moments[:1])
	for path, etag := range old {
		want := 200
		if path == ofRecording+"/segments?window="+string(first[0].Window)+"&from_seq=0&to_seq=1" {
			want = 304
		}
		if got := f.get(t, path, "If-None-Match", etag); got.status != want {
			t.Errorf("%s: %d, want %d", path, got.status, want)
		}
	}
}

// A 304 reads nothing, and there is none for an answer in which segments were
// missing that asking again may bring.
func TestCachingOfSegments(t *testing.T) {
	f := record(t)
	bucket := &watched{Bucket: f.stores.Bucket}
	api := serve(t, bucket, f.stores.Index, t.Output())
	path := ofRecording + "/segments?window=" + string(windowA) + "&from_seq=0&to_seq=9"
	whole := call(t, api, http.MethodGet, path)
	reads := len(bucket.reads)
	if again := call(t, api, http.MethodGet, path, "If-None-Match", whole.header.Get("ETag")); again.status != 304 || len(bucket.reads) != reads {
		t.Errorf("again: %d after %d reads", again.status, len(bucket.reads)-reads)
	}
	bucket.broken = func(read int) error {
		if read == reads+2 {
			return errDown
		}
		return nil
	}
	lacking := call(t, api, http.MethodGet, path)
	bucket.broken = nil
	if lacking.status != 200 || lacking.body == whole.body {
		t.Fatal("nothing is lacking")
	}
	if again := call(t, api, http.MethodGet, path, "If-None-Match", lacking.header.Get("ETag")); again.status != 200 || again.body != whole.body {
		t.Errorf("after an answer that lacks segments: %d", again.status)
	}
	other := serve(t, f.stores.Bucket, f.stores.Index, t.Output())
	if again := call(t, other, http.MethodGet, path, "If-None-Match", whole.header.Get("ETag")); again.status != 200 {
		t.Errorf("from another process: %d", again.status)
	}
}
