package dictionary

import (
	"slices"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/rrweb/rrwebtest"
	"github.com/playhead/playhead/pkg/segment"
)

// groups are the recordings of the corpus that are several sessions of one
// site. Of the first there are three: with one left out two remain, and each
// of them stands for two people, which is more than the rule allows.
var groups = []struct {
	prefix string
	people int // that each session stands for
	least  float64
}{
	{"sessions/chalk-", 2, 1.6},
	{"sessions/himanshu-", 1, 1.7},
	{"sessions/posthog-player-", 1, 1.4},
}

// leftOut is a session, and the dictionary of the others of its site.
type leftOut struct {
	name       string
	segments   [][]byte
	dictionary *segment.Dictionary
}

func leaveOneOut(tb testing.TB, prefix string, people int) []leftOut {
	var all []leftOut
	for _, r := range rrwebtest.Corpus(tb) {
		if strings.HasPrefix(r.Name, prefix) {
			all = append(all, leftOut{name: r.Name, segments: r.Segments(tb)})
		}
	}
	for i := range all {
		var others corpus
		var c crowd
		for j, o := range all {
			for range people {
				if i != j {
					others.sample(len(c), o.segments)
					c = append(c, ^sessionSet(0)&^(1<<len(c)))
				}
			}
		}
		d, err := segment.NewDictionary(train(others, c, dictionaryBytes))
		if err != nil {
			tb.Fatalf("%s: %v", all[i].name, err)
		}
		all[i].dictionary = d
	}
	return all
}

// sample adds what a library would hold of a session.
func (c *corpus) sample(session int, segments [][]byte) {
	room := sampleRawBytes
	for _, ndjson := range segments {
		n := min(room, len(ndjson))
		c.text = append(c.text, ndjson[:n]...)
		c.add(session)
		room -= n
	}
}

func size(segments [][]byte, o segment.EncodeOptions) (n int) {
	for _, ndjson := range segments {
		n += len(segment.Encode(nil, ndjson, o))
	}
	return n
}

// TestCorpus prints, with -v, what a dictionary gains on recordings of known
// sites, each with a dictionary made of the others.
func TestCorpus(t *testing.T) {
	for _, g := range groups {
		var raw, better, fast, with int
		for _, s := range leaveOneOut(t, g.prefix, g.people) {
			r := len(slices.Concat(s.segments...))
			b, f := size(s.segments, segment.EncodeOptions{}), size(s.segments, segment.EncodeOptions{Fast: true})
			w := size(s.segments, segment.EncodeOptions{Dictionary: s.dictionary})
			t.Logf("%-46s %7d bytes in %2d segments: better %4.1fx, fast %4.1fx, dictionary of %6d bytes %4.1fx",
				s.name, r, len(s.segments), times(r, b), times(r, f), s.dictionary.Size(), times(r, w))
			raw, better, fast, with = raw+r, better+b, fast+f, with+w
		}
		t.Logf("%-46s %7d bytes: better %.1fx, fast %.1fx, dictionary %.1fx: %.2f times fewer bytes",
			g.prefix+"*", raw, times(raw, better), times(raw, fast), times(raw, with), times(better, with))
		if gain := times(better, with); gain < g.least {
			t.Errorf("%s: a dictionary gains %.2f, want at least %.2f", g.prefix, gain, g.least)
		}
	}
}

func times(a, b int) float64 { return float64(a) / float64(b) }

// BenchmarkKnownSite encodes sessions of one site with and without the
// dictionary of the others.
func BenchmarkKnownSite(b *testing.B) {
	for _, g := range groups {
		sessions := leaveOneOut(b, g.prefix, g.people)
		for name, options := range map[string]func(leftOut) segment.EncodeOptions{
			"better":     func(leftOut) segment.EncodeOptions { return segment.EncodeOptions{} },
			"fast":       func(leftOut) segment.EncodeOptions { return segment.EncodeOptions{Fast: true} },
			"dictionary": func(s leftOut) segment.EncodeOptions { return segment.EncodeOptions{Dictionary: s.dictionary} },
			"dictionary, fast": func(s leftOut) segment.EncodeOptions {
				return segment.EncodeOptions{Dictionary: s.dictionary, Fast: true}
			},
		} {
			b.Run(strings.TrimPrefix(g.prefix, "sessions/")+name, func(b *testing.B) {
				var frame []byte
				var raw, stored int64
				for b.Loop() {
					raw, stored = 0, 0
					for _, s := range sessions {
						for _, ndjson := range s.segments {
							frame = segment.Encode(frame[:0], ndjson, options(s))
							raw += int64(len(ndjson))
							stored += int64(len(frame))
						}
					}
				}
				b.SetBytes(raw)
				b.ReportMetric(float64(raw)/float64(stored), "ratio")
			})
		}
	}
}
