package ingest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// noise is text that nothing compresses but a copy of it.
func noise(seed uint64, n int) string {
	source := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // a test's text
	text := make([]byte, n/2)
	for i := range text {
		text[i] = byte(source.Uint32())
	}
	return hex.EncodeToString(text)
}

func snapshotLine(text string) string {
	return fmt.Sprintf(`{"type":2,"timestamp":1000,"data":{"node":{"type":3,"id":1,"textContent":%q}}}`, text) + "\n"
}

func mutationLine(text string) string {
	return fmt.Sprintf(`{"type":3,"timestamp":2000,"data":{"source":0,"texts":[{"id":1,"value":%q}]}}`, text) + "\n"
}

// What a window shows again is stored once, and read back as it was.
func TestLaterSegmentsOfAWindowReferToItsFullSnapshot(t *testing.T) {
	t.Run("unknown site", func(t *testing.T) { laterSegments(t, false) })
	t.Run("site with a dictionary", func(t *testing.T) { laterSegments(t, true) })
}

func laterSegments(t *testing.T, isKnown bool) {
	st := newStores(t)
	var site recording.DictionaryID
	if isKnown {
		d, _ := giveDictionary(t, st.bucket)
		site = d.ID()
	}
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	running(t, s)
	if isKnown {
		eventually(t, "the dictionary is loaded", func() bool { return s.library.Current(testProject, dictionarySite) != nil })
	}
	text := noise(1, 40<<10)
	sent := []string{snapshotLine(text), mutationLine(text + "a"), mutationLine(text + "b"), snapshotLine(text + "c")}
	send := func(seqs ...uint32) {
		t.Helper()
		for _, seq := range seqs {
			upload := uploadOf("session-1", seq, sent[seq])
			upload.Header.Origin.URL = "https://" + dictionarySite + "/cart"
			must(t, s.Accept(deadline(t), testProject, upload))
		}
		flush(t, s)
	}
	send(0, 1)
	send(2, 3)
	segments, err := st.index.Segments(deadline(t), testProject, "session-1")
	must(t, err)
	first := segments[0]
	for i, want := range []recording.Base{
		{}, {}, // the first is not stored yet when the second is made
		{Location: first.Location, RawBytes: first.RawBytes, Dictionary: site},
		{Location: first.Location, RawBytes: first.RawBytes, Dictionary: site},
	} {
		if segments[i].Base != want {
			t.Errorf("segment %d has base %+v, want %+v", i, segments[i].Base, want)
		}
	}
	if small, large := segments[2].Length, segments[1].Length; small*20 > large {
		t.Errorf("a frame with a base has %d bytes, one without %d", small, large)
	}
	dictionaries := dictionary.NewReader(st.bucket, 1<<20)
	for i, at := range segments {
		object, err := st.bucket.Get(deadline(t), at.Object, at.Offset, at.Length)
		must(t, err)
		frame, err := io.ReadAll(object)
		must(t, err)
		d, err := dictionaries.Get(deadline(t), at)
		must(t, err)
		events, err := segment.Decode(nil, frame, at.RawBytes, d)
		must(t, err)
		if string(events) != sent[i] {
			t.Errorf("segment %d is read back as %d other bytes", i, len(events))
		}
	}
}

func noTime() time.Duration { return 0 }

// Frames have a base until those have used the processor time that there is for
// them, whatever time has passed, and none while many segments wait.
func TestFramesTakeTheTimeThatThereIs(t *testing.T) {
	var used, each time.Duration
	b := newBases(func() time.Time { return time.UnixMilli(1) }, func() time.Duration { used += each; return used })
	events := []byte(snapshotLine(noise(1, 1000)))
	seg := recording.Segment{SegmentID: recording.SegmentID{Project: testProject, Session: "session-1", Window: "window-1"}, FullSnapshots: []int64{1}}
	b.offer(&seg, events, nil)
	b.stored([]recording.StoredSegment{{Segment: seg, Location: recording.Location{Object: "pack", Offset: 8, Length: 100}}})
	hasBase := func(fast bool) bool {
		_, w := b.encode(nil, seg.SegmentID, events, nil, fast)
		return w.base.Object != ""
	}
	if hasBase(true) {
		t.Error("a frame has a base while many segments wait")
	}
	each = careMost - 1
	if !hasBase(false) {
		t.Error("the first frame has no base")
	}
	each = 1
	if !hasBase(false) {
		t.Error("a frame has no base while there is time left")
	}
	if hasBase(false) {
		t.Error("a frame has a base when the time is used up")
	}
}

func TestBases(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	newWindow := func(i int) recording.Segment {
		return recording.Segment{
			SegmentID:     recording.SegmentID{Project: testProject, Session: "session-1", Window: recording.WindowID(fmt.Sprintf("window-%d", i))},
			FullSnapshots: []int64{1},
		}
	}
	stored := func(seg recording.Segment) []recording.StoredSegment {
		return []recording.StoredSegment{{Segment: seg, Location: recording.Location{Object: "pack", Offset: 8, Length: 100}}}
	}
	taken := func(b *bases, seg recording.Segment) bool {
		content, _ := b.take(seg.SegmentID)
		return content != nil
	}
	t.Run("only what is stored", func(t *testing.T) {
		b := newBases(func() time.Time { return now }, noTime)
		seg := newWindow(1)
		b.offer(&seg, []byte(noise(1, 1000)), nil)
		if taken(b, seg) {
			t.Error("taken before it is stored")
		}
		b.stored(stored(seg))
		if !taken(b, seg) {
			t.Error("not taken when it is stored")
		}
		if other := newWindow(2); taken(b, other) {
			t.Error("taken for another window")
		}
	})
	t.Run("only full snapshots", func(t *testing.T) {
		b := newBases(func() time.Time { return now }, noTime)
		seg := newWindow(1)
		seg.FullSnapshots = nil
		b.offer(&seg, []byte(noise(1, 1000)), nil)
		b.stored(stored(seg))
		if taken(b, seg) {
			t.Error("a segment without full snapshot is a base")
		}
	})
	t.Run("one that never arrives is replaced", func(t *testing.T) {
		at := now
		b := newBases(func() time.Time { return at }, noTime)
		lost, next := newWindow(1), newWindow(1)
		next.Seq = 1
		b.offer(&lost, []byte(noise(1, 1000)), nil)
		at = at.Add(2 * baseWait)
		b.offer(&next, []byte(noise(2, 1000)), nil)
		b.stored(stored(next))
		if !taken(b, next) {
			t.Error("the window has no base")
		}
	})
	t.Run("memory is bounded", func(t *testing.T) {
		b := newBases(func() time.Time { return now }, noTime)
		content := bytes.Repeat([]byte("x"), segment.MaxDictionaryBytes)
		for i := range 2 * basesBytes / len(content) {
			seg := newWindow(i)
			b.offer(&seg, content, nil)
			b.stored(stored(seg))
			if b.bytes > basesBytes {
				t.Fatalf("%d bytes are kept", b.bytes)
			}
		}
		if oldest := newWindow(0); taken(b, oldest) {
			t.Error("the oldest is still kept")
		}
	})
	t.Run("all can be given up", func(t *testing.T) {
		b := newBases(func() time.Time { return now }, noTime)
		seg := newWindow(1)
		b.offer(&seg, []byte(noise(1, 1000)), nil)
		b.stored(stored(seg))
		b.forget()
		if taken(b, seg) || b.bytes != 0 {
			t.Errorf("%d bytes are kept", b.bytes)
		}
		b.offer(&seg, []byte(noise(1, 1000)), nil)
		b.stored(stored(seg))
		if !taken(b, seg) {
			t.Error("a window has no base any more")
		}
	})
	t.Run("after the dictionary of the site", func(t *testing.T) {
		b := newBases(func() time.Time { return now }, noTime)
		site, err := segment.NewDictionary([]byte(noise(2, 1000)))
		must(t, err)
		seg := newWindow(1)
		events := []byte(noise(1, 1000))
		b.offer(&seg, events, site)
		b.stored(stored(seg))
		if taken(b, seg) {
			t.Error("a segment that was stored without the dictionary is a base with it")
		}
		with := stored(seg)
		with[0].Dictionary = site.ID()
		b.stored(with)
		content, at := b.take(seg.SegmentID)
		if content == nil || at.Dictionary != site.ID() || !bytes.Equal(content.Content(), append(site.Content(), events...)) {
			t.Errorf("base %+v", at)
		}
	})
	t.Run("processor time is bounded", func(t *testing.T) {
		at := now
		b := newBases(func() time.Time { return at }, noTime)
		b.took(careMost + time.Second)
		at = at.Add(9 * time.Second)
		if care := b.allowance(at); care > 0 {
			t.Errorf("%v of care are left", care)
		}
		at = at.Add(2 * time.Second)
		if care := b.allowance(at); care != 100*time.Millisecond {
			t.Errorf("%v of care, want 100ms", care)
		}
		at = at.Add(time.Hour)
		if care := b.allowance(at); care != careMost {
			t.Errorf("%v of care after an hour, want %v", care, careMost)
		}
	})
}
