package journal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// walked spells what Walk finds: a letter for each item.
func walked(t *testing.T, path string) (found string) {
	t.Helper()
	at := int64(0)
	must(t, Walk(path, func(i Item) error {
		if i.Offset < at || i.Bytes <= 0 || i.Damaged() != (i.Err != nil) {
			t.Errorf("after byte %d: %+v", at, i)
		}
		at = i.Offset + i.Bytes
		switch {
		case i.Record != nil:
			found += "r"
		case i.Seal != nil:
			found += "s"
		case i.Done != nil:
			found += "d"
		default:
			found += "-"
		}
		return nil
	}))
	return found
}

// Walking a file names everything in it, whatever happened to it.
func TestWalk(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, options(dir))
	first, second := appendSegment(t, j, 0), appendSegment(t, j, 1)
	must(t, j.AppendSeal(Seal{Pack: PackID{1}, Group: group, Segments: positions(first)}))
	must(t, j.AppendDone(PackID{1}))
	path := filepath.Join(dir, fileName(first.File))
	if got := walked(t, path); got != "rrsd" {
		t.Errorf("while it is open: %q", got)
	}
	closeNow(t, j)

	whole, err := os.ReadFile(path)
	must(t, err)
	write := func(content []byte) { must(t, os.WriteFile(path, content, 0o600)) }
	damaged := slices.Clone(whole)
	damaged[int(second.Offset)+recordHeadSize+3] ^= 1
	write(append(damaged, "torn"...))
	if got := walked(t, path); got != "r-sd-" {
		t.Errorf("damaged in the middle and torn: %q", got)
	}
	for n := 1; n < len(whole); n++ {
		write(whole[:n])
		walked(t, path)
	}
	stop := errors.New("enough")
	if err := Walk(path, func(Item) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("visit's error: %v", err)
	}
	if err := Walk(filepath.Join(dir, "absent"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
}
