package segment_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

var update = flag.Bool("update", false, "write the golden packs that are missing; existing ones are never changed")

// golden is what a stored pack must read as, for ever.
type golden struct {
	Footer segment.Footer
	Events []string // NDJSON of each entry
}

// goldenPacks are the packs that -update writes. A change of the format adds
// to them; it never changes one.
var goldenPacks = map[string][]recording.Segment{
	"one":  {segmentOf(0)},
	"full": {fullSegment(1)},
	"many": {segmentOf(0), segmentOf(1), fullSegment(2), segmentOf(3), segmentOf(4), segmentOf(4294967295)},
}

func TestStoredPacksStayReadable(t *testing.T) {
	if *update {
		writeMissing(t)
	}
	paths, err := filepath.Glob("testdata/v*/*.pack")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < len(goldenPacks) {
		t.Fatalf("%d golden packs, want at least %d: they are never removed", len(paths), len(goldenPacks))
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			wantJSON, err := os.ReadFile(strings.TrimSuffix(path, ".pack") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want golden
			if err := json.Unmarshal(wantJSON, &want); err != nil {
				t.Fatal(err)
			}
			if got := readGolden(t, data); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func readGolden(t *testing.T, data []byte) golden {
	t.Helper()
	footer, err := readFooter(data)
	if err != nil {
		t.Fatal(err)
	}
	g := golden{Footer: *footer}
	for _, e := range footer.Entries {
		frame := data[e.Offset : e.Offset+e.Length]
		if err := e.Verify(frame); err != nil {
			t.Fatal(err)
		}
		events, err := segment.Decode(nil, frame, e.RawBytes, nil)
		if err != nil {
			t.Fatal(err)
		}
		g.Events = append(g.Events, string(events))
	}
	return g
}

func writeMissing(t *testing.T) {
	t.Helper()
	for name, segments := range goldenPacks {
		data, _ := packOf(t, segments...)
		var expected bytes.Buffer
		encoder := json.NewEncoder(&expected)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(readGolden(t, data)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "v1", name)
		if writeNew(t, path+".pack", data) {
			writeNew(t, path+".json", expected.Bytes())
		}
	}
}

func writeNew(t *testing.T, path string, data []byte) bool {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return true
}
