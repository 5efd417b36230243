package segment_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// common is what the segments of a site have in common in these tests.
var common = strings.Repeat(`{"type":2,"tagName":"div","attributes":{"class":"cart"}},`, 3) + "body { margin: 0 }"

func dictionaryOf(t testing.TB, content string) *segment.Dictionary {
	t.Helper()
	d, err := segment.NewDictionary([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFramesOfADictionary(t *testing.T) {
	common := strings.Repeat("0123456789 common ", 1000)
	d, other := dictionaryOf(t, common), dictionaryOf(t, common+"!")
	for _, size := range []int{0, 1, 100, 10_000, 1 << 20, 3 << 20} {
		content := []byte(strings.Repeat(common[:100]+"differs", size/107+1)[:size])
		frame := segment.Encode(nil, content, segment.EncodeOptions{Dictionary: d})
		got, err := segment.Decode([]byte("before"), frame, size, d)
		if err != nil || string(got) != "before"+string(content) {
			t.Fatalf("%d bytes: content differs (%v)", size, err)
		}
		if size == 0 {
			continue // an empty frame needs nothing
		}
		for name, wrong := range map[string]*segment.Dictionary{"none": nil, "another": other} {
			if _, err := segment.Decode(nil, frame, size, wrong); !errors.Is(err, segment.ErrDictionary) {
				t.Errorf("%d bytes, dictionary %s: %v", size, name, err)
			}
		}
		plain := segment.Encode(nil, content, segment.EncodeOptions{Fast: true})
		if got, err := segment.Decode(nil, plain, size, d); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: a frame without dictionary is refused: %v", size, err)
		}
	}
}

func TestADictionaryShrinksFrames(t *testing.T) {
	d := dictionaryOf(t, common)
	without := segment.Encode(nil, []byte(common), segment.EncodeOptions{})
	with := segment.Encode(nil, []byte(common), segment.EncodeOptions{Dictionary: d})
	if len(with)*2 > len(without) {
		t.Errorf("%d bytes with a dictionary of just that, %d without", len(with), len(without))
	}
}

func TestNewDictionaryTakesACopy(t *testing.T) {
	content := []byte(common)
	d, err := segment.NewDictionary(content)
	if err != nil {
		t.Fatal(err)
	}
	frame := segment.Encode(nil, []byte(common), segment.EncodeOptions{Dictionary: d})
	clear(content)
	if got, err := segment.Decode(nil, frame, len(common), d); err != nil || string(got) != common {
		t.Errorf("the dictionary changed with its caller's bytes (%v)", err)
	}
	for _, size := range []int{0, 7, segment.MaxDictionaryBytes + 1} {
		if _, err := segment.NewDictionary(make([]byte, size)); err == nil {
			t.Errorf("a dictionary of %d bytes", size)
		}
	}
}

// TestBases: a document as large as bases may be, changed a little, costs
// little, its end as well as its beginning; with the dictionary of its site too.
func TestBases(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's text
	document := make([]byte, segment.MaxBaseBytes)
	for i := range document {
		document[i] = 'a' + byte(random.Uint32()&15)
	}
	later := slices.Concat(document[:1000], []byte("changed"), document[1000:])
	site := dictionaryOf(t, common)
	for name, site := range map[string]*segment.Dictionary{"alone": nil, "with its site's": site} {
		base, err := segment.NewBase(site, document)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []segment.EncodeOptions{{Dictionary: base, Fast: true}, {Dictionary: base}} {
			frame := segment.Encode(nil, later, o)
			if len(frame) > 4<<10 && !o.Fast {
				t.Errorf("%s: %d bytes", name, len(frame))
			}
			if got, err := segment.Decode(nil, frame, len(later), base); err != nil || !bytes.Equal(got, later) {
				t.Errorf("%s: not read back (%v)", name, err)
			}
			if _, err := segment.Decode(nil, frame, len(later), site); !errors.Is(err, segment.ErrDictionary) {
				t.Errorf("%s: read with another dictionary: %v", name, err)
			}
		}
	}
	for _, size := range []int{0, 7, segment.MaxBaseBytes + 1} {
		if _, err := segment.NewBase(site, make([]byte, size)); err == nil {
			t.Errorf("a base of %d bytes", size)
		}
	}
}

// TestFrameNamesItsDictionary: the number is that of docs/format/segment-v1.md,
// outside of the ranges that RFC 8878 reserves.
func TestFrameNamesItsDictionary(t *testing.T) {
	for i := range 200 {
		d := dictionaryOf(t, fmt.Sprintf("%s %d", common, i))
		var header zstd.Header
		if err := header.Decode(segment.Encode(nil, []byte(common), segment.EncodeOptions{Dictionary: d})); err != nil {
			t.Fatal(err)
		}
		var first uint32
		if _, err := fmt.Sscanf(string(d.ID())[:8], "%08x", &first); err != nil {
			t.Fatal(err)
		}
		if want := 32768 + first%(1<<31-32768); header.DictionaryID != want || want < 32768 || want >= 1<<31 {
			t.Errorf("dictionary %s: frame says %d, want %d", d.ID(), header.DictionaryID, want)
		}
	}
}

// TestManyDictionariesAtOnce is more than coders are kept for.
func TestManyDictionariesAtOnce(t *testing.T) {
	var all []*segment.Dictionary
	for i := range 20 {
		all = append(all, dictionaryOf(t, fmt.Sprintf("%s %d", common, i)))
	}
	content := []byte(common + "and more")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for round := range 60 {
				d := all[(g*7+round*3)%len(all)]
				frame := segment.Encode(nil, content, segment.EncodeOptions{Dictionary: d})
				if got, err := segment.Decode(nil, frame, len(content), d); err != nil || !bytes.Equal(got, content) {
					t.Errorf("content differs (%v)", err)
				}
				if again := segment.Encode(nil, content, segment.EncodeOptions{Dictionary: d}); !bytes.Equal(again, frame) {
					t.Error("another frame the second time")
				}
			}
		})
	}
	wg.Wait()
}

func TestDecodeNoticesDamageToFramesOfADictionary(t *testing.T) {
	d := dictionaryOf(t, common)
	content := []byte(strings.Repeat(`{"type":3,"data":{"source":1}}`, 20) + common[:150] + "tail")
	frame := segment.Encode(nil, content, segment.EncodeOptions{Dictionary: d})
	for i := range len(frame) * 8 {
		damaged := bytes.Clone(frame)
		damaged[i/8] ^= 1 << (i % 8)
		got, err := segment.Decode(nil, damaged, decodedLimit, d)
		if err == nil && !bytes.Equal(got, content) {
			t.Errorf("bit %d: other content accepted", i)
		}
	}
	for n := range len(frame) {
		if _, err := segment.Decode(nil, frame[:n], decodedLimit, d); !errors.Is(err, segment.ErrCorrupt) {
			t.Errorf("first %d bytes: %v", n, err)
		}
	}
	bomb := segment.Encode(nil, make([]byte, 8<<20), segment.EncodeOptions{Dictionary: d})
	if _, err := segment.Decode(nil, bomb, 8<<20-1, d); !errors.Is(err, segment.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

var dictionaryInfo = segment.DictionaryInfo{
	Project: "shop", Site: "shop.example:8443", CreatedMs: 1763760378000, Sessions: 12, People: 7,
}

func dictionaryObject(t testing.TB) ([]byte, *segment.Dictionary) {
	t.Helper()
	d := dictionaryOf(t, common)
	object, err := segment.AppendDictionaryObject(nil, d, dictionaryInfo)
	if err != nil {
		t.Fatal(err)
	}
	return object, d
}

func TestDictionaryObjectRoundTrip(t *testing.T) {
	object, d := dictionaryObject(t)
	info, read, err := segment.ReadDictionaryObject(object)
	if err != nil {
		t.Fatal(err)
	}
	want := dictionaryInfo
	want.ID, want.Bytes = d.ID(), len(common)
	if !reflect.DeepEqual(info, want) || read.ID() != d.ID() || read.Size() != len(common) {
		t.Errorf("got %+v, want %+v", info, want)
	}
	appended, err := segment.AppendDictionaryObject([]byte("before"), d, dictionaryInfo)
	if err != nil || string(appended) != "before"+string(object) {
		t.Errorf("it is not appended (%v)", err)
	}
	long := dictionaryInfo
	long.Site = strings.Repeat("x", 5000)
	if _, err := segment.AppendDictionaryObject(nil, d, long); !errors.Is(err, segment.ErrRefused) {
		t.Errorf("a description too long to be read: %v", err)
	}
	largest := dictionaryOf(t, strings.Repeat("x", segment.MaxDictionaryBytes))
	if object, err = segment.AppendDictionaryObject(nil, largest, dictionaryInfo); err != nil || len(object) > segment.MaxDictionaryObjectBytes {
		t.Errorf("%d bytes (%v)", len(object), err)
	}
	if _, _, err := segment.ReadDictionaryObject(object); err != nil {
		t.Error(err)
	}
}

func TestDamagedDictionaryObjectIsNoticed(t *testing.T) {
	object, _ := dictionaryObject(t)
	for i := range len(object) * 8 {
		object[i/8] ^= 1 << (i % 8)
		if _, _, err := segment.ReadDictionaryObject(object); !errors.Is(err, segment.ErrCorrupt) && !errors.Is(err, segment.ErrVersion) {
			t.Errorf("bit %d of byte %d: %v", i%8, i/8, err)
		}
		object[i/8] ^= 1 << (i % 8)
	}
	for n := range len(object) {
		if _, _, err := segment.ReadDictionaryObject(object[:n]); !errors.Is(err, segment.ErrCorrupt) {
			t.Errorf("first %d bytes: %v", n, err)
		}
	}
	if _, _, err := segment.ReadDictionaryObject(append(bytes.Clone(object), 0)); !errors.Is(err, segment.ErrCorrupt) {
		t.Errorf("a byte more: %v", err)
	}
	object[7] = 2
	if _, _, err := segment.ReadDictionaryObject(object); !errors.Is(err, segment.ErrVersion) {
		t.Errorf("a newer version: %v", err)
	}
}

// dictionaryWith wraps a description and content in an object whose checksums
// are right.
func dictionaryWith(line, content []byte) []byte {
	frame := segment.Encode(nil, content, segment.EncodeOptions{})
	table := crc32.MakeTable(crc32.Castagnoli)
	object := []byte("PHDICT\x00\x01")
	object = binary.LittleEndian.AppendUint32(object, uint32(len(line)))
	object = binary.LittleEndian.AppendUint32(object, uint32(len(frame)))
	object = binary.LittleEndian.AppendUint32(object, crc32.Update(crc32.Checksum(object, table), table, line))
	object = binary.LittleEndian.AppendUint32(object, crc32.Checksum(frame, table))
	return append(append(object, line...), frame...)
}

func TestReadDictionaryObjectRefusesFalseDescriptions(t *testing.T) {
	d := dictionaryOf(t, common)
	right := fmt.Sprintf(`{"v":1,"project_id":"shop","site":"shop.example","dictionary":"%s","created_ms":1,"sessions":3,"people":3,"bytes":%d}`, d.ID(), len(common))
	if _, _, err := segment.ReadDictionaryObject(dictionaryWith([]byte(right), []byte(common))); err != nil {
		t.Fatalf("the test's own description: %v", err)
	}
	for name, line := range map[string]string{
		"nothing":            "",
		"no JSON":            "x",
		"another version":    strings.Replace(right, `"v":1`, `"v":2`, 1),
		"a project":          strings.Replace(right, "shop", "../x", 1),
		"another dictionary": strings.Replace(right, string(d.ID())[:4], "0000", 1),
		"another size":       strings.Replace(right, `"bytes":`, `"bytes":1`, 1),
	} {
		if _, _, err := segment.ReadDictionaryObject(dictionaryWith([]byte(line), []byte(common))); !errors.Is(err, segment.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := segment.ReadDictionaryObject(dictionaryWith([]byte(right), make([]byte, 2*segment.MaxDictionaryBytes))); !errors.Is(err, segment.ErrCorrupt) {
		t.Errorf("too large a content: %v", err)
	}
}

func TestSiteObject(t *testing.T) {
	want := segment.Site{Site: `a "host"`, Dictionary: dictionaryOf(t, common).ID(), ChangedMs: 1763760378000}
	for _, id := range []recording.DictionaryID{want.Dictionary, ""} {
		want.Dictionary = id
		object, err := segment.AppendSiteObject(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := segment.ReadSiteObject(object); err != nil || got != want {
			t.Errorf("got %+v (%v)", got, err)
		}
	}
	for object, kind := range map[string]error{
		"":                         segment.ErrCorrupt,
		"{}":                       segment.ErrCorrupt,
		`{"v":1,"dictionary":"x"}`: segment.ErrCorrupt,
		`{"v":2}`:                  segment.ErrVersion,
		`{"v":1,"site":"` + strings.Repeat("x", 5000) + `"}`: segment.ErrCorrupt,
	} {
		if _, err := segment.ReadSiteObject([]byte(object)); !errors.Is(err, kind) {
			t.Errorf("%.40s: %v", object, err)
		}
	}
}

func TestDictionaryKeys(t *testing.T) {
	id := dictionaryOf(t, common).ID()
	key := segment.DictionaryKey("shop", id)
	if want := "v1/shop/dictionary/" + string(id) + ".dict"; key != want {
		t.Errorf("key %s, want %s", key, want)
	}
	if site := segment.SiteKey("shop", "shop.example"); site != "v1/shop/dictionary/0f59463c606c5b0e.site" {
		t.Errorf("key of the site: %s", site)
	}
	project, parsed, err := segment.ParseDictionaryKey(key)
	if err != nil || project != "shop" || parsed != id {
		t.Errorf("%s, %s (%v)", project, parsed, err)
	}
	for _, wrong := range []string{
		"", packKey, key + "x", "/" + key, strings.ToUpper(key), strings.Replace(key, "shop", "..", 1),
		strings.Replace(key, "v1", "v2", 1), strings.Replace(key, "dictionary", "asset", 1),
		strings.Replace(key, string(id), string(id)[1:], 1), segment.SiteKey("shop", "shop.example"),
	} {
		if _, _, err := segment.ParseDictionaryKey(wrong); !errors.Is(err, segment.ErrKey) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	for _, class := range []recording.Class{"dictionary", "asset"} {
		if _, _, _, err := segment.ParsePackKey(segment.PackKey("shop", class, packID)); !errors.Is(err, segment.ErrKey) {
			t.Errorf("class %q: %v", class, err)
		}
	}
}

func FuzzDecodeWithDictionary(f *testing.F) {
	d := dictionaryOf(f, common)
	f.Add(segment.Encode(nil, []byte(common), segment.EncodeOptions{Dictionary: d}))
	f.Add(segment.Encode(nil, []byte(strings.Repeat(common[20:], 30)), segment.EncodeOptions{Dictionary: d}))
	f.Add(segment.Encode(nil, []byte(common), segment.EncodeOptions{}))
	f.Fuzz(func(t *testing.T, frame []byte) {
		const limit = 1 << 20
		got, err := segment.Decode(nil, frame, limit, d)
		if err != nil {
			if !errors.Is(err, segment.ErrCorrupt) && !errors.Is(err, segment.ErrTooLarge) && !errors.Is(err, segment.ErrDictionary) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		if len(got) > limit {
			t.Fatalf("%d bytes, limit %d", len(got), limit)
		}
		again, err := segment.Decode(nil, segment.Encode(nil, got, segment.EncodeOptions{Dictionary: d}), len(got), d)
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("content does not survive: %v", err)
		}
	})
}

func FuzzReadDictionaryObject(f *testing.F) {
	addStored(f, "testdata/v*/*.dict")
	object, _ := dictionaryObject(f)
	f.Add(object)
	f.Add(object[:len(object)-1])
	f.Add([]byte("PHDICT\x00\x01"))
	f.Fuzz(checkDictionaryObject)
}

// FuzzDictionaryDescription gets past the checksums, which
// FuzzReadDictionaryObject cannot.
func FuzzDictionaryDescription(f *testing.F) {
	object, d := dictionaryObject(f)
	f.Add(object[24:24+binary.LittleEndian.Uint32(object[8:])], []byte(common))
	f.Add([]byte(`{"v":1,"project_id":"shop","dictionary":"`+string(d.ID())+`","bytes":1}`), []byte("x"))
	f.Fuzz(func(t *testing.T, line, content []byte) {
		checkDictionaryObject(t, dictionaryWith(line, content))
	})
}

func checkDictionaryObject(t *testing.T, object []byte) {
	info, d, err := segment.ReadDictionaryObject(object)
	if err != nil {
		if !errors.Is(err, segment.ErrCorrupt) && !errors.Is(err, segment.ErrVersion) {
			t.Fatalf("error of no kind: %v", err)
		}
		return
	}
	if _, _, err := segment.ParseDictionaryKey(segment.DictionaryKey(info.Project, d.ID())); err != nil {
		t.Fatalf("a dictionary that can have no key: %v", err)
	}
	again, err := segment.AppendDictionaryObject(nil, d, info)
	if errors.Is(err, segment.ErrRefused) {
		return // escapes made the description longer
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := segment.ReadDictionaryObject(again); err != nil || got != info {
		t.Fatalf("got %+v, want %+v (%v)", got, info, err)
	}
}

func FuzzReadSiteObject(f *testing.F) {
	addStored(f, "testdata/v*/*.site")
	f.Add([]byte(`{"v":1,"site":"shop.example","dictionary":"","changed_ms":1763760378000}`))
	f.Fuzz(func(t *testing.T, object []byte) {
		if _, err := segment.ReadSiteObject(object); err != nil && !errors.Is(err, segment.ErrCorrupt) && !errors.Is(err, segment.ErrVersion) {
			t.Fatalf("error of no kind: %v", err)
		}
	})
}
