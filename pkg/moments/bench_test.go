package moments_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb/rrwebtest"
)

// BenchmarkWindow follows the whole corpus, a window for each recording.
// MB/cpu-s is what counts: the processor time of all threads, garbage
// collection included.
func BenchmarkWindow(b *testing.B) {
	var recordings [][]byte
	bytes := int64(0)
	for _, r := range rrwebtest.Corpus(b) {
		recordings = append(recordings, r.NDJSON())
		bytes += int64(len(r.NDJSON()))
	}
	b.SetBytes(bytes)
	b.ReportAllocs()
	styles := moments.NewStyles()
	start, rounds := processorTime(b), 0
	for b.Loop() {
		rounds++
		for _, ndjson := range recordings {
			w := moments.NewWindow(moments.WindowOptions{Styles: styles})
			w.Apply(&recording.Segment{}, ndjson)
			w.Finish()
		}
	}
	b.ReportMetric(float64(bytes)*float64(rounds)/1e6/(processorTime(b)-start).Seconds(), "MB/cpu-s")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
