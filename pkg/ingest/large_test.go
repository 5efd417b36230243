package ingest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/ingest/wire/playhead"
)

// snapshotBytes is a full snapshot of the size that must be storable.
const snapshotBytes = 20 << 20

// largeSnapshot is a full snapshot that compresses about fifty times, which is
// more than real ones do and less than limits.decompression_ratio.
func largeSnapshot(seq int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"type":2,"timestamp":%d,"data":{"seq":%d,"node":{"type":0,"childNodes":[`, time.Now().UnixMilli(), seq)
	for i := 0; b.Len() < snapshotBytes; i++ {
		fmt.Fprintf(&b, `{"type":2,"tagName":"div","attributes":{"class":"row row-%d"},"childNodes":[{"type":3,"textContent":"item","id":%d}],"id":%d},`, i%7, i*2, i*2+1)
	}
	b.WriteString(`{"type":3,"textContent":"end","id":1}]}}}` + "\n")
	return b.String()
}

// largeBodies are uploads of a full snapshot.
func largeBodies(t *testing.T, n int) [][]byte {
	t.Helper()
	snapshot := compress(t, "gzip", []byte(largeSnapshot(0)))
	bodies := make([][]byte, n)
	for seq := range bodies { // a header is a gzip member of its own
		bodies[seq] = append(compress(t, "gzip", []byte(headerLine("session-1", seq)+"\n")), snapshot...)
	}
	return bodies
}

// TestLargeSnapshotsAtOnce: a hundred of them wait for the disk, and some of
// them at their senders. What waits is as it was sent.
func TestLargeSnapshotsAtOnce(t *testing.T) {
	d := newDisk()
	s := newServer(t, testConfig(t), nil, nil, Options{create: d.create})
	bodies := largeBodies(t, 100)
	before := inUse()
	d.hold()
	var refused atomic.Int64
	freed := make(chan struct{})
	handler := s.Handler()
	var all sync.WaitGroup
	for _, body := range bodies {
		all.Go(func() {
			for end := time.Now().Add(3 * time.Minute); ; {
				r := request("")
				r.Header.Set("Content-Encoding", "gzip")
				r.Body, r.ContentLength = bodyOf(body), int64(len(body))
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code == http.StatusAccepted {
					return
				}
				if w.Code != http.StatusServiceUnavailable && w.Code != http.StatusTooManyRequests || time.Now().After(end) {
					t.Errorf("%d %s", w.Code, w.Body)
					return
				}
				refused.Add(1)
				<-freed
				<-time.After(200 * time.Millisecond)
			}
		})
	}
	within(t, 2*time.Minute, "all uploads wait", func() bool { return s.arriving()+int(refused.Load()) == len(bodies) })
	most := inUse()
	d.release()
	close(freed)
	all.Wait()
	// Of the budget for large bodies a key leaves a quarter to others.
	if grown, limit := most-before, largeLimit/4*3+8<<20; grown > limit {
		t.Errorf("%d MiB are in use at once, limit %d", grown>>20, limit>>20)
	}
	if n := s.journal.Stats().Segments; n != len(bodies) {
		t.Errorf("%d segments are kept, want %d", n, len(bodies))
	}
}

// arriving returns how many segments are being journaled.
func (s *Server) arriving() int {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return len(s.ledger.arriving)
}

// TestLargeSnapshotsAreReadInTurn: each processor reads one of them, the others
// wait as they were sent.
func TestLargeSnapshotsAreReadInTurn(t *testing.T) {
	s := newServer(t, testConfig(t), nil, nil, Options{})
	project, _ := s.project(testProject)
	bodies := largeBodies(t, 20)
	places := runtime.GOMAXPROCS(0)
	before := inUse()
	reading, goOn := make(chan struct{}, len(bodies)), make(chan struct{})
	var all sync.WaitGroup
	for _, body := range bodies {
		all.Go(func() {
			_, err := s.accept(deadline(t), &incoming{
				project: project, received: time.Now(), body: body, encoding: playhead.Gzip,
				admit: func(*playhead.Header) error {
					reading <- struct{}{}
					<-goOn
					return nil
				},
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "each processor reads a snapshot", func() bool { return len(reading) == places })
	most := inUse()
	if n := len(reading); n != places {
		t.Errorf("%d snapshots are read at once, want %d", n, places)
	}
	close(goOn)
	all.Wait()
	// The events, and room that was made for them.
	if grown, limit := most-before, places*2*snapshotBytes; grown > limit {
		t.Errorf("%d MiB are in use at once, limit %d", grown>>20, limit>>20)
	}
}

// inUse returns how many bytes can be reached, while nothing runs that makes
// more: nothing of pools, nor what a collection leaves to the next.
func inUse() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func bodyOf(b []byte) body { return body{bytes.NewReader(b)} }

// TestLargeSnapshotsAreStored, as they were sent, with what comes around them.
func TestLargeSnapshotsAreStored(t *testing.T) {
	for _, how := range []string{"gzip", "zstd"} {
		t.Run(how, func(t *testing.T) {
			st, o := newStores(t), newOracle()
			s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
			running(t, s)
			for seq := range 3 {
				events := clickLines("session-1", seq)
				if seq == 1 {
					events = largeSnapshot(seq) + events
				}
				r := request("")
				r.Header.Set("Content-Encoding", how)
				r.Body = bodyOf(compress(t, how, []byte(headerLine("session-1", seq)+"\n"+events)))
				if w := serve(s, r); w.Code != http.StatusAccepted {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
				o.ack("session-1", seq, events)
			}
			flush(t, s)
			o.check(t, st)
		})
	}
}
