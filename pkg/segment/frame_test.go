package segment_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"weak"

	"github.com/klauspost/compress/zstd"

	"github.com/playhead/playhead/pkg/rrweb/rrwebtest"
	"github.com/playhead/playhead/pkg/segment"
)

// decodedLimit is the wire format's limit of a segment's events.
const decodedLimit = 16 << 20

func TestFrameRoundTrip(t *testing.T) {
	tests := map[string][]byte{
		"empty":        {},
		"one line":     []byte(`{"type":0,"timestamp":1}` + "\n"),
		"all the same": bytes.Repeat([]byte{'a'}, 1<<20),
		"several blocks": []byte(strings.Repeat(`{"type":3,"timestamp":1,"data":{"source":1}}`+"\n", 20_000) +
			strings.Repeat("x", 300_000)),
	}
	for name, ndjson := range tests {
		t.Run(name, func(t *testing.T) {
			frame := segment.Encode([]byte("before"), ndjson, segment.EncodeOptions{})
			frame, ok := bytes.CutPrefix(frame, []byte("before"))
			if !ok {
				t.Fatal("Encode does not append")
			}
			got, err := segment.Decode([]byte("before"), frame, len(ndjson), nil)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != "before"+string(ndjson) {
				t.Error("content differs")
			}
		})
	}
}

func TestEncodeIsDeterministicAndConcurrent(t *testing.T) {
	var inputs [][]byte
	for i := range 16 {
		inputs = append(inputs, []byte(strings.Repeat(`{"type":3,"timestamp":1,"data":{"source":1}}`+"\n", 1+i*500)))
	}
	var want [][]byte
	for _, in := range inputs {
		want = append(want, segment.Encode(nil, in, segment.EncodeOptions{}))
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for round := range 8 {
				i := (g*5 + round*3) % len(inputs)
				if !bytes.Equal(segment.Encode(nil, inputs[i], segment.EncodeOptions{}), want[i]) {
					t.Errorf("input %d: another frame the second time", i)
				}
				if _, err := segment.Decode(nil, want[i], len(inputs[i]), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestDecodeRefusesLargeContentBeforeAllocating(t *testing.T) {
	const size = 8 << 20
	bomb := segment.Encode(nil, make([]byte, size), segment.EncodeOptions{})
	for _, limit := range []int{size - 1, 0, -1} {
		if _, err := segment.Decode(nil, bomb, limit, nil); !errors.Is(err, segment.ErrTooLarge) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := segment.Decode(nil, bomb, size-1, nil); err == nil {
				b.Fatal("accepted")
			}
		}
	}).AllocedBytesPerOp()
	if allocated > 4096 {
		t.Errorf("%d bytes allocated to refuse a frame", allocated)
	}
}

// TestDecodeLetsGoOfLargeContent: what a server decoded once must not stay in
// its memory until it decodes something else.
func TestDecodeLetsGoOfLargeContent(t *testing.T) {
	large := []byte(strings.Repeat(`{"type":3,"timestamp":1,"data":{"source":1}}`+"\n", 50_000))
	for name, d := range map[string]*segment.Dictionary{"plain": nil, "with a dictionary": dictionaryOf(t, strings.Repeat(`"data":{"source":1}`, 100))} {
		t.Run(name, func(t *testing.T) {
			frame := segment.Encode(nil, large, segment.EncodeOptions{Dictionary: d})
			content, err := segment.Decode(nil, frame, len(large), d)
			if err != nil || !bytes.Equal(content, large) {
				t.Fatalf("%d bytes, %v", len(content), err)
			}
			held := weak.Make(&content[0])
			content = nil
			runtime.GC()
			if held.Value() != nil {
				t.Error("the content is still in memory")
			}
		})
	}
}

func TestDecodeRefusesWhatEncodeDoesNotWrite(t *testing.T) {
	content := []byte(strings.Repeat("0123456789", 1000))
	frame := segment.Encode(nil, content, segment.EncodeOptions{})
	skippable := append(binary.LittleEndian.AppendUint32([]byte{0x50, 0x2a, 0x4d, 0x18}, 4), "skip"...)

	tests := map[string][]byte{
		"nothing":               nil,
		"not zstd":              content,
		"two frames":            append(bytes.Clone(frame), frame...),
		"frame and rubbish":     append(bytes.Clone(frame), 0),
		"skippable frame":       skippable,
		"skippable frame first": append(bytes.Clone(skippable), frame...),
		"no checksum":           encodeWith(t, content, zstd.WithEncoderCRC(false)),
		"no content size":       streamed(t, content),
		"size is a lie":         lyingFrame(math.MaxUint64),
		"size is a small lie":   lyingFrame(1 << 20),
		"huge block":            append(frame[:8:8], 0xff, 0xff, 0xff),
	}
	for name, frame := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := segment.Decode(nil, frame, decodedLimit, nil); !errors.Is(err, segment.ErrCorrupt) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDecodeNoticesEveryFlippedBitAndTornEnd(t *testing.T) {
	content := []byte(strings.Repeat(`{"type":3,"data":{"source":1}}`, 20) + "tail")
	frame := segment.Encode(nil, content, segment.EncodeOptions{})
	for i := range len(frame) * 8 {
		damaged := bytes.Clone(frame)
		damaged[i/8] ^= 1 << (i % 8)
		got, err := segment.Decode(nil, damaged, decodedLimit, nil)
		if err == nil && !bytes.Equal(got, content) {
			t.Errorf("bit %d: other content accepted", i)
		}
	}
	for n := range len(frame) {
		if _, err := segment.Decode(nil, frame[:n], decodedLimit, nil); !errors.Is(err, segment.ErrCorrupt) {
			t.Errorf("first %d bytes: %v", n, err)
		}
	}
}

func encodeWith(t *testing.T, content []byte, options ...zstd.EOption) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll(content, nil)
}

func streamed(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	e, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := e.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lyingFrame says that its one RLE block of ten bytes holds size bytes.
func lyingFrame(size uint64) []byte {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xc4, 0x50} // content size in 8 bytes, checksum, window 1 MiB
	frame = binary.LittleEndian.AppendUint64(frame, size)
	frame = append(frame, 10<<3|1<<1|1, 0, 0, 'a')
	return append(frame, 0, 0, 0, 0)
}

func FuzzDecode(f *testing.F) {
	f.Add(segment.Encode(nil, []byte(`{"type":0,"timestamp":1}`), segment.EncodeOptions{}))
	f.Add(segment.Encode(nil, bytes.Repeat([]byte("abcdefgh"), 100), segment.EncodeOptions{}))
	f.Add(lyingFrame(1 << 40))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, frame []byte) {
		const limit = 1 << 20
		got, err := segment.Decode(nil, frame, limit, nil)
		if err != nil {
			if !errors.Is(err, segment.ErrCorrupt) && !errors.Is(err, segment.ErrTooLarge) && !errors.Is(err, segment.ErrDictionary) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		if len(got) > limit {
			t.Fatalf("%d bytes, limit %d", len(got), limit)
		}
		again, err := segment.Decode(nil, segment.Encode(nil, got, segment.EncodeOptions{}), len(got), nil)
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("content does not survive: %v", err)
		}
	})
}

// ways are those of making a frame. The dictionary is the end of the corpus
// itself, as good as one can be: what one gains is measured in pkg/dictionary.
func ways(tb testing.TB, cut [][]byte) map[string]segment.EncodeOptions {
	all := bytes.Join(cut, nil)
	return map[string]segment.EncodeOptions{
		"better":           {},
		"fast":             {Fast: true},
		"dictionary":       {Dictionary: dictionaryOf(tb, string(all[len(all)-256<<10:]))},
		"dictionary, fast": {Dictionary: dictionaryOf(tb, string(all[len(all)-256<<10:])), Fast: true},
	}
}

// segments cuts the corpus as a recorder does.
func segments(tb testing.TB) (cut [][]byte, size int64) {
	for _, r := range rrwebtest.Corpus(tb) {
		cut = append(cut, r.Segments(tb)...)
	}
	for _, c := range cut {
		size += int64(len(c))
	}
	return cut, size
}

// TestCorpusBytes prints, with -v, what the segments of the corpus take.
func TestCorpusBytes(t *testing.T) {
	cut, size := segments(t)
	ways := ways(t, cut)
	for _, name := range []string{"better", "fast"} {
		var stored int64
		for _, ndjson := range cut {
			stored += int64(len(segment.Encode(nil, ndjson, ways[name])))
		}
		t.Logf("%s: %d segments, %d bytes in %d, %.2fx", name, len(cut), size, stored, float64(size)/float64(stored))
		if stored*4 > size {
			t.Errorf("%s: segments shrink less than four times", name)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	cut, size := segments(b)
	for name, options := range ways(b, cut) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			var frame []byte
			var stored int64
			for b.Loop() {
				stored = 0
				for _, ndjson := range cut {
					frame = segment.Encode(frame[:0], ndjson, options)
					stored += int64(len(frame))
				}
			}
			b.ReportMetric(float64(size)/float64(stored), "ratio")
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	cut, size := segments(b)
	for name, options := range ways(b, cut) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			var frames [][]byte
			for _, ndjson := range cut {
				frames = append(frames, segment.Encode(nil, ndjson, options))
			}
			var out []byte
			for b.Loop() {
				for _, frame := range frames {
					var err error
					if out, err = segment.Decode(out[:0], frame, decodedLimit, options.Dictionary); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
