package gunzip

import (
	"bytes"
	stdgzip "compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// contents are of many kinds: each makes a compressor choose other codes.
func contents() map[string][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 300<<10)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	var json []byte
	for i := range 20_000 {
		json = fmt.Appendf(json, `{"type":3,"timestamp":%d,"data":{"source":%d,"text":"%x"}}`+"\n", 1763791872000+i, i%17, random.Uint64()>>(i%60))
	}
	skewed := make([]byte, 200<<10) // codes of all lengths
	for i := range skewed {
		b := byte(0)
		for random.Uint32()&1 == 0 && b < 40 {
			b++
		}
		skewed[i] = b * 5
	}
	all := map[string][]byte{
		"nothing": {}, "one byte": {7}, "text": []byte("text"), "noise": noise, "json": json, "skewed": skewed,
		"zeros": make([]byte, 1<<20), "short period": bytes.Repeat([]byte("abcde"), 50_000), "long period": bytes.Repeat(noise[:30_000], 9),
	}
	return all
}

// compressed returns a content as several compressors and levels write it.
func compressed(t testing.TB, content []byte) (bodies [][]byte) {
	t.Helper()
	for level := gzip.StatelessCompression; level <= gzip.BestCompression; level++ {
		var out bytes.Buffer
		w, err := gzip.NewWriterLevel(&out, level)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, closed(t, w, &out, content))
	}
	for level := stdgzip.HuffmanOnly; level <= stdgzip.BestCompression; level++ {
		var out bytes.Buffer
		w, err := stdgzip.NewWriterLevel(&out, level)
		if err != nil {
			t.Fatal(err)
		}
		w.Name, w.Comment, w.Extra = "name", "comment", []byte("extra")
		bodies = append(bodies, closed(t, w, &out, content))
	}
	return bodies
}

func closed(t testing.TB, w io.WriteCloser, out *bytes.Buffer, content []byte) []byte {
	t.Helper()
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAppend(t *testing.T) {
	for name, content := range contents() {
		for i, body := range compressed(t, content) {
			for _, dst := range [][]byte{nil, []byte("before"), make([]byte, 3, 2<<20)} {
				got, err := Append(dst, body, len(content))
				if err != nil || !bytes.Equal(got[len(dst):], content) || !bytes.Equal(got[:len(dst)], dst) {
					t.Errorf("%s, compressor %d: %d bytes, error %v", name, i, len(got), err)
				}
			}
			if len(content) == 0 {
				continue
			}
			got, err := Append(nil, body, len(content)-1)
			if !errors.Is(err, ErrTooLarge) || len(got) > len(content)-1 {
				t.Errorf("%s, compressor %d, one byte too few: %d bytes, error %v", name, i, len(got), err)
			}
		}
	}
}

func TestMembersFollowOneAnother(t *testing.T) {
	c := contents()
	body := append(append(bytes.Clone(compressed(t, c["json"])[5]), compressed(t, c["nothing"])[5]...), compressed(t, c["text"])[1]...)
	want := append(bytes.Clone(c["json"]), c["text"]...)
	if got, err := Append(nil, body, len(want)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, error %v", len(got), err)
	}
	if _, err := Append(nil, append(body, 0), len(want)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("garbage at the end: error %v", err)
	}
}

// TestBodiesThatGrowManyTimes: one that is within the limit comes out whole, one
// that is not takes next to no memory.
func TestBodiesThatGrowManyTimes(t *testing.T) {
	content := append(bytes.Repeat([]byte{'x'}, 3<<19), bytes.Repeat([]byte("0123456789abcdef"), 1<<14)...)
	noise := make([]byte, 100_000)                 // is not compressed, across the point at which a body is measured
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise) // it never fails
	copy(content[measureFrom-1000:], noise)
	for i, body := range compressed(t, content) {
		for _, members := range []int{1, 3} {
			body, want := bytes.Repeat(body, members), bytes.Repeat(content, members)
			got, err := Append([]byte("before"), body, len(want))
			if err != nil || !bytes.Equal(got, append([]byte("before"), want...)) {
				t.Errorf("compressor %d, %d members: %d bytes, error %v", i, members, len(got), err)
			}
			if cap(got) > 2*len(want)+measureBytes {
				t.Errorf("compressor %d, %d members: %d bytes of memory", i, members, cap(got))
			}
			if _, err := Append(nil, body, len(want)-1); !errors.Is(err, ErrTooLarge) {
				t.Errorf("compressor %d, %d members, one byte too few: error %v", i, members, err)
			}
			if _, err := Append(nil, body[:len(body)-1], len(want)); !errors.Is(err, ErrCorrupt) {
				t.Errorf("compressor %d, %d members, torn: error %v", i, members, err)
			}
		}
	}
	member := compressed(t, make([]byte, 1<<20))[9]
	bomb := bytes.Repeat(member, 64)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Append(nil, bomb, 32<<20); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a bomb: error %v", err)
	}
	runtime.ReadMemStats(&after)
	taken := after.TotalAlloc - before.TotalAlloc
	if taken > 5<<20 {
		t.Errorf("a bomb takes %d bytes", taken)
	}
}

// TestTornBodies: every beginning of a body is refused.
func TestTornBodies(t *testing.T) {
	content := contents()["json"][:3000]
	for i, body := range compressed(t, content) {
		for n := range body {
			if _, err := Append(nil, body[:n], 1<<20); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("compressor %d, %d of %d bytes: error %v", i, n, len(body), err)
			}
		}
	}
}

// FuzzAppend compares with the standard library: what one takes, both take,
// and they take it for the same.
func FuzzAppend(f *testing.F) {
	for _, content := range contents() {
		content = content[:min(len(content), 2000)]
		for i, body := range compressed(f, content) {
			if i%5 == 0 {
				f.Add(body)
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		const most = 1 << 20
		got, err := Append(nil, body, most)
		if len(got) > most || cap(got) > 2*most {
			t.Fatalf("%d bytes in memory of %d", len(got), cap(got))
		}
		var want []byte
		r, wantErr := stdgzip.NewReader(bytes.NewReader(body))
		if wantErr == nil {
			want, wantErr = io.ReadAll(io.LimitReader(r, most+1))
		}
		switch {
		case len(want) > most:
			if err == nil {
				t.Errorf("%d bytes are taken, limit %d", len(got), most)
			}
		case (err == nil) != (wantErr == nil):
			t.Errorf("error %v, the standard library's is %v", err, wantErr)
		case err == nil && !bytes.Equal(got, want):
			t.Errorf("%d bytes differ from the standard library's %d", len(got), len(want))
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	dir := os.Getenv("PLAYHEAD_CORPUS")
	if dir == "" {
		dir = "../../../../../shared/corpus"
	}
	files, err := filepath.Glob(filepath.Join(dir, "sessions", "*.json"))
	if err != nil || len(files) == 0 {
		b.Skipf("no corpus in %s; $PLAYHEAD_CORPUS names another folder", dir)
	}
	var bodies [][]byte
	size := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		for len(data) > 0 {
			n := min(len(data), 256<<10)
			var out bytes.Buffer
			w, err := gzip.NewWriterLevel(&out, 6)
			if err != nil {
				b.Fatal(err)
			}
			bodies = append(bodies, closed(b, w, &out, data[:n]))
			data, size = data[n:], size+n
		}
	}
	b.Run("here", func(b *testing.B) {
		b.SetBytes(int64(size))
		var out []byte
		for b.Loop() {
			for _, body := range bodies {
				if out, err = Append(out[:0], body, 1<<20); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("stream", func(b *testing.B) {
		b.SetBytes(int64(size))
		out := make([]byte, 1<<20)
		var z gzip.Reader
		for b.Loop() {
			for _, body := range bodies {
				if err := z.Reset(bytes.NewReader(body)); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(&z, out); !errors.Is(err, io.ErrUnexpectedEOF) {
					b.Fatal(err)
				}
			}
		}
	})
}

// A large body whose beginning says little about its size takes its own size
// and, for a moment, what it seemed to be; it is not moved from one place to a
// larger one again and again.
func TestMemoryOfALargeBody(t *testing.T) {
	content := bytes.Repeat([]byte("a"), 64<<10)
	random := rand.New(rand.NewPCG(1, 2))
	for len(content) < 12<<20 {
		content = fmt.Appendf(content, `"k%d":%d,`, len(content), random.Uint32())
	}
	var to bytes.Buffer
	body := closed(t, gzip.NewWriter(&to), &to, content)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out, err := Append(nil, body, 16<<20)
	runtime.ReadMemStats(&after)
	if err != nil || !bytes.Equal(out, content) {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
	if cap(out) > len(content)+64<<10 {
		t.Errorf("a buffer of %d bytes for %d", cap(out), len(content))
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > uint64(2*len(content)) {
		t.Errorf("%d bytes were allocated for %d", took, len(content))
	}
}
