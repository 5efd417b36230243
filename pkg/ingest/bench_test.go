package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

// corpusSegments cuts the recordings of the corpus into segments as the
// recorder does: at 256 KiB of events.
func corpusSegments(b *testing.B) (segments [][]byte) {
	b.Helper()
	dir := os.Getenv("PLAYHEAD_CORPUS")
	if dir == "" {
		dir = "../../../shared/corpus"
	}
	files, err := filepath.Glob(filepath.Join(dir, "sessions", "*.json"))
	if err != nil || len(files) == 0 {
		b.Skipf("no corpus in %s; $PLAYHEAD_CORPUS names another folder", dir)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		var events []json.RawMessage
		if err := json.Unmarshal(data, &events); err != nil {
			b.Fatal(err)
		}
		var segment bytes.Buffer
		for i, e := range events {
			if err := json.Compact(&segment, e); err != nil {
				b.Fatal(err)
			}
			segment.WriteByte('\n')
			if segment.Len() >= 256<<10 || i == len(events)-1 {
				segments = append(segments, bytes.Clone(segment.Bytes()))
				segment.Reset()
			}
		}
	}
	return segments
}

// BenchmarkAccept measures the acknowledging path: gzip body in, fsynced
// journal out. The raw MB/s of processor time is the figure of the design.
func BenchmarkAccept(b *testing.B) {
	segments := corpusSegments(b)
	bodies := make([]func(session int64) []byte, len(segments))
	for i, s := range segments {
		var rest bytes.Buffer
		// A header of its own in a member of its own: each upload is new, and
		// what is measured is not the compression of the sender.
		w, err := gzip.NewWriterLevel(&rest, 6)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Write(s); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		bodies[i] = func(session int64) []byte {
			header := compressStored(b, []byte(headerLine(fmt.Sprintf("session-%d", session), i)+"\n"))
			return append(header, rest.Bytes()...)
		}
	}
	cfg := testConfig(b)
	cfg.Journal.CommitInterval = 5 * time.Millisecond
	cfg.Journal.MaxBytes = 32 << 30
	s := newServer(b, cfg, nil, nil, Options{})
	handler := s.Handler()
	var sent, raw atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := sent.Add(1) - 1
			i := int(n) % len(bodies)
			r := request("")
			r.Header.Set("Content-Encoding", "gzip")
			r.Body = body{bytes.NewReader(bodies[i](n / int64(len(bodies))))}
			w := &discard{header: http.Header{}}
			handler.ServeHTTP(w, r)
			if w.status != http.StatusAccepted {
				b.Errorf("answer %d", w.status)
				return
			}
			raw.Add(int64(len(segments[i])))
		}
	})
	used := cpu(b) - before
	b.SetBytes(raw.Load() / int64(b.N))
	b.ReportMetric(float64(raw.Load())/1e6/used.Seconds(), "MB/cpu-s")
}

func compressStored(b *testing.B, content []byte) []byte {
	b.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.NoCompression)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type body struct{ *bytes.Reader }

func (body) Close() error { return nil }

// discard is a ResponseWriter that keeps the status only.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
