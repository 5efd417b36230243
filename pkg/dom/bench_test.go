package dom_test

import (
	"testing"

	"github.com/playhead/playhead/pkg/dom"
	"github.com/playhead/playhead/pkg/rrweb/rrwebtest"
)

// BenchmarkApply applies the whole corpus, a document for each recording.
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
	for b.Loop() {
		for _, r := range corpus {
			d := dom.New(dom.Limits{})
			for _, line := range r.Lines {
				if err := d.Apply(line); err != nil {
					b.Fatalf("%s: %v", r.Name, err)
				}
			}
		}
	}
}
