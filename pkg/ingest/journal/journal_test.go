package journal

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEverySegmentIsReadBack(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, options(dir))
	var entries []Entry
	for seq := range uint32(5) {
		entries = append(entries, appendSegment(t, j, seq))
		wantRead(t, j, entries[seq], seq)
	}
	must(t, j.AppendSeal(Seal{Pack: PackID{1}, Group: group, Segments: positions(entries[2], entries[0]), Repeats: positions(entries[1])}))
	must(t, j.AppendSeal(Seal{Pack: PackID{2}, Group: group, Segments: positions(entries[3])}))
	must(t, j.AppendDone(PackID{2}))
	closeNow(t, j)

	j, r := open(t, options(dir))
	want := &Recovery{
		Packs:   []Pack{{ID: PackID{1}, Group: group, Entries: []Entry{entries[2], entries[0]}, Repeats: []Entry{entries[1]}}},
		Pending: map[Group][]Entry{group: {entries[4]}},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	if s := j.Stats(); s.Segments != 4 {
		t.Errorf("%d segments are live, want 4", s.Segments)
	}
	for _, seq := range []uint32{0, 1, 2, 4} {
		wantRead(t, j, entries[seq], seq)
	}
}

func TestSettledFilesAreDeletedFromTheOldest(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	o.FileBytes = 1 // every group has a file of its own
	j, _ := open(t, o)
	first, second, third := appendSegment(t, j, 0), appendSegment(t, j, 1), appendSegment(t, j, 2)
	files := func() []string {
		names, err := filepath.Glob(filepath.Join(dir, "*.log"))
		must(t, err)
		for i := range names {
			names[i] = filepath.Base(names[i])
		}
		return names
	}
	j.Settle([]Entry{second})
	if got := len(files()); got != 3 {
		t.Errorf("%d files, want 3: the second may hold what settles the first", got)
	}
	j.Settle([]Entry{first})
	if got := files(); !slices.Equal(got, []string{"0000000000000003.log"}) {
		t.Errorf("files %v", got)
	}
	wantRead(t, j, third, 2)
}

func TestOneJournalHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, options(dir))
	if _, _, err := Open(options(dir)); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v, want ErrInUse naming the folder", err)
	}
	closeNow(t, j)
	open(t, options(dir))
}

func TestClosedJournal(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, options(dir))
	closeNow(t, j)
	if err := j.AppendDone(PackID{}); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v, want ErrClosed", err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*.log")); len(names) != 0 {
		t.Errorf("an empty file is left: %v", names)
	}
}

// TestFullDiskAtTheStart: what waits can be read and settled although no file
// can be begun, and appends go on when there is space.
func TestFullDiskAtTheStart(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, options(dir))
	appendSegment(t, j, 0)
	closeNow(t, j)

	full := options(dir)
	full.Create = func(string) (File, error) { return nil, syscall.ENOSPC }
	j, r := open(t, full)
	wantRead(t, j, r.Pending[group][0], 0)
	appendSegment(t, j, 1)
	closeNow(t, j)

	j, r = open(t, options(dir))
	if got := len(r.Pending[group]); got != 2 {
		t.Fatalf("%d segments are pending, want 2", got)
	}
	wantRead(t, j, r.Pending[group][1], 1)

	empty := full
	empty.Dir = t.TempDir()
	if _, _, err := Open(empty); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v without any file, want ENOSPC", err)
	}
}

// TestUploadsAreReadBackAsSent also says what an upload's description holds.
func TestUploadsAreReadBackAsSent(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, options(dir))
	e := appendUpload(t, j, 7)
	must(t, j.AppendSeal(Seal{Pack: PackID{1}, Group: group, Segments: positions(appendSegment(t, j, 1))}))
	closeNow(t, j)

	j, r := open(t, options(dir))
	if diff := cmp.Diff(map[Group][]Entry{group: {e}}, r.Pending); diff != "" {
		t.Error(diff)
	}
	wantUpload(t, j, e, 7)
}
