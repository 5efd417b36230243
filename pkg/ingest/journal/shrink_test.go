package journal

import (
	"os"
	"slices"
	"testing"
)

// TestWhatIsRefusedDoesNotFillTheJournal never settles one segment and keeps
// many times the journal's bound of others.
func TestWhatIsRefusedDoesNotFillTheJournal(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	o.FileBytes, o.MaxBytes = 4<<10, 64<<10
	j, _ := open(t, o)
	refused, beside := appendSegment(t, j, 0), appendSegment(t, j, 1)
	if refused.File != beside.File {
		t.Fatal("the first two segments lie in two files")
	}
	appended := int64(0)
	for pack, seq := 0, uint32(2); appended < 10*o.MaxBytes; pack++ {
		var entries []Entry
		if pack == 3 { // in a file that is shrunk later lies what settles this one
			entries = append(entries, beside)
		}
		for range 8 {
			e := appendSegment(t, j, seq)
			entries = append(entries, e)
			appended += int64(e.Bytes)
			seq++
		}
		id := PackID{byte(pack), byte(pack >> 8)}
		must(t, j.AppendSeal(Seal{Pack: id, Group: Group{Project: project, Class: "normal"}, Segments: positions(entries...)}))
		must(t, j.AppendDone(id))
		j.Settle(entries)
	}
	wantRead(t, j, refused, 0)
	must(t, j.Close())

	j, r := open(t, o)
	pending := slices.Concat(r.Pending[Group{Project: project, Class: "normal"}])
	if len(r.Packs) != 0 || len(pending) != 1 || pending[0].Position != refused.Position || len(r.Damage) != 0 {
		t.Fatalf("packs %v, pending %v, damage %v; want the refused segment only", r.Packs, pending, r.Damage)
	}
	wantRead(t, j, refused, 0)
	j.Settle(pending)
	if stats := j.Stats(); stats.Files != 1 || stats.Segments != 0 {
		t.Errorf("in the end there are %+v", stats)
	}
	names, err := os.ReadDir(dir)
	must(t, err)
	if len(names) > 2 { // a file and the lock
		t.Errorf("the folder holds %v", names)
	}
}
