package ingest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestQuotaRefill: whoever asks far more often than once a second gets the
// rate, neither more nor less, whatever the pace.
func TestQuotaRefill(t *testing.T) {
	const rate, body, seconds = 100_000, 3000, 20
	for _, pace := range []time.Duration{100 * time.Microsecond, time.Millisecond, 7 * time.Millisecond, 333 * time.Millisecond, 1500 * time.Millisecond} {
		now := noon
		var q quota
		q.set(Quota{BytesPerSecond: rate, BurstBytes: 200_000}, 0, now)
		sent := 0
		for end := now.Add(seconds * time.Second); now.Before(end); now = now.Add(pace) {
			// A burst, at the slow paces one that empties the bucket.
			for range 1 + int(pace*200/time.Second) {
				if q.begin(body, now) == nil {
					sent += body
					q.end(0)
				}
			}
		}
		want := float64(200_000 + seconds*rate)
		if off := float64(sent)/want - 1; off > 0.05 || off < -0.05 {
			t.Errorf("every %v: %d bytes, want %.0f: %+.1f %%", pace, sent, want, 100*off)
		}
	}
}

// TestRetryAfterIsLongEnough: who waits as long as it is told is accepted.
func TestRetryAfterIsLongEnough(t *testing.T) {
	cfg := testConfig(t)
	cfg.Limits.BodyBytes, cfg.Limits.AssetBytes = 4096, 1024
	cfg.Projects[0].Keys[0].Quota = Quota{BytesPerSecond: 700, BurstBytes: 4096}
	now, spread := noon, 0.0
	s := newServer(t, cfg, nil, nil, Options{Now: func() time.Time { return now }, random: func() float64 { return spread }})
	var waits []string
	for i := range 20 {
		body := upload("session-1", i)
		body += `{"type":3,"timestamp":1,"data":"` + strings.Repeat("x", 3000-len(body)) + `"}`
		w := serve(s, request(body))
		if w.Code == http.StatusTooManyRequests {
			spread = float64(i%2) * 0.999
			waits = append(waits, w.Header().Get("Retry-After"))
			seconds, err := strconv.Atoi(waits[len(waits)-1])
			if err != nil || seconds < 1 {
				t.Fatalf("Retry-After %q", waits[len(waits)-1])
			}
			now = now.Add(time.Duration(seconds) * time.Second)
			w = serve(s, request(body))
		}
		if w.Code != http.StatusAccepted {
			t.Fatalf("upload %d after %v: %d", i, waits, w.Code)
		}
	}
	if slices.Sort(waits); len(slices.Compact(waits)) < 2 {
		t.Errorf("all are told to come back after %v", waits)
	}
}

// TestBeyondTheQuotaNothingIsRead: neither with a length nor without.
func TestBeyondTheQuotaNothingIsRead(t *testing.T) {
	cfg := testConfig(t)
	cfg.Projects[0].Keys[0].Quota = Quota{BytesPerSecond: 1, BurstBytes: cfg.Limits.BodyBytes}
	s := newServer(t, cfg, nil, nil, Options{})
	spent := request(upload("session-1", 0))
	spent.ContentLength = int64(cfg.Limits.BodyBytes) // more than comes; the rest is given back
	if w := serve(s, spent); w.Code != http.StatusAccepted {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	post(t, s, "session-1", 1)
	for _, length := range []int64{int64(cfg.Limits.BodyBytes), -1} {
		r := request("")
		r.ContentLength, r.Body = length, io.NopCloser(failingReader{t})
		if w := serve(s, r); w.Code != http.StatusTooManyRequests {
			t.Errorf("length %d: %d", length, w.Code)
		}
	}
}

// TestUploadsAtOnce: a key with many slow senders leaves the others alone.
func TestUploadsAtOnce(t *testing.T) {
	const other = "pk_other_0123456789"
	cfg := testConfig(t)
	cfg.Projects[0].Keys[0].Quota.UploadsAtOnce = 2
	cfg.Projects[0].Keys = append(cfg.Projects[0].Keys, Key{Name: "other", Key: other})
	s := newServer(t, cfg, nil, nil, Options{})
	done := make(chan int)
	var slow []*io.PipeWriter
	for i := range 2 {
		body, in := io.Pipe()
		slow = append(slow, in)
		r := request("")
		r.Body, r.ContentLength = body, -1
		go func() { done <- serve(s, r).Code }()
		if _, err := io.WriteString(in, headerLine(fmt.Sprintf("session-%d", i), 0)+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	third := func(key string) *httptest.ResponseRecorder {
		r := request(upload("session-3", 0))
		r.Header.Set("Authorization", "Bearer "+key)
		return serve(s, r)
	}
	if w := third(testKey); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("a third upload: %d %s", w.Code, w.Body)
	}
	if w := third(other); w.Code != http.StatusAccepted {
		t.Errorf("an upload with another key: %d %s", w.Code, w.Body)
	}
	for _, in := range slow {
		if _, err := io.WriteString(in, eventLines("x", 0, 1)); err != nil {
			t.Fatal(err)
		}
		in.Close()
		if status := <-done; status != http.StatusAccepted {
			t.Errorf("a slow upload: %d", status)
		}
	}
	if w := third(testKey); w.Code != http.StatusAccepted {
		t.Errorf("afterwards: %d %s", w.Code, w.Body)
	}
}

// TestSlowUploadsGiveWay: with a key as public as a page, nobody can keep all
// others from using it by sending a byte now and then.
func TestSlowUploadsGiveWay(t *testing.T) {
	cfg := testConfig(t)
	cfg.Projects[0].Keys[0].Quota.UploadsAtOnce = 2
	s := newServer(t, cfg, nil, nil, Options{})
	address := listening(t, s.HTTPServer())
	var slow []*client
	for i := range 2 {
		slow = append(slow, dial(t, address, postHead(1000)+"{"))
		eventually(t, "it is being received", func() bool { return s.budget.used.Load() == int64(i+1) })
	}
	if w := serve(s, request(upload("session-1", 0))); w.Code != http.StatusTooManyRequests {
		t.Errorf("at once: %d", w.Code)
	}
	eventually(t, "a slow upload gives way", func() bool { return serve(s, request(upload("session-1", 0))).Code == http.StatusAccepted })
	if status := slow[0].status(); status != http.StatusRequestTimeout {
		t.Errorf("the slowest is answered %d", status)
	}
	if !slow[1].isOpen() {
		t.Error("the other one is closed too")
	}
}

// TestReload: what a reload changes and what it leaves.
func TestReload(t *testing.T) {
	cfg := testConfig(t)
	cfg.Limits.BodyBytes, cfg.Limits.AssetBytes = 4096, 1024
	cfg.Projects[0].Keys[0].Quota = Quota{BytesPerSecond: 100, BurstBytes: 4096}
	now := noon
	s := newServer(t, cfg, nil, nil, Options{Now: func() time.Time { return now }})
	body := upload("session-1", 0)
	body += `{"type":3,"timestamp":1,"data":"` + strings.Repeat("x", 3500-len(body)) + `"}`
	send := func(key WriteKey, status int) {
		t.Helper()
		r := request(body)
		r.Header.Set("Authorization", "Bearer "+string(key))
		if w := serve(s, r); w.Code != status {
			t.Errorf("%d %s, want %d", w.Code, w.Body, status)
		}
	}
	reload := func(change func(*Project)) error {
		projects := slices.Clone(cfg.Projects)
		projects[0].Keys = slices.Clone(projects[0].Keys)
		change(&projects[0])
		return s.Reload(projects)
	}
	send(testKey, http.StatusAccepted)
	send(testKey, http.StatusTooManyRequests)

	// What is used of a quota stays used, whatever else changes about the key.
	if err := reload(func(p *Project) { p.Keys[0].Origins, p.Keys[1].Revoked = nil, false }); err != nil {
		t.Fatal(err)
	}
	send(testKey, http.StatusTooManyRequests)
	send(revokedKey, http.StatusAccepted)
	if err := reload(func(p *Project) { p.Keys[0].Quota.BurstBytes = 8192 }); err != nil {
		t.Fatal(err)
	}
	send(testKey, http.StatusAccepted)
	send(testKey, http.StatusTooManyRequests)
	now = now.Add(80 * time.Second)
	send(testKey, http.StatusAccepted)

	// What is not valid changes nothing.
	if err := reload(func(p *Project) { p.Keys[0].Revoked, p.Keys[1].Key = true, "short" }); err == nil || strings.Contains(err.Error(), "short\"") {
		t.Errorf("error %v", err)
	}
	now = now.Add(80 * time.Second)
	send(testKey, http.StatusAccepted)

	if err := reload(func(p *Project) { p.Keys[0].Revoked = true }); err != nil {
		t.Fatal(err)
	}
	send(testKey, http.StatusUnauthorized)
	if err := s.Reload(nil); err != nil {
		t.Fatal(err)
	}
	send(revokedKey, http.StatusUnauthorized)
	if err := s.Accept(t.Context(), testProject, uploadOf("session-1", 9, "{}")); !errors.Is(err, ErrUnknownProject) {
		t.Errorf("a project that is gone: %v", err)
	}
}

// TestAKeyIsRevokedDuringAnUpload: however slowly a body comes, it does not
// outlive its key.
func TestAKeyIsRevokedDuringAnUpload(t *testing.T) {
	cfg := testConfig(t)
	s := newServer(t, cfg, nil, nil, Options{})
	for seq, test := range []struct {
		revoked bool
		status  int
	}{{false, http.StatusAccepted}, {true, http.StatusUnauthorized}} {
		body, sender := io.Pipe()
		r := request("")
		r.Body, r.ContentLength = body, -1
		answered := make(chan int, 1)
		go func() { answered <- serve(s, r).Code }()
		content := upload("session-1", seq)
		if _, err := io.WriteString(sender, content[:10]); err != nil {
			t.Fatal(err)
		}
		projects := slices.Clone(cfg.Projects)
		projects[0].Keys = slices.Clone(projects[0].Keys)
		projects[0].Keys[0].Revoked = test.revoked
		must(t, s.Reload(projects))
		if _, err := io.WriteString(sender, content[10:]); err != nil {
			t.Fatal(err)
		}
		must(t, sender.Close())
		if status := <-answered; status != test.status {
			t.Errorf("revoked %v: %d, want %d", test.revoked, status, test.status)
		}
	}
	if n := s.journal.Stats().Segments; n != 1 {
		t.Errorf("%d segments are kept, want 1", n)
	}
}

// TestMemoryForBodies: one key leaves memory to the others, and gives all of it
// back.
func TestMemoryForBodies(t *testing.T) {
	const other = "pk_other_0123456789"
	cfg := testConfig(t)
	cfg.Projects[0].Keys = append(cfg.Projects[0].Keys, Key{Name: "other", Key: other})
	s := newServer(t, cfg, nil, nil, Options{})
	s.budget.limit = 4000
	send := func(key string, bytes int) int {
		body := upload("session-1", 0)
		r := request(body + strings.Repeat(" ", bytes-len(body)))
		r.Header.Set("Authorization", "Bearer "+key)
		return serve(s, r).Code
	}
	if status := send(testKey, 3000); status != http.StatusBadRequest { // spaces are no event
		t.Errorf("three quarters: %d", status)
	}
	if status := send(testKey, 3001); status != http.StatusServiceUnavailable {
		t.Errorf("more: %d", status)
	}
	who, err := s.keys.Load().find(testKey)
	if err != nil || !s.takeBody(who, 0, 2900) {
		t.Fatal(err)
	}
	if status := send(testKey, 1000); status != http.StatusServiceUnavailable {
		t.Errorf("more together: %d", status)
	}
	if status := send(other, 1000); status != http.StatusBadRequest {
		t.Errorf("another key: %d", status)
	}
	s.freeBody(who, 2900)
	if used, held := s.budget.used.Load(), who.quota.held.Load(); used != 0 || held != 0 {
		t.Errorf("%d bytes are used, %d held", used, held)
	}
}

// TestLargeBodiesLeaveRoom: as many bombs as come leave the memory for ordinary
// uploads alone, and some of that for large ones to other keys.
func TestLargeBodiesLeaveRoom(t *testing.T) {
	s := newServer(t, testConfig(t), nil, nil, Options{})
	greedy, other := &credential{quota: &quota{}}, &credential{quota: &quota{}}
	const step = 64 << 10
	grow := func(who *credential, bytes int) (got int) {
		for got < bytes && s.takeBody(who, got, step) {
			got += step
		}
		return got
	}
	var bodies []int
	for range 40 {
		bodies = append(bodies, grow(greedy, 1<<20))
	}
	if held := greedy.quota.heldLarge.Load(); held > s.large.limit/4*3 || held < s.large.limit/2 {
		t.Errorf("large bodies hold %d MiB, limit %d", held>>20, s.large.limit>>20)
	}
	if got := grow(greedy, 256<<10); got != 256<<10 {
		t.Errorf("an ordinary body of the same key gets %d bytes", got)
	}
	if got := grow(other, 1<<20); got != 1<<20 {
		t.Errorf("a large body of another key gets %d bytes", got)
	}
	s.freeBody(other, 1<<20)
	for _, n := range bodies {
		s.freeBody(greedy, n)
	}
	s.freeBody(greedy, 256<<10)
	if s.budget.used.Load() != 0 || s.large.used.Load() != 0 || greedy.quota.held.Load() != 0 || other.quota.heldLarge.Load() != 0 {
		t.Errorf("in the end %d and %d bytes are used", s.budget.used.Load(), s.large.used.Load())
	}
}
