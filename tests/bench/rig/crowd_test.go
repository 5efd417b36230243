package rig

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playhead/playhead/tests/traffic"
)

func TestSendTimes(t *testing.T) {
	r := &traffic.Recording{Segments: []traffic.Segment{{At: 5 * time.Second}, {At: 10 * time.Second}, {At: time.Hour}, {At: time.Hour + time.Second}}}
	want := []time.Duration{5 * time.Second, 10 * time.Second, 70 * time.Second, 71 * time.Second}
	if got := sendTimes(r, time.Minute); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func synthetic(t *testing.T) []*traffic.Recording {
	t.Helper()
	recordings, err := traffic.Synthetic(time.UnixMilli(1_763_800_000_000))
	if err != nil {
		t.Fatal(err)
	}
	return recordings
}

func TestSessionsAreFoundUnderWay(t *testing.T) {
	c := &Crowd{Recordings: synthetic(t), Sessions: 200, MostIdle: time.Minute, Seed: 1}
	now := time.UnixMilli(0)
	started := 0
	for _, e := range newCrowdDeck(c).steady(now) {
		all := sendTimes(e.session.Recording, c.MostIdle)
		if len(e.times) != e.session.Len() || len(all) != len(e.times) {
			t.Fatal("an upload has no time")
		}
		if wait := e.due.Sub(now); wait < 0 || wait > 6*time.Second {
			t.Errorf("the first upload is due in %v", wait)
		}
		if e.session.Recording.Segments[0].At == c.Recordings[0].Segments[0].At {
			started++
		}
	}
	if started > 100 {
		t.Errorf("%d of 200 sessions are at their beginning", started)
	}
}

// TestCrowd runs a crowd against a server that refuses some and is away for
// others.
func TestCrowd(t *testing.T) {
	var mu sync.Mutex
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		requests++
		n := requests
		mu.Unlock()
		switch n % 10 {
		case 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 7:
			w.WriteHeader(http.StatusUnprocessableEntity)
		default:
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{"accepted":1}`)
		}
	}))
	defer server.Close()
	c := &Crowd{Recordings: synthetic(t), Sessions: 50, Connections: 4, MostIdle: 20 * time.Millisecond, Seed: 1}
	load, err := c.Run(t.Context(), &Playhead{URL: server.URL}, 500*time.Millisecond, func(CrowdLoad) {})
	if err != nil {
		t.Fatal(err)
	}
	if load.Requests < 50 || len(load.Acks) != load.Requests || load.RefusedBy[http.StatusUnprocessableEntity] == 0 || load.Errors == 0 || load.Begun <= 50 {
		t.Errorf("%v; refused %v of %d requests", load, load.RefusedBy, requests)
	}
	if n := load.Requests + load.RefusedForGood() + load.Errors; n > requests || n < requests-4 {
		t.Errorf("%d uploads are accounted for, %d were sent", n, requests)
	}
}

func TestGate(t *testing.T) {
	var host string
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		host = r.Host
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer target.Close()
	g, err := StartGate(t.Context(), strings.TrimPrefix(target.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Stop(); err != nil {
			t.Error(err)
		}
	}()
	put := func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+g.Address+"/1.pack", strings.NewReader("12345"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			response.Body.Close()
		}
		return err
	}
	if err := put(); err != nil || host != g.Address {
		t.Errorf("%v; the target was asked as %q", err, host)
	}
	g.Shut()
	if put() == nil {
		t.Error("a shut gate lets requests pass")
	}
	g.Open()
	if err := put(); err != nil {
		t.Error(err)
	}
	if requests, packs, bytes := g.Puts(); requests != 2 || packs != 2 || bytes != 10 {
		t.Errorf("%d requests, %d packs, %d bytes counted", requests, packs, bytes)
	}
}
