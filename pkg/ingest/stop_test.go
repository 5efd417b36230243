package ingest

import (
	"errors"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

func TestStopStoresWhatWaits(t *testing.T) {
	st, o := newStores(t), newOracle()
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	stop := running(t, s)
	for seq := range 5 {
		o.send(t, s, "session-1", seq)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	o.check(t, st)
	if w := serve(s, request(upload("session-1", 9))); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a stopped server answers %d", w.Code)
	}
	if files, err := filepath.Glob(filepath.Join(s.cfg.Journal.Dir, "*.log")); err != nil || len(files) > 1 {
		t.Errorf("journal files %v (%v)", files, err)
	}
}

func TestStopWithStoresAwayKeepsTheJournal(t *testing.T) {
	st, o := newStores(t), newOracle()
	cfg := testConfig(t)
	cfg.Flush.Grace = 50 * time.Millisecond
	st.index.fail(errors.New("connection refused"))
	s := newServer(t, cfg, st.bucket, st.index, Options{after: soon})
	stop := running(t, s)
	for seq := range 5 {
		o.send(t, s, "session-1", seq)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	st.index.fail(nil)
	s = newServer(t, cfg, st.bucket, st.index, Options{})
	running(t, s)
	flush(t, s)
	o.check(t, st)
}

func TestStopLetsUploadsFinish(t *testing.T) {
	st, o := newStores(t), newOracle()
	hook := newDisk()
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{create: hook.create})
	stop := running(t, s)
	hook.hold()
	answered := make(chan int, 1)
	events := clickLines("session-1", 0)
	go func() { answered <- serve(s, request(headerLine("session-1", 0)+"\n"+events)).Code }()
	<-hook.held
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	eventually(t, "the server is stopping", s.uploads.isStopping)
	hook.release()
	if code := <-answered; code != http.StatusAccepted {
		t.Errorf("the upload under way is answered %d", code)
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	o.ack("session-1", 0, events)
	o.check(t, st)
}
