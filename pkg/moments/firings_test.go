package moments_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb/rrwebtest"
)

// TestFiringsOfTheCorpus keeps the list of all signals that are found in the
// recordings of other projects. docs/signals.md says of each whether it is
// right: when the list changes, somebody has to look at what is new.
func TestFiringsOfTheCorpus(t *testing.T) {
	var list []string
	for _, r := range rrwebtest.Corpus(t) {
		if !strings.HasPrefix(r.Name, "sessions/") {
			continue
		}
		w := moments.NewWindow(moments.WindowOptions{})
		found := slices.Concat(w.Apply(&recording.Segment{}, r.NDJSON()).Moments, w.Finish().Moments)
		last := make(map[int]string) // what is said of the event at last
		var events []int
		for _, m := range found {
			if m.Kind != recording.KindSignal {
				continue
			}
			if _, ok := last[m.Event]; !ok {
				events = append(events, m.Event)
			}
			last[m.Event] = fmt.Sprintf("%s %d %s: %s", strings.TrimPrefix(strings.TrimSuffix(r.Name, ".json"), "sessions/"), m.Event, m.Name, m.Text)
		}
		for _, event := range events {
			list = append(list, last[event])
		}
	}
	golden := filepath.Join("testdata", "firings.txt")
	got := strings.Join(list, "\n") + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("found\n%swant\n%s", got, want)
	}
}
