package segment

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// TestEncodersStay: an encoder that is used again and again is not made anew
// because garbage was collected meanwhile, and none stays that nobody uses.
func TestEncodersStay(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	ndjson := []byte(`{"type":0,"timestamp":1}` + "\n")
	Encode(nil, ndjson, EncodeOptions{})
	for range 3 { // what only a sync.Pool has is gone after two
		runtime.GC()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	Encode(nil, ndjson, EncodeOptions{})
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; made > 1<<20 {
		t.Errorf("%d bytes were allocated for another frame", made)
	}

	betterEncoder.kept.expire(time.Now().Add(-time.Minute))
	if len(betterEncoder.kept.idle) != 1 {
		t.Errorf("%d encoders are kept of one that was used within a minute", len(betterEncoder.kept.idle))
	}
	kept := &betterEncoder.kept.idle[0]
	kept.since = kept.since.Add(-2 * idleEncoder)
	Encode(nil, ndjson, EncodeOptions{Fast: true})
	if len(betterEncoder.kept.idle) != 0 {
		t.Error("an encoder that nobody used is kept, while others make frames")
	}
}

// TestOneEncoderForManyDictionaries: frames with one dictionary and then another
// are those that an encoder of each one's own makes, and no tables are made for
// them.
func TestOneEncoderForManyDictionaries(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var dictionaries []*Dictionary
	for n := range 3 {
		var content []byte
		for i := range 4000 {
			content = fmt.Appendf(content, `{"type":3,"id":%d,"textContent":"%x"}`+"\n", i, (i+7)*(n+1)*7919)
		}
		d, err := NewBase(nil, content)
		if err != nil {
			t.Fatal(err)
		}
		dictionaries = append(dictionaries, d)
	}
	inputs := [][]byte{
		[]byte("{}\n"),
		dictionaries[1].content[1000:3000],
		bytes.Repeat(dictionaries[2].content[5000:9000], 30),
		bytes.Repeat([]byte("0123456789abcdef"), maxBlockBytes/16)[1:],
		bytes.Repeat([]byte("0123456789abcdef"), maxBlockBytes/16),
	}
	for _, ndjson := range inputs {
		for _, n := range []int{0, 0, 1, 2, 0} {
			d := dictionaries[n]
			frame := Encode([]byte("before"), ndjson, EncodeOptions{Dictionary: d})
			want := encoderAt(zstd.SpeedBetterCompression)(d).EncodeAll(ndjson, []byte("before"))
			if !bytes.Equal(frame, want) {
				t.Errorf("%d bytes with dictionary %d: a frame of %d bytes, want %d", len(ndjson), n, len(frame), len(want))
			}
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for n := range 30 {
		Encode(nil, inputs[1], EncodeOptions{Dictionary: dictionaries[n%3]})
	}
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; made > 4<<20 {
		t.Errorf("%d bytes were allocated for 30 frames", made)
	}

	betterWith.since = betterWith.since.Add(-2 * idleEncoder)
	Encode(nil, inputs[0], EncodeOptions{Fast: true})
	if betterWith.use != nil {
		t.Error("an encoder that nobody used is kept, while others make frames")
	}
}
