package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/playhead/playhead/pkg/recording"
)

// smallParts is a segment that says no more than it must, for tests that go
// through its bytes.
func smallParts(t *testing.T, seq uint32) [][]byte {
	t.Helper()
	s := &recording.Segment{SegmentID: numbered(seq).SegmentID, Page: "page-0001", RawBytes: 1}
	m, err := describedAs(s).encode()
	must(t, err)
	return [][]byte{binary.LittleEndian.AppendUint32(nil, uint32(len(m))), m, frame(seq)}
}

// rewrite replaces a file by a new one: truncating the old one would make ext4
// write it to the disk, which takes most of a test that does it a thousand times.
func rewrite(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	must(t, os.WriteFile(path, data, 0o600))
}

// recoverOnly does the reading half of Open, without a new file and its fsyncs.
func recoverOnly(t *testing.T, dir string) (*Journal, *Recovery) {
	t.Helper()
	j := &Journal{opts: options(dir)}
	r, err := j.recover()
	must(t, err)
	t.Cleanup(func() {
		for _, f := range j.files {
			must(t, f.Close())
		}
	})
	return j, r
}

// TestAnyFlippedByteCostsOneRecord flips every byte of a journal in turn.
func TestAnyFlippedByteCostsOneRecord(t *testing.T) {
	dir := t.TempDir()
	path, spans := written(t, dir, func(add func(kind, ...[]byte) Position) {
		for seq := range uint32(4) {
			add([]kind{kindSegment, kindUpload}[seq%2], smallParts(t, seq)...)
		}
	})
	intact, err := os.ReadFile(path)
	must(t, err)
	for at := range intact {
		damaged := bytes.Clone(intact)
		damaged[at] ^= 0xff
		rewrite(t, path, damaged)
		hit := slices.IndexFunc(spans, func(s region) bool { return s.start <= at && at < s.end })
		want := map[uint32]bool{0: true, 1: true, 2: true, 3: true}
		var damage []Damage
		if hit >= 0 {
			delete(want, uint32(hit))
			damage = []Damage{{
				File: path, Offset: int64(spans[hit].start), Bytes: int64(spans[hit].end - spans[hit].start),
				Torn: hit == len(spans)-1,
			}}
		}
		j, r := recoverOnly(t, dir)
		got := map[uint32]bool{}
		for _, e := range r.Pending[group] {
			s, err := j.Read(e, new([]byte))
			must(t, err)
			got[s.Segment.Seq] = true
		}
		if !maps.Equal(got, want) {
			t.Errorf("byte %d: segments %v, want %v", at, got, want)
		}
		if diff := cmp.Diff(damage, r.Damage); diff != "" {
			t.Errorf("byte %d: %s", at, diff)
		}
	}
}

// TestAnyTornTailIsTruncated cuts a journal at every length.
func TestAnyTornTailIsTruncated(t *testing.T) {
	dir := t.TempDir()
	path, spans := written(t, dir, func(add func(kind, ...[]byte) Position) {
		for seq := range uint32(2) {
			add(kindSegment, smallParts(t, seq)...)
		}
	})
	whole, err := os.ReadFile(path)
	must(t, err)
	for size := range whole {
		rewrite(t, path, whole[:size])
		want, end := 0, headerSize
		for _, s := range spans {
			if s.end <= size {
				want, end = want+1, s.end
			}
		}
		_, r := recoverOnly(t, dir)
		torn := int64(0)
		for _, d := range r.Damage {
			if !d.Torn {
				t.Errorf("%d bytes: %+v is no torn tail", size, d)
			}
			torn += d.Bytes
		}
		if size < headerSize {
			end = 0
		}
		if len(r.Pending[group]) != want || torn != int64(size-end) {
			t.Errorf("%d bytes: %d segments and %d torn bytes, want %d and %d", size, len(r.Pending[group]), torn, want, size-end)
		}
		if info, err := os.Stat(path); want > 0 && (err != nil || info.Size() != int64(end)) {
			t.Errorf("%d bytes: file has %d, want %d", size, info.Size(), end)
		}
	}
}

func TestFileWithoutHeaderIsSetAside(t *testing.T) {
	dir := t.TempDir()
	path, _ := written(t, dir, func(add func(kind, ...[]byte) Position) {
		add(kindSegment, segmentParts(t, 0, frame(0))...)
	})
	data, err := os.ReadFile(path)
	must(t, err)
	clear(data[:headerSize])
	must(t, os.WriteFile(path, data, 0o600))
	_, r := open(t, options(dir))
	want := []Damage{{File: path, Bytes: int64(len(data))}}
	if diff := cmp.Diff(want, r.Damage); diff != "" {
		t.Error(diff)
	}
	if kept, err := os.ReadFile(strings.TrimSuffix(path, ".log") + ".damaged"); err != nil || !bytes.Equal(kept, data) {
		t.Errorf("the file is not kept: %v", err)
	}
}

// TestRecordsInsideFramesAreNotTaken: a stranger may send a frame that holds
// the bytes of a record. After damage to the record around it, nothing in it
// is believed.
func TestRecordsInsideFramesAreNotTaken(t *testing.T) {
	dir := t.TempDir()
	forged := appendRecord(nil, salt{}, kindSegment, segmentParts(t, 666, frame(666))...)
	path, spans := written(t, dir, func(add func(kind, ...[]byte) Position) {
		add(kindSegment, segmentParts(t, 0, forged)...)
		add(kindSegment, segmentParts(t, 1, frame(1))...)
	})
	data, err := os.ReadFile(path)
	must(t, err)
	data[spans[0].start] ^= 1
	must(t, os.WriteFile(path, data, 0o600))
	j, r := open(t, options(dir))
	entries := r.Pending[group]
	if len(entries) != 1 {
		t.Fatalf("%d segments, want 1", len(entries))
	}
	wantRead(t, j, entries[0], 1)
}

func TestSealsThatCannotBeKept(t *testing.T) {
	f := func(name string, build func(add func(kind, ...[]byte) Position), damage int, wantPacks, wantPending int) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, spans := written(t, dir, build)
			if damage >= 0 {
				data, err := os.ReadFile(path)
				must(t, err)
				data[spans[damage].start] ^= 1
				must(t, os.WriteFile(path, data, 0o600))
			}
			_, r := open(t, options(dir))
			if len(r.Packs) != wantPacks || len(r.Pending[group]) != wantPending {
				t.Errorf("%d packs and %d pending segments, want %d and %d", len(r.Packs), len(r.Pending[group]), wantPacks, wantPending)
			}
		})
	}
	sealed := func(packs ...byte) func(func(kind, ...[]byte) Position) {
		return func(add func(kind, ...[]byte) Position) {
			a := add(kindSegment, segmentParts(t, 0, frame(0))...)
			b := add(kindSegment, segmentParts(t, 1, frame(1))...)
			for _, p := range packs {
				add(kindSeal, sealPart(t, Seal{Pack: PackID{p}, Group: group, Segments: []Position{a, b}}))
			}
			add(kindDone, make([]byte, len(PackID{})))
		}
	}
	f("whole", sealed(1), -1, 1, 0)
	f("a segment is lost: the object may have it", sealed(1), 0, 1, 0)
	f("the seal is lost: both wait", sealed(1), 2, 0, 2)
	f("sealed again: the later seal counts", sealed(1, 2), -1, 1, 0)
	f("done", sealed(0), -1, 0, 0)
	f("a second record of a segment is left out", func(add func(kind, ...[]byte) Position) {
		add(kindSegment, segmentParts(t, 0, frame(0))...)
		add(kindSegment, segmentParts(t, 0, frame(0))...)
		add(kindDone, make([]byte, len(PackID{})))
	}, -1, 0, 1)
}
