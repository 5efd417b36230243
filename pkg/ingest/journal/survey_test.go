package journal

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Looking at a journal counts what its owner would recover, and changes
// nothing, also while the owner writes.
func TestLook(t *testing.T) {
	if s, err := Look(filepath.Join(t.TempDir(), "absent")); err != nil || s.Files != 0 || s.InUse {
		t.Errorf("a journal that does not exist: %+v, %v", s, err)
	}
	dir := t.TempDir()
	j, _ := open(t, options(dir))
	var entries []Entry
	for seq := range uint32(6) {
		entries = append(entries, appendSegment(t, j, seq))
	}
	must(t, j.AppendSeal(Seal{Pack: PackID{1}, Group: group, Segments: positions(entries[0])}))
	must(t, j.AppendDone(PackID{1}))
	must(t, j.AppendSeal(Seal{Pack: PackID{2}, Group: group, Segments: positions(entries[1], entries[2])}))

	s, err := Look(dir)
	if err != nil || !s.InUse || s.Segments != 5 || s.Packs != 1 || s.Files != 1 || len(s.Damage) != 0 {
		t.Fatalf("%+v, %v; want 5 segments, two of them in a pack", s, err)
	}
	closeNow(t, j)

	path := filepath.Join(dir, fileName(entries[4].File))
	content, err := os.ReadFile(path)
	must(t, err)
	content[int(entries[4].Offset)+recordHeadSize+5] ^= 0xff
	content = append(content, "torn"...)
	must(t, os.WriteFile(path, content, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "0000000000000007.damaged"), nil, 0o600))
	s, err = Look(dir)
	if err != nil || s.InUse || s.Segments != 4 || len(s.Damage) != 2 || len(s.SetAside) != 1 {
		t.Fatalf("%+v, %v; want 4 segments, a damaged and a torn stretch", s, err)
	}
	if lost := s.Lost(); lost <= 4 || lost >= int64(len(content)) {
		t.Errorf("%d bytes lost", lost)
	}
	if after, err := os.ReadFile(path); err != nil || !slices.Equal(after, content) {
		t.Errorf("the file has changed: %v", err)
	}
}
