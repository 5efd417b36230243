package ingest

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestRefusalsAreLogged: one line says why, for whom and how much, and an
// attack does not fill the disk.
func TestRefusalsAreLogged(t *testing.T) {
	var logged bytes.Buffer
	now := noon
	s := newServer(t, testConfig(t), nil, nil, Options{Log: slog.New(slog.NewJSONHandler(&logged, nil)), Now: func() time.Time { return now }})
	type line struct {
		Msg, Reason, Route, Project, Key string
		Status, Suppressed               int
		Bytes                            int64
	}
	lines := func() []line {
		t.Helper()
		var all []line
		decoder := json.NewDecoder(&logged)
		for decoder.More() {
			var l line
			if err := decoder.Decode(&l); err != nil {
				t.Fatal(err)
			}
			all = append(all, l)
		}
		return all
	}
	malformed := func() { serve(s, request("no header")) }
	malformed()
	want := line{Msg: "request refused", Reason: "malformed", Route: "POST /v1/segments", Project: "shop", Key: "golden", Status: 400, Bytes: 9}
	if got := lines(); len(got) != 1 || got[0] != want {
		t.Errorf("logged %+v, want %+v", got, want)
	}
	for range 1000 {
		malformed()
	}
	if n := len(lines()); n != refusalBurst-1 {
		t.Errorf("%d lines for 1000 refusals", n)
	}
	// Another reason is logged all the same, and what a stranger wrote is not.
	r := httptest.NewRequest(http.MethodGet, "/wp-admin/%0a%0dfoo?x=y", nil)
	serve(s, r)
	if got := lines(); len(got) != 1 || got[0].Reason != "route" || got[0].Route != "/" || got[0].Status != 404 {
		t.Errorf("logged %+v", got)
	}
	now = now.Add(refusalEvery)
	malformed()
	malformed()
	if got := lines(); len(got) != 1 || got[0].Suppressed != 1001-refusalBurst {
		t.Errorf("logged %+v, want one line with %d suppressed", got, 1001-refusalBurst)
	}
	if n := metric(t, s, `playhead_ingest_refused_total{reason="malformed"}`); n != "1003" {
		t.Errorf("%s refusals are counted", n)
	}
}

// TestEveryRefusalIsLoggedForWhoDebugs: somebody who looks for one sender's
// reason needs all of them.
func TestEveryRefusalIsLoggedForWhoDebugs(t *testing.T) {
	var logged bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := newServer(t, testConfig(t), nil, nil, Options{Log: log})
	for range 5 * refusalBurst {
		serve(s, request("no header"))
	}
	if n := strings.Count(logged.String(), `"msg":"request refused"`); n != 5*refusalBurst {
		t.Errorf("%d lines for %d refusals", n, 5*refusalBurst)
	}
}

// TestEncodings: what cannot be decompressed within bounds is refused, in each
// of the places that can name it.
func TestEncodings(t *testing.T) {
	s := newServer(t, testConfig(t), nil, nil, Options{})
	body := upload("session-1", 0)
	f := func(status int, how string, query string, headers ...string) {
		t.Helper()
		r := request(string(compress(t, how, []byte(body))))
		r.URL.RawQuery = query
		r.Header["Content-Encoding"] = headers
		w := serve(s, r)
		if w.Code != status {
			t.Errorf("%v, %q: %d %s, want %d", headers, query, w.Code, w.Body, status)
		}
		if a := decodeAnswer(t, w); status == 415 && a.Field != "Content-Encoding" {
			t.Errorf("%v, %q: %s is to blame", headers, query, a.Field)
		}
	}
	f(202, "gzip", "", "gzip")
	f(202, "gzip", "enc=gzip")
	f(202, "zstd", "enc=zstd", "identity")
	f(202, "", "enc=identity")
	for _, encodings := range []string{"deflate", "br", "compress", "gzip, gzip", "gzip, identity, br", "*", "\x00"} {
		f(415, "gzip", "", encodings)
	}
	f(415, "gzip", "enc=br")
	f(415, "gzip", "", "gzip", "gzip")
	f(415, "gzip", "", "gzip", "br")
	f(415, "gzip", "enc=gzip", "gzip")
	f(415, "gzip", "enc=gzip&enc=gzip")
	// Encoded and not said.
	f(415, "gzip", "")
	f(415, "zstd", "", "identity")
	body = string(compress(t, "gzip", []byte(body)))
	f(415, "gzip", "", "gzip")
	f(415, "zstd", "", "zstd")
}

// TestBombs: 64 MiB to 1 GiB out of little cost a few milliseconds and no
// memory to speak of.
func TestBombs(t *testing.T) {
	s := newServer(t, testConfig(t), nil, nil, Options{})
	zeros := make([]byte, 64<<20)
	inner := compress(t, "gzip", zeros)
	bombs := []struct {
		name, encoding string
		body           []byte
		status         int
	}{
		{"gzip", "gzip", inner, 413},
		{"gzip of 1 GiB", "gzip", bytes.Repeat(inner, 16), 413},
		{"zstd", "zstd", compress(t, "zstd", zeros), 413},
		{"zstd of 1 GiB", "zstd", bytes.Repeat(compress(t, "zstd", zeros), 16), 413},
		{"gzip in gzip", "gzip", compress(t, "gzip", inner), 415},
		{"gzip in zstd", "zstd", compress(t, "zstd", inner), 413}, // too small to become so large
		{"deflate", "deflate", inner, 415},
		{"br", "br", inner, 415},
		{"double", "gzip, gzip", inner, 415},
		{"depth", "gzip", compress(t, "gzip", []byte(headerLine("session-1", 0)+"\n"+`{"type":3,"timestamp":1,"data":`+strings.Repeat("[", 5<<20))), 413},
		{"depth, unpacked", "", []byte(headerLine("session-1", 0) + "\n" + `{"type":3,"timestamp":1,"data":` + strings.Repeat("[", 5<<20)), 422},
		{"objects", "", []byte(headerLine("session-1", 0) + "\n" + `{"type":3,"timestamp":1,"data":[` + strings.Repeat("{},", 2<<20) + `{}]}`), 202},
		{"events", "", []byte(headerLine("session-1", 1) + "\n" + strings.Repeat(`{"type":3,"timestamp":1}`+"\n", 200_000)), 413},
		{"header", "", []byte(`{"v":1,` + strings.Repeat(`"x":[[`, 1<<20)), 413},
	}
	for _, b := range bombs {
		r := request(string(b.body))
		r.Header.Set("Content-Encoding", b.encoding)
		var status int
		allocated := allocates(func() { status = serve(s, r).Code })
		if status != b.status {
			t.Errorf("%s: %d, want %d", b.name, status, b.status)
		}
		// All together, of which less than half at the same time.
		if most := uint64(128 << 20); allocated > most {
			t.Errorf("%s: %d MiB were allocated", b.name, allocated>>20)
		}
		t.Logf("%s: %d bytes, %d, %d KiB allocated", b.name, len(b.body), status, allocated>>10)
	}
}

func allocates(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
