// Command document measures what following windows costs: the document engine
// and all detectors of pkg/moments over the corpus, cut into segments as the
// recorder cuts them, on one thread.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/tests/bench/rig"
	"github.com/playhead/playhead/tests/traffic"
)

var minimum = flag.Duration("for", 10*time.Second, "processor time to measure for, at least")

func main() { rig.Main("document", measure) }

func measure(ctx context.Context, _ string) error {
	recordings, err := rig.Recordings(time.Now())
	if err != nil {
		return err
	}
	speed, err := speed(ctx, recordings)
	if err != nil {
		return err
	}
	return rig.Write(os.Stdout, append(memory(recordings), speed)...)
}

// speed follows all recordings again and again.
func speed(ctx context.Context, recordings []*traffic.Recording) (rig.Result, error) {
	bytes, spent, styles := 0, time.Duration(0), moments.NewStyles()
	start, err := rig.CPU(os.Getpid())
	if err != nil {
		return rig.Result{}, err
	}
	for spent < *minimum {
		for _, r := range recordings {
			if err := ctx.Err(); err != nil {
				return rig.Result{}, err
			}
			w, n := follow(r, styles)
			w.Finish()
			bytes += n
		}
		now, err := rig.CPU(os.Getpid())
		if err != nil {
			return rig.Result{}, err
		}
		spent = now - start
	}
	return rig.Result{
		Name: "document.mb_per_cpu_s", Value: float64(bytes) / 1e6 / spent.Seconds(), Unit: "MB/s",
		Method: "raw events through moments.Window (document, detectors, seen text), a window for each recording, style sheets shared as in ingest, processor time of the process, garbage collection included",
	}, nil
}

// follow applies a recording to a window of its own.
func follow(r *traffic.Recording, styles *moments.Styles) (w *moments.Window, bytes int) {
	w = moments.NewWindow(moments.WindowOptions{Styles: styles})
	for i := range r.Segments {
		ndjson := r.Segments[i].NDJSON
		s := recording.Segment{SegmentID: recording.SegmentID{Seq: uint32(i)}, Page: recording.PageID(strconv.Itoa(r.Segments[i].Page))}
		w.Apply(&s, ndjson)
		bytes += len(ndjson)
	}
	return w, bytes
}

// memory holds two windows of every recording as they are after the last
// segment: what the second of them adds is what a window costs where others of
// the same site are followed already.
func memory(recordings []*traffic.Recording) []rig.Result {
	// The events themselves stay until the end: they must not count as freed.
	styles, n := moments.NewStyles(), len(recordings)
	windows := make([]*moments.Window, 0, 2*n)
	fill := func() int64 {
		before := heap()
		for _, r := range recordings {
			w, _ := follow(r, styles)
			windows = append(windows, w)
		}
		return heap() - before
	}
	first, further := fill(), fill()
	estimate := 0
	for _, w := range windows[n:] {
		estimate += w.Size()
	}
	runtime.KeepAlive(windows)
	runtime.KeepAlive(recordings)
	return []rig.Result{{
		Name: "document.bytes_per_window", Value: float64(further) / float64(n), Unit: "B",
		Method: fmt.Sprintf("heap that %d windows hold after their last segment, mean, while as many others of the same sites are held", n),
	}, {
		Name: "document.bytes_per_first_window", Value: float64(first) / float64(n), Unit: "B",
		Method: fmt.Sprintf("the same for the first window of each recording, with the style sheets of its site; shared style sheets hold %.1f MB together", float64(styles.Size())/1e6),
	}, {
		Name: "document.bytes_per_window_estimate", Value: float64(estimate) / float64(n), Unit: "B",
		Method: "Window.Size of the windows of bytes_per_window, mean",
	}}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
