//go:build unix

package faults

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/recording"
)

var errPower = errors.New("the power is off")

// mains is the power that the files of a journal hang on. Writes reach a file
// with the next fsync of it; when the power goes, each later write has arrived
// whole, in part or not at all.
type mains struct {
	mu    sync.Mutex
	rng   *rand.Rand
	left  int // calls until the power goes
	off   bool
	lying bool // fsync does nothing, as on a bad disk
	files []*unsynced
}

// spend counts a call and says whether there is power for it; m.mu is held.
func (m *mains) spend() error {
	if m.left--; m.left <= 0 && !m.off {
		m.off = true
		for _, f := range m.files {
			f.settle()
		}
	}
	if m.off {
		return errPower
	}
	return nil
}

// create implements journal.Options.Create.
func (m *mains) create(path string) (journal.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.spend(); err != nil {
		return nil, err
	}
	disk, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	f := &unsynced{mains: m, disk: disk}
	m.files = append(m.files, f)
	return f, nil
}

// change is a write that was not fsynced, or a truncation when data is nil.
type change struct {
	at   int64
	data []byte
}

// unsynced is a file whose changes stay in memory until fsync.
type unsynced struct {
	mains   *mains
	disk    *os.File
	seen    []byte // what its program sees
	pending []change
}

// ReadAt reads what was written, fsynced or not.
func (f *unsynced) ReadAt(p []byte, off int64) (int, error) {
	f.mains.mu.Lock()
	defer f.mains.mu.Unlock()
	if off >= int64(len(f.seen)) {
		return 0, fmt.Errorf("read at %d of %d bytes", off, len(f.seen))
	}
	return copy(p, f.seen[off:]), nil
}

// WriteAt writes into memory.
func (f *unsynced) WriteAt(p []byte, off int64) (int, error) {
	f.mains.mu.Lock()
	defer f.mains.mu.Unlock()
	if err := f.mains.spend(); err != nil {
		return 0, err
	}
	if grow := off + int64(len(p)) - int64(len(f.seen)); grow > 0 {
		f.seen = append(f.seen, make([]byte, grow)...)
	}
	copy(f.seen[off:], p)
	f.pending = append(f.pending, change{off, append([]byte{}, p...)})
	return len(p), nil
}

// Truncate cuts the file, in memory.
func (f *unsynced) Truncate(size int64) error {
	f.mains.mu.Lock()
	defer f.mains.mu.Unlock()
	if err := f.mains.spend(); err != nil {
		return err
	}
	f.seen = f.seen[:size]
	f.pending = append(f.pending, change{at: size})
	return nil
}

// Sync brings what was written to the disk.
func (f *unsynced) Sync() error {
	f.mains.mu.Lock()
	defer f.mains.mu.Unlock()
	if err := f.mains.spend(); err != nil || f.mains.lying {
		return err
	}
	for _, c := range f.pending {
		if err := f.apply(c, len(c.data)); err != nil {
			return err
		}
	}
	f.pending = nil
	return nil
}

// apply brings the first n bytes of a change to the disk.
func (f *unsynced) apply(c change, n int) error {
	if c.data == nil {
		return f.disk.Truncate(c.at)
	}
	_, err := f.disk.WriteAt(c.data[:n], c.at)
	return err
}

// settle is what a disk does when the power goes: of the changes that nobody
// fsynced some arrive, in any order, and one of them in part.
func (f *unsynced) settle() {
	rng := f.mains.rng
	for _, i := range rng.Perm(len(f.pending)) {
		c := f.pending[i]
		switch rng.IntN(3) {
		case 0:
			_ = f.apply(c, len(c.data)) // a disk that fails keeps less, which is the same
		case 1:
			_ = f.apply(c, rng.IntN(len(c.data)+1))
		}
	}
	f.pending = nil
}

// Close gives the file back.
func (f *unsynced) Close() error { return f.disk.Close() }

// journalPowerLost cuts the power of a journal, in this process, at a random
// call to its files, while many append, and opens it again. It returns how many
// segments were acknowledged and how many of them are gone. On a lying disk they
// should be.
func (t *trial) journalPowerLost(run int, lying bool) (acked, lost int, err error) {
	dir := filepath.Join(t.dir, fmt.Sprintf("journal-%d", run))
	m := &mains{rng: rand.New(rand.NewPCG(t.rng.Uint64(), uint64(run))), left: 3 + t.rng.IntN(400), lying: lying} //nolint:gosec // repeatable on purpose
	o := journal.Options{Dir: dir, MaxBytes: 64 << 20, FileBytes: 64 << 10, MaxSegments: 1 << 20, Log: slog.New(slog.DiscardHandler), Create: m.create}
	j, _, err := journal.Open(o)
	if errors.Is(err, errPower) {
		return 0, 0, nil // nothing was promised
	}
	if err != nil {
		return 0, 0, fmt.Errorf("open journal: %w", err)
	}
	kept := t.appendUntilDark(j, run)
	_ = j.Close() // cannot write any more
	o.Create = nil
	j, recovery, err := journal.Open(o)
	if err != nil {
		return 0, 0, fmt.Errorf("open journal after the power was off: %w", err)
	}
	defer j.Close()
	found := map[journal.Identity]bool{}
	for _, entries := range recovery.Pending {
		for _, e := range entries {
			found[e.Identity] = true
		}
	}
	for _, id := range kept {
		if !found[id] {
			lost++
		}
	}
	return len(kept), lost, os.RemoveAll(dir)
}

// appendUntilDark appends segments from several goroutines until the power is
// off and returns those that were acknowledged.
func (t *trial) appendUntilDark(j *journal.Journal, run int) []journal.Identity {
	var mu sync.Mutex
	var kept []journal.Identity
	var appending sync.WaitGroup
	frame := make([]byte, 2000)
	for w := range 8 {
		appending.Go(func() {
			for seq := uint32(0); ; seq++ {
				id := recording.SegmentID{Project: mainProject, Session: recording.SessionID(fmt.Sprintf("session-%d-%d", run, w)), Window: "window-1", Seq: seq}
				if _, err := j.AppendSegment(recording.ClassNormal, &recording.Segment{SegmentID: id, Page: "page-0001"}, frame); err != nil {
					return
				}
				mu.Lock()
				kept = append(kept, journal.IdentityOf(id))
				mu.Unlock()
			}
		})
	}
	appending.Wait()
	return kept
}
