package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestNewerVersionIsRefused(t *testing.T) {
	dir := t.TempDir()
	data := fileHeader(salt{})
	for at := 0; at < headerSize; at += headerCopySize {
		c := data[at : at+headerCopySize]
		c[4] = 2
		binary.LittleEndian.PutUint32(c[headerCopySize-4:], crc32.Checksum(c[:headerCopySize-4], castagnoli))
	}
	must(t, os.WriteFile(filepath.Join(dir, fileName(1)), data, 0o600))
	if _, _, err := Open(options(dir)); !errors.Is(err, ErrVersion) {
		t.Errorf("error %v, want ErrVersion", err)
	}
}

// TestVersion1StaysReadable reads files that were written when version 1 was
// made, and when uploads came to it. They are never rewritten: a change of the
// format needs a new version and a new file.
func TestVersion1StaysReadable(t *testing.T) {
	golden := func(name string, build func(add func(kind, ...[]byte) Position)) (*Journal, *Recovery) {
		path := filepath.Join("testdata", "v1", name, fileName(1))
		if *update {
			if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
				written(t, filepath.Dir(path), build)
			}
		}
		data, err := os.ReadFile(path)
		must(t, err)
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, fileName(1)), data, 0o600))
		return open(t, options(dir))
	}
	j, r := golden("", func(add func(kind, ...[]byte) Position) {
		a := add(kindSegment, segmentParts(t, 0, frame(0))...)
		b := add(kindSegment, segmentParts(t, 1, frame(1))...)
		c := add(kindSegment, segmentParts(t, 2, frame(2))...)
		add(kindSeal, sealPart(t, Seal{Pack: PackID{1}, Group: group, Segments: []Position{a}}))
		add(kindDone, append([]byte{1}, make([]byte, 15)...))
		add(kindSeal, sealPart(t, Seal{Pack: PackID{2}, Group: group, Segments: []Position{c}, Repeats: []Position{b}}))
		add(kindSegment, segmentParts(t, 3, frame(3))...)
	})
	if len(r.Packs) != 1 || r.Packs[0].ID != (PackID{2}) || len(r.Packs[0].Entries) != 1 || len(r.Packs[0].Repeats) != 1 ||
		len(r.Pending[group]) != 1 || len(r.Damage) != 0 {
		t.Fatalf("recovered %+v", r)
	}
	wantRead(t, j, r.Packs[0].Entries[0], 2)
	wantRead(t, j, r.Packs[0].Repeats[0], 1)
	wantRead(t, j, r.Pending[group][0], 3)

	j, r = golden("uploads", func(add func(kind, ...[]byte) Position) {
		a := add(kindUpload, uploadParts(t, 0)...)
		b := add(kindUpload, uploadParts(t, 1)...)
		add(kindSegment, segmentParts(t, 2, frame(2))...)
		add(kindSeal, sealPart(t, Seal{Pack: PackID{1}, Group: group, Segments: []Position{a}}))
		add(kindDone, append([]byte{1}, make([]byte, 15)...))
		add(kindSeal, sealPart(t, Seal{Pack: PackID{2}, Group: group, Segments: []Position{b}}))
		add(kindUpload, uploadParts(t, 3)...)
	})
	if len(r.Packs) != 1 || len(r.Packs[0].Entries) != 1 || len(r.Pending[group]) != 2 || len(r.Damage) != 0 {
		t.Fatalf("recovered %+v", r)
	}
	wantUpload(t, j, r.Packs[0].Entries[0], 1)
	wantRead(t, j, r.Pending[group][0], 2)
	wantUpload(t, j, r.Pending[group][1], 3)
}

func uploadParts(t *testing.T, seq uint32) [][]byte {
	t.Helper()
	m := metaOf(sent(seq))
	b, err := m.encode()
	must(t, err)
	return [][]byte{binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b, frame(seq)}
}

// FuzzScan: whatever a file holds, reading it ends, and every byte after the
// header is either in an intact record or reported as damage.
func FuzzScan(f *testing.F) {
	s := salt{1, 2, 3}
	whole := appendRecord(appendRecord(fileHeader(s), s, kindSegment, []byte("\x02\x00\x00\x00{}frame")), s, kindDone, make([]byte, 16))
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(appendRecord(fileHeader(s), s, kindUpload, []byte("\x11\x00\x00\x00"+`{"encoding":"gz"}`+"body")))
	f.Add(append(bytes.Clone(whole), 1, 2, 3))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := parseHeader(data); err != nil {
			return
		}
		s, _ := parseHeader(data)
		covered := headerSize
		damaged, err := scan(data, s, func(_ int, k kind, payload []byte) error {
			covered += recordHeadSize + len(payload)
			switch k {
			case kindSegment, kindUpload:
				_, _ = decodeRecord(k, payload)
			case kindSeal:
				if seal, err := decodeSeal(payload); err == nil {
					again, err := encodeSeal(seal)
					if err != nil || !bytes.Equal(again, payload) {
						t.Errorf("seal %x is encoded as %x (%v)", payload, again, err)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range damaged {
			covered += d.end - d.start
		}
		if covered != len(data) {
			t.Errorf("%d of %d bytes are accounted for", covered, len(data))
		}
	})
}
