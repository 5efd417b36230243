package ingest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/buckettest"
)

// largePacks is a configuration whose packs do not fit into memory.
func largePacks(t *testing.T) Config {
	cfg := testConfig(t)
	cfg.Flush.PackAge, cfg.Flush.PackBytes = 10*time.Minute, 64<<20
	return cfg
}

// sendNoise sends segments of 8 KiB that do not compress well.
func sendNoise(t *testing.T, s *Server, o *oracle, from, to int) {
	t.Helper()
	for seq := from; seq < to; seq++ {
		noise := make([]byte, 4<<10)
		_, err := rand.Read(noise)
		must(t, err)
		events := clickLines("session-1", seq) + fmt.Sprintf(`{"type":3,"timestamp":1,"data":{"noise":"%x"}}`+"\n", noise)
		if w := serve(s, request(headerLine("session-1", seq)+"\n"+events)); w.Code != http.StatusAccepted {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		o.ack("session-1", seq, events)
	}
}

// putBytes is a bucket that notices when a key is put again with other bytes.
type putBytes struct {
	objectstore.Bucket
	mu     sync.Mutex
	seen   map[string][]byte
	differ bool
}

func (b *putBytes) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	b.mu.Lock()
	if b.seen == nil {
		b.seen = map[string][]byte{}
	}
	if before, again := b.seen[key]; again && !bytes.Equal(before, data) || int64(len(data)) != size {
		b.differ = true
	}
	b.seen[key] = data
	b.mu.Unlock()
	if _, err := r.(io.Seeker).Seek(0, io.SeekStart); err != nil {
		return err
	}
	return b.Bucket.Put(ctx, key, r, size)
}

func spooledFiles(t *testing.T, cfg Config) (n int) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(cfg.Journal.Dir, "frames"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return len(entries)
}

// TestAPackLargerThanMemory is one pack all the same, also when the store takes
// it only after some attempts.
func TestAPackLargerThanMemory(t *testing.T) {
	for name, fault := range map[string]buckettest.Fault{
		"at once":                 {},
		"after a refusal":         {Op: buckettest.Put, Times: 1},
		"after half of it":        {Op: buckettest.Put, Times: 2, When: buckettest.Middle},
		"after an answer is lost": {Op: buckettest.Put, Times: 1, When: buckettest.After},
	} {
		t.Run(name, func(t *testing.T) {
			st, o := newStores(t), newOracle()
			cfg := largePacks(t)
			bucket := &putBytes{Bucket: st.bucket}
			s := newServer(t, cfg, bucket, st.index, Options{after: soon})
			s.pipeline.limit = 1 << 20
			running(t, s)
			const segments = 300
			sendNoise(t, s, o, 0, segments)
			eventually(t, "everything is encoded", func() bool {
				s.pipeline.mu.Lock()
				defer s.pipeline.mu.Unlock()
				return s.pipeline.waiting == 0
			})
			if spooledFiles(t, cfg) == 0 {
				t.Error("nothing is in the spool")
			}
			if fault.Times > 0 {
				st.bucket.Fail(fault)
			}
			flush(t, s)
			o.check(t, st)
			onlyPack(t, st.bucket)
			if bucket.differ {
				t.Error("another attempt sent other bytes")
			}
			if n := spooledFiles(t, cfg); n != 0 {
				t.Errorf("%d files are left", n)
			}
			if held := s.pipeline.encodedBytes(); held != 0 {
				t.Errorf("%d encoded bytes are left", held)
			}
		})
	}
}

// TestACrashLeavesNothingInTheSpool: the journal has what was there.
func TestACrashLeavesNothingInTheSpool(t *testing.T) {
	for at, name := range steps {
		t.Run(name, func(t *testing.T) {
			st, o := newStores(t), newOracle()
			cfg := largePacks(t)
			s := newServer(t, cfg, st.bucket, st.index, Options{})
			s.pipeline.limit = 1 << 20
			sendNoise(t, s, o, 0, 60)
			crash(t, s, &at)
			left := filepath.Join(cfg.Journal.Dir, "frames")
			must(t, os.MkdirAll(left, 0o700))
			must(t, os.WriteFile(filepath.Join(left, "0"), []byte("of a process that was killed"), 0o600))

			s = newServer(t, cfg, st.bucket, st.index, Options{after: soon})
			if n := spooledFiles(t, cfg); n != 0 {
				t.Errorf("%d files of an earlier life", n)
			}
			running(t, s)
			flush(t, s)
			o.check(t, st)
		})
	}
}

// TestPacksAreSmallWhenTheDiskHasNoRoom: what is left of it is for segments.
func TestPacksAreSmallWhenTheDiskHasNoRoom(t *testing.T) {
	for name, c := range map[string]struct {
		maxBytes Bytes // of the journal
		noFolder bool
	}{
		"more than half of the journal's bound": {maxBytes: 2 << 20},
		"no file can be made":                   {maxBytes: 64 << 20, noFolder: true},
	} {
		t.Run(name, func(t *testing.T) {
			st, o := newStores(t), newOracle()
			cfg := largePacks(t)
			cfg.Journal.FileBytes, cfg.Journal.MaxBytes = 1<<20, c.maxBytes
			s := newServer(t, cfg, st.bucket, st.index, Options{after: soon})
			if c.noFolder {
				must(t, os.WriteFile(filepath.Join(cfg.Journal.Dir, "frames"), []byte("no folder"), 0o600))
			}
			s.pipeline.limit = 1 << 20
			running(t, s)
			sendNoise(t, s, o, 0, 150)
			flush(t, s)
			o.check(t, st)
		})
	}
}

func openSpool(t *testing.T, maxBytes int64, free func(string) (uint64, error)) (*spool, *journal.Journal) {
	t.Helper()
	dir := t.TempDir()
	j, _, err := journal.Open(journal.Options{Dir: dir, MaxBytes: maxBytes, FileBytes: 64 << 10, MaxSegments: 10, FreeBytes: free, Log: quiet()})
	must(t, err)
	t.Cleanup(func() { must(t, j.Close()) })
	return newSpool(filepath.Join(dir, "frames"), j, quiet()), j
}

func TestSpool(t *testing.T) {
	var free uint64 = 1 << 30
	s, j := openSpool(t, 64<<20, func(string) (uint64, error) { return free, nil })
	frame := func(seed int) []byte { return bytes.Repeat([]byte{byte(seed)}, 1<<20) }
	var kept []*spooled
	for i := range 20 { // two files
		e := &encoded{frame: frame(i), bytes: 1<<20 + 100}
		s.take(e)
		if e.spooled == nil || e.frame != nil || e.bytes != 100 {
			t.Fatalf("frame %d is not in the spool", i)
		}
		kept = append(kept, e.spooled)
	}
	files := func() int {
		entries, err := os.ReadDir(s.dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return len(entries)
	}
	var buf []byte
	for i, at := range kept {
		var err error
		if buf, err = at.read(buf); err != nil || !bytes.Equal(buf, frame(i)) {
			t.Errorf("frame %d is another one (%v)", i, err)
		}
	}
	rest := 12<<20 - j.Stats().Bytes // until half of the bound
	must(t, j.Borrow(rest))
	if err := j.Borrow(1); !errors.Is(err, journal.ErrFull) {
		t.Errorf("more than half of the journal is lent: %v", err)
	}
	full := &encoded{frame: frame(1), bytes: 1 << 20}
	if s.take(full); full.spooled != nil || full.frame == nil || full.bytes != 1<<20 {
		t.Error("a frame for which there is no room is not in memory")
	}
	j.GiveBack(rest)
	free = 100
	if s.take(full); full.spooled != nil {
		t.Error("a frame is written to a full disk")
	}
	free = 1 << 30

	if _, err := kept[3].file.WriteAt([]byte("x"), kept[3].offset); err != nil {
		t.Fatal(err)
	}
	if _, err := kept[3].read(nil); !errors.Is(err, errSpool) {
		t.Errorf("a damaged frame: %v", err)
	}
	s.release(kept[:15])
	if n := files(); n != 2 {
		t.Errorf("%d files while frames of two are needed", n)
	}
	s.release(kept[15:])
	if n := files(); n != 0 {
		t.Errorf("%d files when nothing is needed", n)
	}
	must(t, j.Borrow(20<<20+rest)) // all was given back
	j.GiveBack(20<<20 + rest)
}

func TestPackBody(t *testing.T) {
	s, _ := openSpool(t, 64<<20, nil)
	var body packBody
	var want []byte
	for i := range 9 {
		part := bytes.Repeat([]byte{byte('a' + i)}, 100+i)
		e := &encoded{frame: part}
		if i%3 > 0 { // two of three, side by side
			s.take(e)
		}
		if i > 0 {
			body.lies(e)
		}
		if n, err := body.Write(part); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
		want = append(want, part...)
	}
	if len(body.parts) != 6 || body.size != int64(len(want)) {
		t.Errorf("%d parts of %d bytes", len(body.parts), body.size)
	}
	if err := iotest.TestReader(io.NewSectionReader(&body, 0, body.size), want); err != nil {
		t.Error(err)
	}
	must(t, body.parts[1].in.(*spoolFile).Truncate(120))
	if _, err := io.ReadAll(io.NewSectionReader(&body, 0, body.size)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that lost its end: %v", err)
	}
}

// TestADamagedSpool costs time and no segment.
func TestADamagedSpool(t *testing.T) {
	st, o := newStores(t), newOracle()
	cfg := largePacks(t)
	s := newServer(t, cfg, st.bucket, st.index, Options{after: soon})
	s.pipeline.limit = 1 << 20
	running(t, s)
	sendNoise(t, s, o, 0, 100)
	eventually(t, "everything is encoded", func() bool {
		s.pipeline.mu.Lock()
		defer s.pipeline.mu.Unlock()
		return s.pipeline.waiting == 0
	})
	must(t, os.Truncate(filepath.Join(cfg.Journal.Dir, "frames", "0"), 100<<10))
	flush(t, s)
	o.check(t, st)
	if n := spooledFiles(t, cfg); n != 0 {
		t.Errorf("%d files are left", n)
	}
}
