package moments_test

import (
	"runtime"
	"testing"

	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb/rrwebtest"
)

// TestSize compares what windows say that they hold with the heap: the number
// of windows that a server keeps depends on it.
func TestSize(t *testing.T) {
	const least, most = 0.75, 1.25
	var recordings [][]byte
	for _, r := range rrwebtest.Corpus(t) {
		if ndjson := r.NDJSON(); len(ndjson) > 100_000 {
			recordings = append(recordings, ndjson)
		}
	}
	styles := moments.NewStyles()
	follow := func() (windows []*moments.Window, heap, size int64) {
		before := heapBytes()
		for _, ndjson := range recordings {
			w := moments.NewWindow(moments.WindowOptions{Styles: styles})
			w.Apply(&recording.Segment{}, ndjson)
			windows = append(windows, w)
		}
		heap = heapBytes() - before
		for _, w := range windows {
			size += int64(w.Size())
		}
		return windows, heap, size
	}
	first, _, _ := follow()
	shared := styles.Size()
	further, heap, size := follow()
	if styles.Size() != shared {
		t.Errorf("windows of known sites made the style sheets grow from %d to %d bytes", shared, styles.Size())
	}
	if share := float64(size) / float64(heap); share < least || share > most {
		t.Errorf("%d windows say that they hold %d bytes, and hold %d", len(further), size, heap)
	}
	runtime.KeepAlive(first)
	runtime.KeepAlive(further)
	runtime.KeepAlive(recordings)
}

func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
