package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
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

// BenchmarkAcknowledge measures the acknowledging path: gzip body in, fsynced
// journal out. MB/cpu-s are raw MB for each second of processor time.
func BenchmarkAcknowledge(b *testing.B) { measure(b, false) }

// BenchmarkStore measures the whole way through ingest: the stores take
// everything and cost nothing.
func BenchmarkStore(b *testing.B) { measure(b, true) }

func measure(b *testing.B, store bool) {
	segments := corpusSegments(b)
	bodies := make([][]byte, len(segments))
	for i, s := range segments {
		bodies[i] = compress(b, "gzip", s)
	}
	cfg := testConfig(b)
	cfg.Journal.CommitInterval = 5 * time.Millisecond
	cfg.Journal.MaxBytes = 32 << 30
	s := newServer(b, cfg, nowhere{}, nowhere{}, Options{})
	if store {
		running(b, s)
	} else {
		s.waitingRaw.limit = 0 // nobody takes it
	}
	handler := s.Handler()
	var sent, raw atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	runtime.GC()
	b.ResetTimer()
	before := cpu(b)
	b.RunParallel(func(pb *testing.PB) {
		var upload []byte
		for pb.Next() {
			n := int(sent.Add(1) - 1)
			i := n % len(bodies)
			// A header of its own in a member of its own: each upload is new,
			// and what is measured is not the compression of the sender.
			header := fmt.Appendf(nil, `{"v":1,"session_id":"session-%d","window_id":"window-1","page_id":"page-0001","seq":%d,"sent_at":%d,"page":{"url":"https://shop.example.com/%d"}}`+"\n",
				n/len(bodies), i, time.Now().UnixMilli(), i)
			upload = append(appendStored(upload[:0], header), bodies[i]...)
			r := request("")
			r.Header.Set("Content-Encoding", "gzip")
			r.Body, r.ContentLength = body{bytes.NewReader(upload)}, int64(len(upload))
			w := &discard{header: http.Header{}}
			handler.ServeHTTP(w, r)
			if w.status != http.StatusAccepted {
				b.Errorf("answer %d", w.status)
				return
			}
			raw.Add(int64(len(segments[i])))
		}
	})
	if store {
		if err := s.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	used := cpu(b) - before
	b.SetBytes(raw.Load() / int64(b.N))
	b.ReportMetric(float64(raw.Load())/1e6/used.Seconds(), "MB/cpu-s")
}

// appendStored adds content as a gzip member that is not compressed (RFC 1951,
// section 3.2.4; RFC 1952).
func appendStored(dst, content []byte) []byte {
	dst = append(dst, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(content)))
	dst = binary.LittleEndian.AppendUint16(dst, ^uint16(len(content)))
	dst = append(dst, content...)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.ChecksumIEEE(content))
	return binary.LittleEndian.AppendUint32(dst, uint32(len(content)))
}

// nowhere is a bucket and an index that take what they are given. They have
// nothing.
type nowhere struct {
	objectstore.Bucket
	index.Index
}

func (nowhere) Put(context.Context, string, io.Reader, int64) error { return nil }
func (nowhere) Get(context.Context, string, int64, int64) (io.ReadCloser, error) {
	return nil, objectstore.ErrNotFound
}
func (nowhere) List(context.Context, string, func(objectstore.Object) error) error { return nil }
func (nowhere) Write(context.Context, ...index.Batch) error                        { return nil }
func (nowhere) Segments(context.Context, recording.ProjectID, recording.SessionID) ([]recording.StoredSegment, error) {
	return nil, index.ErrNotFound
}
func (nowhere) Moments(context.Context, index.MomentQuery) ([]recording.Moment, error) {
	return nil, nil
}
func (nowhere) Stored(context.Context, recording.ProjectID, map[recording.SessionID]uint32) (map[recording.SegmentID]struct{}, error) {
	return nil, nil
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
