package ingest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	rtmetrics "runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"
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

// TestLargeSnapshotsAtOnce: a hundred of them wait for one another, and some
// of them at their senders.
func TestLargeSnapshotsAtOnce(t *testing.T) {
	cfg := testConfig(t)
	s := newServer(t, cfg, nil, nil, Options{})
	snapshot := compress(t, "gzip", []byte(largeSnapshot(0)))
	bodies := make([][]byte, 100)
	for seq := range bodies { // a header is a gzip member of its own
		bodies[seq] = append(compress(t, "gzip", []byte(headerLine("session-1", seq)+"\n")), snapshot...)
	}
	runtime.GC()
	before := liveHeap()
	most := before
	watched := make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-over:
				return
			case <-time.After(5 * time.Millisecond):
				most = max(most, liveHeap())
			}
		}
	}()
	handler := s.Handler()
	var all sync.WaitGroup
	for _, body := range bodies {
		all.Go(func() {
			for end := time.Now().Add(time.Minute); ; {
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
				<-time.After(20 * time.Millisecond)
			}
		})
	}
	all.Wait()
	close(over)
	<-watched
	// Half of the budget for bodies, and for each processor an upload, the
	// memory that it has grown out of, and one that is not collected yet.
	if grown, limit := most-before, uint64(bodiesLimit/2+runtime.GOMAXPROCS(0)*4*snapshotBytes); grown > limit {
		t.Errorf("%d MiB are live at once, limit %d", grown>>20, limit>>20)
	}
	if n := s.journal.Stats().Segments; n != len(bodies) {
		t.Errorf("%d segments are kept, want %d", n, len(bodies))
	}
}

// liveHeap returns what the last collection found to be in use.
func liveHeap() uint64 {
	s := []rtmetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	rtmetrics.Read(s)
	return s[0].Value.Uint64()
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
