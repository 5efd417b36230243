package dom_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/rrweb/rrwebtest"
)

// BenchmarkApply applies the whole corpus, a document for each recording.
// MB/cpu-s is what counts: the processor time of all threads, garbage
// collection included.
func BenchmarkApply(b *testing.B) {
	corpus := rrwebtest.Corpus(b)
	bytes := int64(0)
	for _, r := range corpus {
		for _, line := range r.Lines {
			bytes += int64(len(line)) + 1
		}
	}
	b.SetBytes(bytes)
	b.ReportAllocs()
	start, rounds := processorTime(b), 0
	for b.Loop() {
		rounds++
		for _, r := range corpus {
			d := dom.New(dom.Limits{})
			for _, line := range r.Lines {
				if err := d.Apply(line); err != nil {
					b.Fatalf("%s: %v", r.Name, err)
				}
			}
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

// BenchmarkKeyframe writes keyframes of the largest recordings.
func BenchmarkKeyframe(b *testing.B) {
	var documents []*dom.Document
	size := 0
	for _, r := range rrwebtest.Corpus(b) {
		d := dom.New(dom.Limits{})
		for _, line := range r.Lines {
			if err := d.Apply(line); err != nil {
				b.Fatalf("%s: %v", r.Name, err)
			}
		}
		if keyframe := d.AppendKeyframe(nil, 1); len(keyframe) > 200_000 {
			documents = append(documents, d)
			size += len(keyframe)
		}
	}
	b.SetBytes(int64(size))
	var dst []byte
	for b.Loop() {
		for _, d := range documents {
			dst = d.AppendKeyframe(dst[:0], 1)
		}
	}
}
