package segment

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
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
