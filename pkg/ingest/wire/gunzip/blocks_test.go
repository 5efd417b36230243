package gunzip

import (
	"bytes"
	stdgzip "compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"testing"
	"time"
)

// bitWriter writes a deflate stream bit by bit.
type bitWriter struct {
	out  []byte
	bits uint64
	n    uint
}

func (w *bitWriter) put(value uint64, n uint) {
	w.bits |= value << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.bits))
		w.bits >>= 8
	}
}

// member makes a gzip member of a stream that decompresses to nothing.
func (w *bitWriter) member() []byte {
	w.put(0, 7)
	b := append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}, w.out...)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(nil))
	return binary.LittleEndian.AppendUint32(b, 0)
}

func isLast(i, n int) uint64 {
	if i == n-1 {
		return 1
	}
	return 0
}

// emptyFixed is n blocks of ten bits.
func emptyFixed(n int) []byte {
	w := &bitWriter{}
	for i := range n {
		w.put(isLast(i, n), 1)
		w.put(1, 2)
		w.put(0, 7)
	}
	return w.member()
}

// emptyDynamic is n blocks of nothing but a code for their end.
func emptyDynamic(n int) []byte {
	w := &bitWriter{}
	for i := range n {
		w.put(isLast(i, n), 1)
		w.put(2, 2)
		w.put(0, 5) // 257 literals, one distance, 18 lengths
		w.put(0, 5)
		w.put(18-4, 4)
		for _, symbol := range lengthsOrder[:18] {
			w.put(map[uint8]uint64{18: 1, 0: 2, 1: 2}[symbol], 3)
		}
		w.put(0, 1) // 138 and 118 zeros
		w.put(138-11, 7)
		w.put(0, 1)
		w.put(118-11, 7)
		w.put(3, 2) // the end, and one distance, of one bit each
		w.put(3, 2)
		w.put(0, 1)
	}
	return w.member()
}

// TestBlocksOfNothing: what is in a body bounds what its blocks cost.
func TestBlocksOfNothing(t *testing.T) {
	for name, test := range map[string]struct {
		body []byte
		want error
	}{
		"fixed":          {emptyFixed(4_000_000), nil},
		"some dynamic":   {emptyDynamic(dynamicFree), nil},
		"dynamic":        {emptyDynamic(200_000), ErrCorrupt},
		"members":        {bytes.Repeat(emptyFixed(1), 200_000), nil},
		"dynamic, apart": {bytes.Repeat(emptyDynamic(100), 2000), ErrCorrupt},
	} {
		start := time.Now()
		got, err := Append(nil, test.body, 1<<20)
		if len(got) > 0 || !errors.Is(err, test.want) {
			t.Errorf("%s: %d bytes, error %v, want %v", name, len(got), err, test.want)
		}
		// With tables for each block it takes ten seconds.
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%s: %d bytes take %s", name, len(test.body), took)
		}
	}
	if r, err := stdgzip.NewReader(bytes.NewReader(emptyDynamic(3))); err != nil {
		t.Error(err)
	} else if n, err := io.Copy(io.Discard, r); n != 0 || err != nil {
		t.Errorf("the standard library reads %d bytes, %v", n, err)
	}
}

// TestFlushes: who flushes after each event makes a block of each.
func TestFlushes(t *testing.T) {
	for level := 1; level <= 9; level++ {
		var body, want bytes.Buffer
		w, err := stdgzip.NewWriterLevel(&body, level)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5000 {
			event := fmt.Sprintf(`{"type":3,"timestamp":%d,"data":{"source":1,"positions":[{"x":%d,"y":%d,"id":%d,"timeOffset":0}]}}`+"\n", 1763791872123+i*i, i*31%1280, i*17%720, i*7%100)
			want.WriteString(event)
			if _, err := w.Write([]byte(event)); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := Append(nil, body.Bytes(), want.Len())
		if err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("level %d: %d bytes, error %v", level, len(got), err)
		}
	}
}
