package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/playhead/playhead/pkg/recording"
)

var update = flag.Bool("update", false, "rewrite golden files")

const project = recording.ProjectID("shop")

var group = Group{Project: project, Class: recording.ClassNormal}

func options(dir string) Options {
	return Options{
		Dir: dir, MaxBytes: 1 << 30, FileBytes: 1 << 20, MaxSegments: 1000,
		Log: slog.New(slog.DiscardHandler),
	}
}

func open(t *testing.T, o Options) (*Journal, *Recovery) {
	t.Helper()
	j, r, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return j, r
}

func closeNow(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func numbered(seq uint32) *recording.Segment {
	return &recording.Segment{
		SegmentID: recording.SegmentID{Project: project, Session: "session-1", Window: "window-1", Seq: seq},
		Page:      "page-0001", ClockOffsetMs: -12, StartMs: 1763791872123, EndMs: 1763791872999,
		Events: 3, RawBytes: 99, FullSnapshots: []int64{1763791872130}, ReceivedMs: 1763791873000,
		Origin: recording.Origin{
			PreviousSession: "session-0", Reason: recording.ReasonError, Final: true,
			Recorder: recording.Recorder{Name: "playhead", Version: "1.0.0", RRWeb: "2.1.6"},
			URL:      "https://shop.test/cart", Referrer: "https://shop.test/", Viewport: [2]int{1280, 720},
			UserID: "user-7", UserAttributes: map[string]string{"plan": "pro"},
			Release: "1.2.3", Environment: "test", UserAgent: "Browser/1", Country: map[bool]string{true: "DE"}[seq > 3], // the files of version 1 have no country
		},
	}
}

func frame(seq uint32) []byte { return fmt.Appendf(nil, "frame %d ", seq) }

func appendSegment(t *testing.T, j *Journal, seq uint32) Entry {
	t.Helper()
	e, err := j.AppendSegment(recording.ClassNormal, numbered(seq), frame(seq))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func positions(entries ...Entry) []Position {
	var list []Position
	for _, e := range entries {
		list = append(list, e.Position)
	}
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantRead(t *testing.T, j *Journal, e Entry, seq uint32) {
	t.Helper()
	got, err := j.Read(e, new([]byte))
	if err != nil {
		t.Fatal(err)
	}
	want := Record{Upload: Upload{Class: recording.ClassNormal, Segment: *numbered(seq)}, Framed: true, Body: frame(seq)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("segment %d is read back with %s", seq, diff)
	}
}

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

// written makes a small journal by hand and returns the file with the spans of
// its records.
func written(t *testing.T, dir string, build func(add func(kind, ...[]byte) Position)) (path string, spans []region) {
	t.Helper()
	s := salt{1, 2, 3}
	data := fileHeader(s)
	build(func(k kind, parts ...[]byte) Position {
		start := len(data)
		data = appendRecord(data, s, k, parts...)
		spans = append(spans, region{start, len(data)})
		return Position{File: 1, Offset: uint32(start)}
	})
	path = filepath.Join(dir, fileName(1))
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(path, data, 0o600))
	return path, spans
}

func segmentParts(t *testing.T, seq uint32, frame []byte) [][]byte {
	t.Helper()
	m, err := describedAs(numbered(seq)).encode()
	must(t, err)
	return [][]byte{binary.LittleEndian.AppendUint32(nil, uint32(len(m))), m, frame}
}

func describedAs(s *recording.Segment) *meta {
	m := metaOf(&Upload{Class: recording.ClassNormal, Segment: *s})
	return &m
}

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

func sealPart(t *testing.T, s Seal) []byte {
	t.Helper()
	b, err := encodeSeal(s)
	must(t, err)
	return b
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

func appendUpload(t *testing.T, j *Journal, seq uint32) Entry {
	t.Helper()
	e, err := j.AppendUpload(sent(seq), frame(seq))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func sent(seq uint32) *Upload {
	return &Upload{Class: recording.ClassNormal, Segment: *numbered(seq), Encoding: "gzip", Skip: 321, SentAtMs: 1763791872990}
}

func wantUpload(t *testing.T, j *Journal, e Entry, seq uint32) {
	t.Helper()
	buf := make([]byte, 10) // too small to be used
	got, err := j.Read(e, &buf)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Record{Upload: *sent(seq), Body: frame(seq)}, got); diff != "" {
		t.Errorf("upload %d is read back with %s", seq, diff)
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
