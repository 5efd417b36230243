package moments_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestTranscript reads the demo shop's sessions as lines.
func TestTranscript(t *testing.T) {
	for _, name := range []string{"vanished-message", "double-order", "layout-thrash"} {
		t.Run(name, func(t *testing.T) {
			lines := readRecording(t, filepath.Join("..", "..", "examples", "shop", "recordings", name+".json"))
			list := play(lines, 1).Moments
			slices.SortStableFunc(list, func(a, b recording.Moment) int { return cmp.Compare(a.TimestampMs, b.TimestampMs) })
			var text strings.Builder
			for _, line := range moments.Transcript(list, list[0].TimestampMs) {
				fmt.Fprintf(&text, "%6.1f %-7s %s\n", float64(line.OffsetMs)/1000, line.Level, line.Text)
			}
			golden := filepath.Join("testdata", "transcript", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(text.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if text.String() != string(want) {
				t.Errorf("transcript\n%s\nwant\n%s", text.String(), want)
			}
		})
	}
}
