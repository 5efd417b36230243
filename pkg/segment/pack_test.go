package segment_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

var packID = ulid.MustParse("01KAM4Z3EV0123456789ABCDEF")

const packKey = "v1/shop/normal/2025/11/21/21/01KAM4Z3EV0123456789ABCDEF.pack"

// ndjsonOf returns the events of the segment with this seq.
func ndjsonOf(seq uint32) []byte {
	var b bytes.Buffer
	for i := range seq%5 + 1 {
		fmt.Fprintf(&b, `{"type":3,"timestamp":%d,"data":{"source":1,"positions":[]}}`+"\n", 1763760377307+int64(seq)*100+int64(i))
	}
	return b.Bytes()
}

func segmentOf(seq uint32) recording.Segment {
	return recording.Segment{
		SegmentID: recording.SegmentID{Project: "shop", Session: "session-1", Window: "window-1", Seq: seq},
		Page:      "page-0001",
		StartMs:   1763760377307 + int64(seq)*100,
		EndMs:     1763760377407 + int64(seq)*100,
		Events:    int(seq%5 + 1),
		RawBytes:  len(ndjsonOf(seq)),
	}
}

// fullSegment has every field set.
func fullSegment(seq uint32) recording.Segment {
	s := segmentOf(seq)
	s.ClockOffsetMs = -42
	s.FullSnapshots = []int64{s.StartMs, s.StartMs + 1}
	s.ReceivedMs = 1763760378000
	s.Origin = recording.Origin{
		PreviousSession: "session-0",
		Reason:          recording.ReasonTicket,
		Final:           true,
		Recorder:        recording.Recorder{Name: "playhead", Version: "1.0.0", RRWeb: "2.1.6"},
		URL:             "https://shop.example/cart",
		Referrer:        "https://search.example/",
		Viewport:        [2]int{1280, 720},
		UserID:          "käufer-7",
		UserAttributes:  map[string]string{"plan": "pro", "a": "<&>"},
		Release:         "2025.11.1",
		Environment:     "production",
		UserAgent:       "Mozilla/5.0",
		Country:         "DE",
	}
	s.Counts = recording.Counts{Pages: 1, Clicks: 2, Requests: 3, FailedRequests: 4, Errors: 5}
	s.URLs = []string{"https://shop.example/cart", "https://shop.example/pay"}
	return s
}

func packOf(t testing.TB, segments ...recording.Segment) ([]byte, []recording.StoredSegment) {
	t.Helper()
	p := segment.NewPack("shop", recording.ClassNormal, packID)
	for _, s := range segments {
		if err := p.Add(s, segment.Encode(nil, ndjsonOf(s.Seq), segment.EncodeOptions{}), "", recording.Base{}); err != nil {
			t.Fatal(err)
		}
	}
	data, stored, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > p.Size() {
		t.Errorf("pack of %d bytes, Size says at most %d", len(data), p.Size())
	}
	return data, stored
}

func readFooter(data []byte) (*segment.Footer, error) {
	return segment.ReadFooter(bytes.NewReader(data), int64(len(data)))
}

func TestPackExplainsItself(t *testing.T) {
	data, stored := packOf(t, segmentOf(0), fullSegment(1), segmentOf(7))
	f, err := readFooter(data)
	if err != nil {
		t.Fatal(err)
	}
	if f.Version != 1 || f.Project != "shop" || f.Class != recording.ClassNormal || f.ID != packID {
		t.Errorf("footer %+v", f)
	}
	if len(f.Entries) != len(stored) {
		t.Fatalf("%d entries, want %d", len(f.Entries), len(stored))
	}
	for i, e := range f.Entries {
		if !reflect.DeepEqual(e.StoredSegment, stored[i]) {
			t.Errorf("entry %d: got %+v, want %+v", i, e.StoredSegment, stored[i])
		}
		if e.Object != packKey {
			t.Errorf("entry %d lies in %s", i, e.Object)
		}
		frame := data[e.Offset : e.Offset+e.Length]
		if err := e.Verify(frame); err != nil {
			t.Error(err)
		}
		ndjson, err := segment.Decode(nil, frame, e.RawBytes, nil)
		if err != nil || !bytes.Equal(ndjson, ndjsonOf(e.Seq)) {
			t.Errorf("entry %d: other events (%v)", i, err)
		}
	}
}

// keyframeOf is a keyframe after a segment, whose content is that of the
// segment.
func keyframeOf(s recording.Segment) recording.Keyframe {
	return recording.Keyframe{SegmentID: s.SegmentID, Page: s.Page, TimestampMs: s.EndMs, ClockOffsetMs: -42, RawBytes: s.RawBytes}
}

func TestKeyframes(t *testing.T) {
	p := segment.NewPack("shop", recording.ClassNormal, packID)
	s := segmentOf(0)
	frame := segment.Encode(nil, ndjsonOf(0), segment.EncodeOptions{})
	if err := p.Add(s, frame, "", recording.Base{}); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]recording.Keyframe{
		"of another project": {SegmentID: recording.SegmentID{Project: "bank", Session: s.Session, Window: s.Window}, Page: s.Page, RawBytes: s.RawBytes},
		"of another length":  {SegmentID: s.SegmentID, Page: s.Page, RawBytes: s.RawBytes + 1},
		"without a page":     {SegmentID: s.SegmentID, RawBytes: s.RawBytes},
	} {
		if err := p.AddKeyframe(k, frame); !errors.Is(err, segment.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	k := keyframeOf(s)
	if err := p.AddKeyframe(k, frame); err != nil {
		t.Fatal(err)
	}
	if err := p.AddKeyframe(k, frame); !errors.Is(err, segment.ErrRefused) {
		t.Errorf("twice: %v", err)
	}
	data, stored, err := p.Bytes()
	if err != nil || len(stored) != 1 {
		t.Fatalf("%d segments, %v", len(stored), err)
	}
	f, err := readFooter(data)
	if err != nil || len(f.Entries) != 1 || len(f.Keyframes) != 1 {
		t.Fatalf("%+v, %v", f, err)
	}
	k.Class, k.Location = recording.ClassNormal, f.Keyframes[0].Location
	if got := p.Keyframes(); len(got) != 1 || got[0] != k || f.Keyframes[0].Keyframe != k {
		t.Errorf("got %+v and %+v, want %+v", got, f.Keyframes[0].Keyframe, k)
	}
	if err := f.Keyframes[0].Verify(data[k.Offset:][:k.Length]); err != nil {
		t.Error(err)
	}
	if err := f.Keyframes[0].Verify(frame[1:]); !errors.Is(err, segment.ErrCorrupt) {
		t.Errorf("another frame: %v", err)
	}
}

// TestFooterKeepsEveryField fails when recording.Segment gets a field that the
// footer does not hold: the index could not be rebuilt from packs.
func TestFooterKeepsEveryField(t *testing.T) {
	s := fullSegment(1)
	notZero(t, "Segment", reflect.ValueOf(s))
	data, _ := packOf(t, s)
	f, err := readFooter(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(f.Entries[0].Segment, s) {
		t.Errorf("got %+v, want %+v", f.Entries[0].Segment, s)
	}
}

func notZero(t *testing.T, path string, v reflect.Value) {
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			notZero(t, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
		return
	}
	if v.IsZero() {
		t.Errorf("%s is not set by the test", path)
	}
}

func TestPackIsDeterministic(t *testing.T) {
	first, _ := packOf(t, fullSegment(0), segmentOf(1), segmentOf(2))
	segment.Encode(nil, bytes.Repeat([]byte("other work in between"), 10_000), segment.EncodeOptions{})
	second, _ := packOf(t, fullSegment(0), segmentOf(1), segmentOf(2))
	if !bytes.Equal(first, second) {
		t.Error("the same segments gave other bytes")
	}
}

// fullWriter has room for so many writes.
type fullWriter int

var errFull = errors.New("no room")

func (w *fullWriter) Write(p []byte) (int, error) {
	if *w--; *w < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestPackThatIsWrittenAsItGrows(t *testing.T) {
	fill := func(p *segment.Pack) error {
		for seq := range uint32(3) {
			if err := p.Add(segmentOf(seq), segment.Encode(nil, ndjsonOf(seq), segment.EncodeOptions{}), "", recording.Base{}); err != nil {
				return err
			}
		}
		return nil
	}
	held := segment.NewPack("shop", recording.ClassNormal, packID)
	var out bytes.Buffer
	written, err := segment.NewPackTo(&out, "shop", recording.ClassNormal, packID)
	if err == nil {
		err = errors.Join(fill(held), fill(written))
	}
	if err != nil {
		t.Fatal(err)
	}
	want, wantStored, err := held.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if written.Size() != held.Size() {
		t.Errorf("size %d, want %d", written.Size(), held.Size())
	}
	stored, err := written.Close()
	if err != nil || !bytes.Equal(out.Bytes(), want) || !reflect.DeepEqual(stored, wantStored) {
		t.Errorf("another pack than in memory (%v)", err)
	}
	for room := range 5 { // the beginning, three frames, the end
		w := fullWriter(room)
		p, err := segment.NewPackTo(&w, "shop", recording.ClassNormal, packID)
		if err == nil {
			err = fill(p)
		}
		if err == nil {
			_, err = p.Close()
		}
		if !errors.Is(err, errFull) {
			t.Errorf("room for %d writes: %v", room, err)
		}
	}
	out.Reset()
	if empty, err := segment.NewPackTo(&out, "shop", recording.ClassNormal, packID); err != nil {
		t.Error(err)
	} else if _, err := empty.Close(); err == nil {
		t.Error("a pack with nothing in it")
	}
}

func TestPackGoesOnAfterBytes(t *testing.T) {
	p := segment.NewPack("shop", recording.ClassNormal, packID)
	for seq := range uint32(3) {
		if err := p.Add(segmentOf(seq), segment.Encode(nil, ndjsonOf(seq), segment.EncodeOptions{}), "", recording.Base{}); err != nil {
			t.Fatal(err)
		}
		data, _, err := p.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := packOf(t, []recording.Segment{segmentOf(0), segmentOf(1), segmentOf(2)}[:seq+1]...); !bytes.Equal(data, want) {
			t.Errorf("after %d segments: other bytes than a pack made at once", seq+1)
		}
	}
}

func TestAddRefuses(t *testing.T) {
	frame := segment.Encode(nil, ndjsonOf(1), segment.EncodeOptions{})
	change := func(f func(*recording.Segment)) recording.Segment {
		s := segmentOf(1)
		f(&s)
		return s
	}
	d := dictionaryOf(t, common)
	withDictionary := segment.Encode(nil, ndjsonOf(1), segment.EncodeOptions{Dictionary: d})
	tests := map[string]struct {
		s          recording.Segment
		frame      []byte
		dictionary recording.DictionaryID
	}{
		"another project":                      {change(func(s *recording.Segment) { s.Project = "other" }), frame, ""},
		"a repeat":                             {segmentOf(0), segment.Encode(nil, ndjsonOf(0), segment.EncodeOptions{}), ""},
		"a session id":                         {change(func(s *recording.Segment) { s.Session = "a/b/c/d/e" }), frame, ""},
		"a window id":                          {change(func(s *recording.Segment) { s.Window = "" }), frame, ""},
		"a page id":                            {change(func(s *recording.Segment) { s.Page = "short" }), frame, ""},
		"no frame":                             {segmentOf(1), nil, ""},
		"half a frame":                         {segmentOf(1), frame[:len(frame)/2], ""},
		"two frames":                           {segmentOf(1), append(bytes.Clone(frame), frame...), ""},
		"events instead":                       {segmentOf(1), ndjsonOf(1), ""},
		"raw bytes differ":                     {change(func(s *recording.Segment) { s.RawBytes++ }), frame, ""},
		"a dictionary that the frame has not":  {segmentOf(1), frame, d.ID()},
		"no dictionary for a frame with one":   {segmentOf(1), withDictionary, ""},
		"another dictionary than the frame's":  {segmentOf(1), withDictionary, dictionaryOf(t, common+"!").ID()},
		"a dictionary that is not named right": {segmentOf(1), withDictionary, d.ID()[:63]},
		"a dictionary that is no hash":         {segmentOf(1), withDictionary, recording.DictionaryID(strings.ToUpper(string(d.ID())))},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := segment.NewPack("shop", recording.ClassNormal, packID)
			if err := p.Add(segmentOf(0), segment.Encode(nil, ndjsonOf(0), segment.EncodeOptions{}), "", recording.Base{}); err != nil {
				t.Fatal(err)
			}
			if err := p.Add(tt.s, tt.frame, tt.dictionary, recording.Base{}); !errors.Is(err, segment.ErrRefused) {
				t.Fatalf("got %v", err)
			}
			data, _, err := p.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if want, _ := packOf(t, segmentOf(0)); !bytes.Equal(data, want) {
				t.Error("the refused segment left something behind")
			}
		})
	}
}

func TestAddRefusesMoreThanAFooterHolds(t *testing.T) {
	p := segment.NewPack("shop", recording.ClassNormal, packID)
	frame := segment.Encode(nil, ndjsonOf(0), segment.EncodeOptions{})
	s := segmentOf(0)
	s.URLs = []string{strings.Repeat("u", 4<<20)}
	var err error
	for err == nil && s.Seq < 20 {
		err = p.Add(s, frame, "", recording.Base{})
		s.Seq++
	}
	if !errors.Is(err, segment.ErrFull) {
		t.Fatalf("got %v", err)
	}
	data, stored, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	f, err := readFooter(data)
	if err != nil || len(f.Entries) != len(stored) {
		t.Errorf("a full pack cannot be read: %v", err)
	}
}

func TestBytesRefusesPacksWithoutAKey(t *testing.T) {
	for _, class := range []recording.Class{"", "a/b", "Normal"} {
		p := segment.NewPack("shop", class, packID)
		if err := p.Add(segmentOf(0), segment.Encode(nil, ndjsonOf(0), segment.EncodeOptions{}), "", recording.Base{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.Bytes(); !errors.Is(err, segment.ErrKey) {
			t.Errorf("class %q: %v", class, err)
		}
	}
	if _, _, err := segment.NewPack("shop", recording.ClassNormal, packID).Bytes(); err == nil {
		t.Error("a pack without segments was made")
	}
}

// verify reads a pack as reindexing does and reports the first damage.
func verify(data []byte) error {
	f, err := readFooter(data)
	if err != nil {
		return err
	}
	for _, e := range f.Entries {
		if err := e.Verify(data[e.Offset : e.Offset+e.Length]); err != nil {
			return err
		}
	}
	return nil
}

func TestEveryFlippedBitOfAPackIsNoticed(t *testing.T) {
	data, _ := packOf(t, segmentOf(0), segmentOf(1))
	if err := verify(data); err != nil {
		t.Fatal(err)
	}
	for i := range len(data) * 8 {
		data[i/8] ^= 1 << (i % 8)
		if err := verify(data); !errors.Is(err, segment.ErrCorrupt) && !errors.Is(err, segment.ErrVersion) {
			t.Errorf("bit %d of byte %d: %v", i%8, i/8, err)
		}
		data[i/8] ^= 1 << (i % 8)
	}
}

func TestTornPackIsNoticed(t *testing.T) {
	data, _ := packOf(t, segmentOf(0), segmentOf(1))
	for n := range len(data) {
		if err := verify(data[:n]); !errors.Is(err, segment.ErrCorrupt) {
			t.Errorf("first %d bytes: %v", n, err)
		}
		// The store says the full size but has less.
		if _, err := segment.ReadFooter(bytes.NewReader(data[:n]), int64(len(data))); !errors.Is(err, segment.ErrCorrupt) {
			t.Errorf("first %d bytes, full size: %v", n, err)
		}
	}
}

func TestReadFooterNamesANewerVersion(t *testing.T) {
	data, _ := packOf(t, segmentOf(0))
	data[7], data[len(data)-1] = 2, 2
	if _, err := readFooter(data); !errors.Is(err, segment.ErrVersion) {
		t.Errorf("got %v", err)
	}
}

func TestReadFooterReturnsErrorsOfTheStore(t *testing.T) {
	broken := errors.New("store is down")
	_, err := segment.ReadFooter(readerAtFunc(func([]byte, int64) (int, error) { return 0, broken }), 1000)
	if !errors.Is(err, broken) || errors.Is(err, segment.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

func TestReadFooterReadsTheTailOnce(t *testing.T) {
	data, _ := packOf(t, segmentOf(0), segmentOf(1))
	reads := 0
	_, err := segment.ReadFooter(readerAtFunc(func(b []byte, offset int64) (int, error) {
		reads++
		return bytes.NewReader(data).ReadAt(b, offset)
	}), int64(len(data)))
	if err != nil || reads != 2 {
		t.Errorf("%d reads, want 2 (%v)", reads, err)
	}
}

func TestReadFooterReadsALongFooter(t *testing.T) {
	var many []recording.Segment
	for seq := range uint32(5000) {
		s := fullSegment(seq)
		s.Origin.UserID = fmt.Sprintf("%x", crc32.ChecksumIEEE(fmt.Append(nil, seq)))
		s.Origin.Referrer = fmt.Sprintf("https://search.example/%x%x", crc32.ChecksumIEEE(fmt.Append(nil, "r", seq)), crc32.ChecksumIEEE(fmt.Append(nil, "s", seq)))
		many = append(many, s)
	}
	data, stored := packOf(t, many...)
	footerBytes := binary.LittleEndian.Uint32(data[len(data)-16:])
	if footerBytes < 64<<10 {
		t.Fatalf("the footer has only %d bytes", footerBytes)
	}
	f, err := readFooter(data)
	if err != nil || len(f.Entries) != len(stored) {
		t.Errorf("%v", err)
	}
}

func TestReadFooterRefusesFalseLines(t *testing.T) {
	const head = `{"v":1,"project_id":"shop","class":"normal","pack_id":"01KAM4Z3EV0123456789ABCDEF","segments":2}` + "\n"
	line := func(seq, offset, length int) string {
		return fmt.Sprintf(`{"session_id":"session-1","window_id":"window-1","seq":%d,"page_id":"page-0001","offset":%d,"length":%d}`+"\n", seq, offset, length)
	}
	tests := map[string]string{
		"nothing":               "",
		"no JSON":               "x\n",
		"another version":       strings.Replace(head, `"v":1`, `"v":2`, 1) + line(0, 8, 40) + line(1, 48, 60),
		"a project":             strings.Replace(head, "shop", "../x", 1) + line(0, 8, 40) + line(1, 48, 60),
		"a class":               strings.Replace(head, "normal", "", 1) + line(0, 8, 40) + line(1, 48, 60),
		"an id":                 strings.Replace(head, "01KAM", "U", 1) + line(0, 8, 40) + line(1, 48, 60),
		"too few lines":         head + line(0, 8, 100),
		"too many lines":        head + line(0, 8, 40) + line(1, 48, 30) + line(2, 78, 30),
		"a hole":                head + line(0, 8, 40) + line(1, 49, 59),
		"an overlap":            head + line(0, 8, 40) + line(1, 47, 61),
		"a short end":           head + line(0, 8, 40) + line(1, 48, 59),
		"beyond the footer":     head + line(0, 8, 40) + line(1, 48, 61),
		"no length":             head + line(0, 8, 0) + line(1, 8, 100),
		"negative length":       head + line(0, 8, -1) + line(1, 7, 101),
		"overflowing length":    head + line(0, 8, 1<<62) + line(1, 48, 60),
		"a repeat":              head + line(0, 8, 40) + line(0, 48, 60),
		"a negative seq":        head + line(-1, 8, 40) + line(1, 48, 60),
		"a session id":          head + strings.Replace(line(0, 8, 40), "session-1", "x", 1) + line(1, 48, 60),
		"an empty line":         head + line(0, 8, 40) + "\n" + line(1, 48, 60),
		"a dictionary's name":   head + strings.Replace(line(0, 8, 40), `"seq"`, `"dictionary":"../x","seq"`, 1) + line(1, 48, 60),
		"negative raw bytes":    head + strings.Replace(line(0, 8, 40), `"seq"`, `"raw_bytes":-1,"seq"`, 1) + line(1, 48, 60),
		"a line torn from JSON": head + line(0, 8, 40) + line(1, 48, 60)[:30],
	}
	if _, err := readFooter(packWithFooter([]byte(head + line(0, 8, 40) + line(1, 48, 60)))); err != nil {
		t.Fatalf("the test's own lines: %v", err)
	}
	for name, lines := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := readFooter(packWithFooter([]byte(lines))); !errors.Is(err, segment.ErrCorrupt) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// packWithFooter wraps lines in a pack whose checksums are right, after 100
// bytes of frames.
func packWithFooter(lines []byte) []byte {
	data := append([]byte("PHPACK\x00\x01"), make([]byte, 100)...)
	footer := segment.Encode(nil, lines, segment.EncodeOptions{})
	offset := uint64(len(data))
	data = append(data, footer...)
	data = binary.LittleEndian.AppendUint64(data, offset)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(footer)))
	data = binary.LittleEndian.AppendUint32(data, crc32.Checksum(footer, crc32.MakeTable(crc32.Castagnoli)))
	return append(data, "PHPACK\x00\x01"...)
}

type readerAtFunc func([]byte, int64) (int, error)

func (f readerAtFunc) ReadAt(b []byte, offset int64) (int, error) { return f(b, offset) }

var _ io.ReaderAt = readerAtFunc(nil)

// addStored adds what is stored under testdata to a corpus.
func addStored(f *testing.F, pattern string) {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		f.Fatalf("no files %s (%v)", pattern, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

func FuzzReadFooter(f *testing.F) {
	addStored(f, "testdata/v*/*.pack")
	data, _ := packOf(f, segmentOf(0), fullSegment(1))
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add([]byte("PHPACK\x00\x01PHPACK\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkFooter(t, data)
	})
}

// FuzzFooterLines gets past the checksums, which FuzzReadFooter cannot.
func FuzzFooterLines(f *testing.F) {
	f.Add([]byte(`{"v":1,"project_id":"shop","class":"normal","pack_id":"01KAM4Z3EV0123456789ABCDEF","segments":1}` + "\n" +
		`{"session_id":"session-1","window_id":"window-1","seq":0,"page_id":"page-0001","offset":8,"length":100,"urls":["x"]}` + "\n"))
	dictionary := strings.Repeat("ab", 32)
	f.Add([]byte(`{"v":1,"project_id":"shop","class":"normal","pack_id":"01KAM4Z3EV0123456789ABCDEF","segments":3}` + "\n" +
		`{"session_id":"session-1","window_id":"window-1","seq":0,"page_id":"page-0001","offset":8,"length":40,"dictionary":"` + dictionary + `"}` + "\n" +
		`{"session_id":"session-1","window_id":"window-1","seq":0,"page_id":"page-0001","offset":48,"length":30,"keyframe":true}` + "\n" +
		`{"session_id":"session-1","window_id":"window-1","seq":1,"page_id":"page-0001","offset":78,"length":30,"dictionary":"` + dictionary + `",` +
		`"base_object":"v1/shop/normal/2025/11/21/21/01KAM4Z3EV0123456789ABCDEF.pack","base_offset":8,"base_length":40,"base_raw_bytes":100,"base_dictionary":"` + dictionary + `"}` + "\n"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		checkFooter(t, packWithFooter(lines))
	})
}

func checkFooter(t *testing.T, data []byte) {
	footer, err := readFooter(data)
	if err != nil {
		if !errors.Is(err, segment.ErrCorrupt) && !errors.Is(err, segment.ErrVersion) {
			t.Fatalf("error of no kind: %v", err)
		}
		return
	}
	for _, e := range footer.Entries {
		if _, _, _, err := segment.ParsePackKey(e.Object); err != nil {
			t.Fatalf("entry in an object that cannot be: %v", err)
		}
		// Must not panic; a fuzzed frame need not be right.
		frame := data[e.Offset : e.Offset+e.Length]
		if e.Verify(frame) == nil {
			_, _ = segment.Decode(nil, frame, 1<<20, nil)
		}
	}
	for _, k := range footer.Keyframes {
		if _, _, _, err := segment.ParsePackKey(k.Object); err != nil {
			t.Fatalf("keyframe in an object that cannot be: %v", err)
		}
		_ = k.Verify(data[k.Offset : k.Offset+k.Length]) // likewise
	}
}
