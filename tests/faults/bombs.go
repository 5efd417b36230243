//go:build unix

package faults

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/klauspost/compress/zstd"
)

// hostile is a request that must be refused.
type hostile struct {
	name     string
	encoding string
	body     func() io.Reader
	declared int64 // Content-Length; -1: chunked
	statuses []int // that are right
}

// bombSize is what the bombs become.
const bombSize = 1 << 30

func bombs(seed *tape, s *sender) ([]hostile, error) {
	head, err := s.head(seed.cut())
	if err != nil {
		return nil, err
	}
	zeros := make([]byte, 1<<20)
	gz, err := gzipOf(head)
	if err != nil {
		return nil, err
	}
	member, err := gzipOf(zeros)
	if err != nil {
		return nil, err
	}
	gz = append(gz, bytes.Repeat(member, bombSize>>20)...)
	twice, err := gzipOf(gz)
	if err != nil {
		return nil, err
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		return nil, err
	}
	frames := append(encoder.EncodeAll(head, nil), bytes.Repeat(encoder.EncodeAll(zeros, nil), bombSize>>20)...)
	tooLarge, unsupported := []int{413}, []int{415}
	whole := func(b []byte) func() io.Reader { return func() io.Reader { return bytes.NewReader(b) } }
	endless := func() io.Reader { return io.LimitReader(endlessZeros{}, bombSize) }
	return []hostile{
		{"gzip", "gzip", whole(gz), int64(len(gz)), tooLarge},
		{"zstd", "zstd", whole(frames), int64(len(frames)), tooLarge},
		{"zstd_window", "zstd", whole(hugeWindow()), int64(len(hugeWindow())), tooLarge},
		{"identity", "identity", endless, bombSize, tooLarge},
		{"identity_chunked", "identity", endless, -1, tooLarge},
		{"gzip_in_gzip", "gzip", whole(twice), int64(len(twice)), tooLarge},
		{"gzip_gzip", "gzip, gzip", whole(twice), int64(len(twice)), unsupported},
		{"br", "br", whole(gz), int64(len(gz)), unsupported},
		{"deflate", "deflate", whole(gz), int64(len(gz)), unsupported},
	}, nil
}

type endlessZeros struct{}

// Read gives zeros.
func (endlessZeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func gzipOf(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// hugeWindow is a zstd frame (RFC 8878) that asks for the largest window there
// is and repeats one byte for a GiB.
func hugeWindow() []byte {
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 31<<3 | 7}
	const block = 128 << 10
	for range bombSize / block {
		head := uint32(block)<<3 | 1<<1 // run of one byte, not the last block
		b = append(b, byte(head), byte(head>>8), byte(head>>16), 'x')
	}
	return b
}

// post sends a hostile request and returns the status; 0 when the server ended
// the connection.
func (h *hostile) post(ctx context.Context, client *http.Client, base, key string) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/segments", h.body())
	if err != nil {
		return 0, nil, err
	}
	r.ContentLength = h.declared
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set("Content-Encoding", h.encoding)
	// As any careful client does with a large body.
	r.Header.Set("Expect", "100-continue")
	out, body := exchange(client, r)
	return out.status, body, nil
}

// loner is a client whose connections nobody shares.
func loner() *http.Client {
	return &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 2 * time.Second}}
}

// memoryGrowth runs do and returns by how much the resident memory grew at
// most, and what processor time the server used.
func (t *trial) memoryGrowth(srv *server, do func() error) (growth float64, cpu time.Duration, err error) {
	if err := srv.forgetPeak(); err != nil {
		return 0, 0, err
	}
	before, _, err := srv.memory()
	if err != nil {
		return 0, 0, err
	}
	started, err := srv.cpu()
	if err != nil {
		return 0, 0, err
	}
	if err := do(); err != nil {
		return 0, 0, err
	}
	_, peak, err := srv.memory()
	if err != nil {
		return 0, 0, err
	}
	ended, err := srv.cpu()
	return peak - before, ended - started, err
}

// warmUp gives a server its working memory: buffers, connections, the stacks
// of its goroutines.
func (t *trial) warmUp(s *sender) error {
	f := t.begin(s, load{rate: 300, workers: 16, length: 50, name: "warm", shape: func(t *tape) { t.text = 2000 }})
	err := pause(t.ctx, t.pickTime(3*time.Second, time.Second))
	return errors.Join(err, f.end())
}

// heapInUse is what a server's heap takes, with what is not collected yet.
const heapInUse = "go_memstats_heap_inuse_bytes"

// bombed is row 15: bodies of a MiB and less that become a GiB, each alone and a
// hundred at once, while somebody else sends.
func bombed(t *trial) error {
	v, err := t.openVault()
	if err != nil {
		return err
	}
	srv, err := t.serve("ingest", t.settings(v, "ingest"))
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	all, err := bombs(newTape(t.rng.Uint64(), "bomb"), s)
	if err != nil {
		return err
	}
	if err := t.warmUp(s); err != nil {
		return err
	}
	client := loner()
	wrong, dearest := 0, time.Duration(0)
	for _, h := range all {
		started, err := srv.cpu()
		if err != nil {
			return err
		}
		status, body, err := h.post(t.ctx, client, srv.url(), mainKey)
		if err != nil {
			return err
		}
		ended, err := srv.cpu()
		if err != nil {
			return err
		}
		t.note("%s: %d after %s of processor", h.name, status, ended-started)
		dearest = max(dearest, ended-started)
		if !contains(h.statuses, status) {
			wrong++
			t.note("%s is answered %d: %.200s", h.name, status, body)
		}
	}
	const parallel = 100
	f := t.begin(s, nominal(50, "beside"))
	heapBefore, _, err := srv.metric(heapInUse)
	if err != nil {
		return err
	}
	var heap float64
	growth, cpu, err := t.memoryGrowth(srv, func() (err error) {
		heap, err = t.watch(srv, heapInUse, func() error { return throw(t.ctx, client, srv, all, parallel) })
		return err
	})
	if err = errors.Join(err, f.end()); err != nil {
		return err
	}
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("wrong_answers", float64(wrong))
	t.figure("memory_growth_mb", growth/1e6)
	t.figure("heap_growth_mb", (heap-heapBefore)/1e6)
	t.figure("cpu_ms_alone_max", milliseconds(dearest))
	t.figure("cpu_ms_each", milliseconds(cpu)/parallel)
	t.judge(result)
	t.expect(wrong == 0, "%d bombs are answered wrongly", wrong)
	t.expect(heap-heapBefore < 64<<20, "the heap grew by %.0f MB", (heap-heapBefore)/1e6)
	t.expect(dearest < 200*time.Millisecond && cpu/parallel < 200*time.Millisecond, "a bomb costs %s alone and %s beside others", dearest, cpu/parallel)
	t.expect(onlyStatuses(&f.tally, 202), "others are answered %v meanwhile", f.statuses)
	return nil
}

func contains(list []int, n int) bool {
	for _, x := range list {
		if x == n {
			return true
		}
	}
	return false
}

// throw sends n hostile requests at once.
func throw(ctx context.Context, client *http.Client, srv *server, all []hostile, n int) error {
	errs := make(chan error, n)
	for i := range n {
		go func() {
			_, _, err := all[i%len(all)].post(ctx, client, srv.url(), mainKey)
			errs <- err
		}()
	}
	var err error
	for range n {
		err = errors.Join(err, <-errs)
	}
	return err
}
