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

	// Every other segment is made with the golden dictionary.
	"dictionary": {segmentOf(0), fullSegment(1), segmentOf(2), segmentOf(3)},

	// Every segment but the first is made with the first as base.
	"base": {segmentOf(0), fullSegment(1), segmentOf(2)},

	// Likewise; the first is made with the golden dictionary.
	"site-base": {segmentOf(0), fullSegment(1), segmentOf(2)},

	// The first segment is followed by its keyframe.
	"keyframe": {segmentOf(0), fullSegment(1)},
}

// goldenDictionary is the content of the dictionary that -update writes.
const goldenDictionary = `{"type":3,"timestamp":1763760377,"data":{"source":1,"positions":[]}}` + "\n"

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

func TestStoredDictionariesStayReadable(t *testing.T) {
	if *update {
		writeMissing(t)
	}
	_, err := os.Stat("testdata/v1/" + string(dictionaryOf(t, goldenDictionary).ID()) + ".dict")
	if err != nil {
		t.Errorf("the golden dictionary is gone: %v", err)
	}
	for id, d := range goldenDictionaries(t) {
		if d.ID() != id {
			t.Errorf("%s.dict holds dictionary %s", id, d.ID())
		}
	}
	object, err := os.ReadFile("testdata/v1/shop.site")
	if err != nil {
		t.Fatal(err)
	}
	want := segment.Site{Site: "shop.example:8443", Dictionary: dictionaryOf(t, goldenDictionary).ID(), ChangedMs: 1763760378000}
	if got, err := segment.ReadSiteObject(object); err != nil || got != want {
		t.Errorf("got %+v, want %+v (%v)", got, want, err)
	}
}

// goldenDictionaries reads testdata/v*/<id>.dict.
func goldenDictionaries(t *testing.T) map[recording.DictionaryID]*segment.Dictionary {
	t.Helper()
	paths, err := filepath.Glob("testdata/v*/*.dict")
	if err != nil {
		t.Fatal(err)
	}
	dictionaries := map[recording.DictionaryID]*segment.Dictionary{}
	for _, path := range paths {
		object, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, d, err := segment.ReadDictionaryObject(object)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if info.Project == "" || info.Site == "" || info.CreatedMs == 0 || info.Sessions == 0 || info.People == 0 {
			t.Errorf("%s says %+v", path, info)
		}
		dictionaries[recording.DictionaryID(strings.TrimSuffix(filepath.Base(path), ".dict"))] = d
	}
	return dictionaries
}

func readGolden(t *testing.T, data []byte) golden {
	t.Helper()
	dictionaries := goldenDictionaries(t)
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
		d := dictionaries[e.Dictionary]
		if e.Base.Object == e.Object {
			d = baseOf(t, data[e.Base.Offset:][:e.Base.Length], e.Base.RawBytes, dictionaries[e.Base.Dictionary])
		}
		events, err := segment.Decode(nil, frame, e.RawBytes, d)
		if err != nil {
			t.Fatal(err)
		}
		g.Events = append(g.Events, string(events))
	}
	for _, k := range footer.Keyframes {
		frame := data[k.Offset : k.Offset+k.Length]
		if err := k.Verify(frame); err != nil {
			t.Fatal(err)
		}
		events, err := segment.Decode(nil, frame, k.RawBytes, nil)
		if err != nil {
			t.Fatal(err)
		}
		g.Events = append(g.Events, string(events))
	}
	return g
}

// baseOf returns the content of a base's frame as a dictionary, after that of
// its site.
func baseOf(t *testing.T, frame []byte, rawBytes int, site *segment.Dictionary) *segment.Dictionary {
	t.Helper()
	content, err := segment.Decode(nil, frame, rawBytes, site)
	if err != nil {
		t.Fatal(err)
	}
	d, err := segment.NewBase(site, content)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func writeMissing(t *testing.T) {
	t.Helper()
	d := dictionaryOf(t, goldenDictionary)
	object, err := segment.AppendDictionaryObject(nil, d, dictionaryInfo)
	if err != nil {
		t.Fatal(err)
	}
	writeNew(t, filepath.Join("testdata", "v1", string(d.ID())+".dict"), object)
	site, err := segment.AppendSiteObject(nil, segment.Site{Site: dictionaryInfo.Site, Dictionary: d.ID(), ChangedMs: 1763760378000})
	if err != nil {
		t.Fatal(err)
	}
	writeNew(t, filepath.Join("testdata", "v1", "shop.site"), site)
	for name, segments := range goldenPacks {
		data := goldenPack(t, name, segments, d)
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

func goldenPack(t *testing.T, name string, segments []recording.Segment, d *segment.Dictionary) []byte {
	t.Helper()
	p := segment.NewPack("shop", recording.ClassNormal, packID)
	first := segment.Encode(nil, ndjsonOf(segments[0].Seq), segment.EncodeOptions{})
	for i, s := range segments {
		var o segment.EncodeOptions
		var id recording.DictionaryID
		var base recording.Base
		switch {
		case name == "dictionary" && i%2 == 1:
			o.Dictionary, id = d, d.ID()
		case name == "base" && i > 0:
			o.Dictionary = baseOf(t, first, segments[0].RawBytes, nil)
			id = o.Dictionary.ID()
			base.Object, base.Offset, base.Length = packKey, 8, int64(len(first))
			base.RawBytes = segments[0].RawBytes
		case name == "site-base" && i == 0:
			o.Dictionary, id = d, d.ID()
		case name == "site-base":
			first := segment.Encode(nil, ndjsonOf(segments[0].Seq), segment.EncodeOptions{Dictionary: d})
			o.Dictionary = baseOf(t, first, segments[0].RawBytes, d)
			id = o.Dictionary.ID()
			base.Object, base.Offset, base.Length = packKey, 8, int64(len(first))
			base.RawBytes, base.Dictionary = segments[0].RawBytes, d.ID()
		}
		if err := p.Add(s, segment.Encode(nil, ndjsonOf(s.Seq), o), id, base); err != nil {
			t.Fatal(err)
		}
		if name == "keyframe" && i == 0 {
			if err := p.AddKeyframe(keyframeOf(s), segment.Encode(nil, ndjsonOf(s.Seq), segment.EncodeOptions{})); err != nil {
				t.Fatal(err)
			}
		}
	}
	data, _, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return data
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
