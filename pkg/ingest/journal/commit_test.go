package journal

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/playhead/playhead/pkg/recording"
)

func TestFullJournalRefusesSegmentsAndKeepsSeals(t *testing.T) {
	free := uint64(1 << 40)
	cases := map[string]func(*Options){
		"bytes":    func(o *Options) { o.MaxBytes = 3000 },
		"segments": func(o *Options) { o.MaxSegments = 2 },
		"disk":     func(o *Options) { o.MinFreeBytes = 1 << 20 },
	}
	for name, set := range cases {
		t.Run(name, func(t *testing.T) {
			o := options(t.TempDir())
			o.FreeBytes = func(string) (uint64, error) { return free, nil }
			set(&o)
			j, _ := open(t, o)
			kept := []Entry{appendSegment(t, j, 0), appendSegment(t, j, 1)}
			if name == "disk" {
				free = 1 << 20
				defer func() { free = 1 << 40 }()
			}
			var err error
			for seq := uint32(2); err == nil && seq < 100; seq++ {
				var e Entry
				if e, err = j.AppendSegment(recording.ClassNormal, numbered(seq), frame(seq)); err == nil {
					kept = append(kept, e)
				}
			}
			if !errors.Is(err, ErrFull) {
				t.Fatalf("error %v, want ErrFull", err)
			}
			if err := j.Room(1000); !errors.Is(err, ErrFull) {
				t.Errorf("room says %v", err)
			}
			must(t, j.AppendSeal(Seal{Pack: PackID{1}, Group: group, Segments: positions(kept...)}))
			must(t, j.AppendDone(PackID{1}))
			j.Settle(kept)
			free = 1 << 40
			appendSegment(t, j, 100)
			must(t, j.Room(1000))
		})
	}
}

// disk is a file whose operations a test can hold or fail.
type disk struct {
	File
	mu       sync.Mutex
	syncs    int
	sync     func() error
	write    func(p []byte) (int, error) // how much of p is written
	truncate error
}

func (d *disk) hook() (func() error, func([]byte) (int, error), error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sync, d.write, d.truncate
}

func (d *disk) Sync() error {
	hook, _, _ := d.hook()
	d.mu.Lock()
	d.syncs++
	d.mu.Unlock()
	if hook != nil {
		if err := hook(); err != nil {
			return err
		}
	}
	return d.File.Sync()
}

func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	_, hook, _ := d.hook()
	if hook == nil {
		return d.File.WriteAt(p, off)
	}
	n, err := hook(p)
	if _, writeErr := d.File.WriteAt(p[:n], off); writeErr != nil {
		return 0, writeErr
	}
	return n, err
}

func (d *disk) Truncate(size int64) error {
	if _, _, err := d.hook(); err != nil {
		return err
	}
	return d.File.Truncate(size)
}

func (d *disk) set(f func(*disk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d)
}

func openOn(t *testing.T, o Options, d *disk) *Journal {
	t.Helper()
	o.Create = func(path string) (File, error) {
		var err error
		d.File, err = create(path)
		return d, err
	}
	j, _ := open(t, o)
	return j
}

func TestFullDiskLeavesNoPartialRecord(t *testing.T) {
	dir := t.TempDir()
	d := &disk{}
	j := openOn(t, options(dir), d)
	appendSegment(t, j, 0)
	d.set(func(d *disk) { d.write = func(p []byte) (int, error) { return len(p) / 2, syscall.ENOSPC } })
	if _, err := j.AppendSegment(recording.ClassNormal, numbered(1), frame(1)); !errors.Is(err, ErrFull) {
		t.Fatalf("error %v, want ErrFull", err)
	}
	if info, err := os.Stat(filepath.Join(dir, fileName(1))); err != nil || info.Size() != j.Stats().Bytes {
		t.Errorf("file has %v bytes (%v), want %d", info.Size(), err, j.Stats().Bytes)
	}
	d.set(func(d *disk) { d.write = nil })
	appendSegment(t, j, 2)
	closeNow(t, j)
	_, r := open(t, options(dir))
	if got := len(r.Pending[group]); got != 2 || len(r.Damage) != 0 {
		t.Errorf("%d segments, damage %v", got, r.Damage)
	}
}

func TestFailuresThatCannotBeUndonePoison(t *testing.T) {
	cases := map[string]func(*disk){
		"fsync": func(d *disk) { d.sync = func() error { return syscall.EIO } },
		"write": func(d *disk) { d.write = func([]byte) (int, error) { return 0, syscall.EIO } },
		"truncate": func(d *disk) {
			d.write, d.truncate = func([]byte) (int, error) { return 1, syscall.ENOSPC }, syscall.EIO
		},
	}
	for name, fault := range cases {
		t.Run(name, func(t *testing.T) {
			d := &disk{}
			j := openOn(t, options(t.TempDir()), d)
			d.set(fault)
			if _, err := j.AppendSegment(recording.ClassNormal, numbered(0), frame(0)); !errors.Is(err, ErrFailed) {
				t.Fatalf("error %v, want ErrFailed", err)
			}
			d.set(func(d *disk) { d.sync, d.write, d.truncate = nil, nil, nil })
			if _, err := j.AppendSegment(recording.ClassNormal, numbered(1), frame(1)); !errors.Is(err, ErrFailed) {
				t.Errorf("error %v after the disk was repaired, want ErrFailed", err)
			}
			select {
			case <-j.Failed():
			default:
				t.Error("nobody is told")
			}
			if !errors.Is(j.Err(), ErrFailed) {
				t.Errorf("Err is %v", j.Err())
			}
		})
	}
}

func TestAppendsWaitForTheFsyncTheyShare(t *testing.T) {
	d := &disk{}
	j := openOn(t, options(t.TempDir()), d)
	release := make(chan struct{})
	syncing := make(chan struct{}, 100)
	before := d.syncs
	d.set(func(d *disk) {
		d.sync = func() error { syncing <- struct{}{}; <-release; return nil }
	})
	const n = 20
	var appended sync.WaitGroup
	acked := make(chan struct{}, n)
	start := func(seq uint32) {
		appended.Go(func() {
			if _, err := j.AppendSegment(recording.ClassNormal, numbered(seq), frame(seq)); err != nil {
				t.Error(err)
			}
			acked <- struct{}{}
		})
	}
	start(0)
	<-syncing // the first group is being synced; everybody else forms the next ones
	for seq := uint32(1); seq < n; seq++ {
		start(seq)
	}
	if len(acked) != 0 {
		t.Error("acknowledged before fsync")
	}
	close(release)
	appended.Wait()
	if got := d.syncs - before; got >= n {
		t.Errorf("%d fsyncs for %d appends", got, n)
	}
}
