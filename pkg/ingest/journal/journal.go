package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

var (
	// ErrFull is returned, wrapped, when a segment would take the journal
	// beyond its bound or the disk beyond its reserve. Nothing was kept.
	ErrFull = errors.New("journal is full")

	// ErrClosed is returned after Close.
	ErrClosed = errors.New("journal is closed")

	// ErrFailed is returned, wrapped, after a write or fsync that left the
	// files in a state that cannot be known. Only opening the journal again,
	// which reads what is really there, helps.
	ErrFailed = errors.New("journal failed")

	// ErrDamaged is returned, wrapped, by Read for a record whose bytes
	// changed since they were written.
	ErrDamaged = errors.New("journal record is damaged")
)

// File is what the journal needs of an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

// Options say where and how much. Create, FreeBytes and Observe are there for
// tests and metrics; nil means the operating system, and nobody.
type Options struct {
	Dir            string
	MaxBytes       int64         // of all files; beyond it segments are refused with ErrFull
	FileBytes      int64         // a file is closed at this size
	MaxSegments    int           // segments not settled yet, each of which costs memory
	MinFreeBytes   uint64        // left free on the disk, so that seals still fit
	CommitInterval time.Duration // between two fsyncs, on the average
	Log            *slog.Logger

	Create    func(path string) (File, error)
	FreeBytes func(dir string) (uint64, error)
	Observe   func(Commit)
}

// Commit describes one group commit.
type Commit struct {
	Records  int
	Bytes    int
	Duration time.Duration // of write and fsync
}

// Stats describe the journal at an instant.
type Stats struct {
	Bytes    int64
	Files    int
	Segments int // not settled yet
}

// Journal is an open journal. It is safe for concurrent use. Appends wait for
// fsync and cannot be cancelled: a record may be durable before its caller
// hears of it.
type Journal struct {
	opts      Options
	lock      *os.File
	requests  chan *request
	closing   chan struct{}
	failed    chan struct{}
	committer sync.WaitGroup
	buf       []byte // of the committer
	pace      pace   // of the committer

	mu      sync.Mutex
	files   []*file // ascending by number; the last one is written to
	bytes   int64
	lent    int64 // by Borrow
	live    int
	failure error
	closed  bool
}

type file struct {
	number uint64
	path   string
	salt   salt
	size   int64
	live   int // segments in it that are not settled

	shrinking bool // it is being shrunk, and must stay
	small     bool // it was shrunk, or cannot be

	File
}

// Open takes the folder, recovers what is in it and is ready for appends. The
// caller must settle, sooner or later, every entry of the recovery.
func Open(opts Options) (*Journal, *Recovery, error) {
	if opts.Create == nil {
		opts.Create = create
	}
	if opts.FreeBytes == nil {
		opts.FreeBytes = freeBytes
	}
	if opts.Observe == nil {
		opts.Observe = func(Commit) {}
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make journal folder: %w", err)
	}
	l, err := lock(opts.Dir)
	if err != nil {
		return nil, nil, err
	}
	j := &Journal{
		opts: opts, lock: l, pace: pace{interval: opts.CommitInterval},
		requests: make(chan *request), closing: make(chan struct{}), failed: make(chan struct{}),
	}
	recovery, err := j.recover()
	if err == nil {
		err = j.begin()
	}
	if err != nil {
		return nil, nil, errors.Join(err, j.closeFiles())
	}
	j.collect()
	j.committer.Go(j.run)
	return j, recovery, nil
}

func create(path string) (File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
}

// AppendUpload keeps an upload as it was sent and returns when it is durable.
func (j *Journal) AppendUpload(u *Upload, body []byte) (Entry, error) {
	return j.appendDescribed(kindUpload, metaOf(u), body)
}

// AppendSegment keeps a segment whose events were scrubbed, with its frame, and
// returns when both are durable.
func (j *Journal) AppendSegment(class recording.Class, seg *recording.Segment, frame []byte) (Entry, error) {
	return j.appendDescribed(kindSegment, metaOf(&Upload{Class: class, Segment: *seg}), frame)
}

func (j *Journal) appendDescribed(k kind, m meta, body []byte) (Entry, error) {
	description, err := m.encode()
	if err != nil {
		return Entry{}, err
	}
	size := binary.LittleEndian.AppendUint32(nil, uint32(len(description)))
	pos, err := j.append(k, size, description, body)
	if err != nil {
		return Entry{}, err
	}
	return m.entry(pos, len(description)+len(body)), nil
}

// AppendSeal fixes what a pack holds, before the pack is stored. It is not
// subject to MaxBytes: a full journal must be able to empty itself.
func (j *Journal) AppendSeal(s Seal) error {
	payload, err := encodeSeal(s)
	if err != nil {
		return err
	}
	_, err = j.append(kindSeal, payload)
	return err
}

// AppendDone notes that a sealed pack is stored and indexed. The caller then
// settles its entries.
func (j *Journal) AppendDone(id PackID) error {
	_, err := j.append(kindDone, id[:])
	return err
}

// Settle says that entries are stored elsewhere, deletes the files that nobody
// needs any more, and makes others smaller when the journal is half full.
func (j *Journal) Settle(entries []Entry) {
	j.mu.Lock()
	for _, e := range entries {
		if f := j.file(e.File); f != nil {
			f.live--
			j.live--
		}
	}
	j.mu.Unlock()
	j.collect()
	j.shrink()
	j.collect()
}

// Read returns what was appended and not yet settled. It reads into *buf,
// which it may grow; the record's body shares that memory.
func (j *Journal) Read(e Entry, buf *[]byte) (Record, error) {
	j.mu.Lock()
	f := j.file(e.File)
	j.mu.Unlock()
	if f == nil {
		return Record{}, fmt.Errorf("read journal file %d: %w", e.File, os.ErrNotExist)
	}
	k, payload, err := readRecord(f, int64(e.Offset), buf)
	if err != nil {
		return Record{}, fmt.Errorf("read %s at %d: %w", f.path, e.Offset, err)
	}
	r, err := decodeRecord(k, payload)
	if err != nil {
		return Record{}, fmt.Errorf("read %s at %d: %w", f.path, e.Offset, err)
	}
	return r, nil
}

func readRecord(f *file, offset int64, buf *[]byte) (kind, []byte, error) {
	head := make([]byte, recordHeadSize)
	if _, err := f.ReadAt(head, offset); err != nil {
		return 0, nil, err
	}
	h, ok := parseRecordHead(f.salt, head)
	if !ok || !h.kind.needed() {
		return 0, nil, ErrDamaged
	}
	*buf = slices.Grow((*buf)[:0], h.length)[:h.length]
	payload := *buf
	if _, err := f.ReadAt(payload, offset+recordHeadSize); err != nil {
		return 0, nil, err
	}
	if !h.intact(payload) {
		return 0, nil, ErrDamaged
	}
	return h.kind, payload, nil
}

// Stats returns the journal's size now.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Stats{Bytes: j.bytes, Files: len(j.files), Segments: j.live}
}

// Room returns ErrFull, wrapped, when a segment of n bytes would be refused.
func (j *Journal) Room(n int64) error {
	bytes, segments, err := j.room()
	if err == nil && (n > bytes || segments == 0) {
		err = ErrFull
	}
	return err
}

// Borrow takes n bytes of the folder's bound for something that can do without:
// it returns ErrFull, wrapped, when the journal would be more than half full, so
// that segments have the rest.
func (j *Journal) Borrow(n int64) error {
	room, _, err := j.room()
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if n > room || j.bytes+j.lent+n > j.opts.MaxBytes/2 {
		return fmt.Errorf("%w: the rest is for segments", ErrFull)
	}
	j.lent += n
	return nil
}

// GiveBack ends a Borrow.
func (j *Journal) GiveBack(n int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lent -= n
}

// Failed is closed when the journal can no longer be trusted; Err says why.
func (j *Journal) Failed() <-chan struct{} { return j.failed }

// Err returns why the journal failed, or nil.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failure
}

// Close waits for the appends under way, then gives the folder back. What is
// not settled stays for the next Open.
func (j *Journal) Close() error {
	j.mu.Lock()
	closed := j.closed
	j.closed = true
	j.mu.Unlock()
	if closed {
		return ErrClosed
	}
	close(j.closing)
	j.committer.Wait()
	return j.closeFiles()
}

// closeFiles closes all files; a last one without records is removed.
func (j *Journal) closeFiles() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for i, f := range j.files {
		errs = append(errs, f.Close())
		if i == len(j.files)-1 && f.size == headerSize {
			errs = append(errs, os.Remove(f.path))
		}
	}
	j.files = nil
	return errors.Join(append(errs, j.lock.Close())...)
}

// file finds a file by number; j.mu is held.
func (j *Journal) file(number uint64) *file {
	for _, f := range j.files {
		if f.number == number {
			return f
		}
	}
	return nil
}

// active returns the file that is written to; nil while there is none.
func (j *Journal) active() *file {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.files) == 0 {
		return nil
	}
	return j.files[len(j.files)-1]
}

// collect deletes files from the oldest on while all their segments are
// settled. The order matters: the seals and dones that settle a file's
// segments lie in it or in later files, so that a file outlives everything
// that would be stored again without it.
func (j *Journal) collect() {
	j.mu.Lock()
	var dead []*file
	for len(j.files) > 1 && j.files[0].live == 0 && !j.files[0].shrinking {
		dead = append(dead, j.files[0])
		j.bytes -= j.files[0].size
		j.files = j.files[1:]
	}
	j.mu.Unlock()
	for _, f := range dead {
		if err := errors.Join(f.Close(), os.Remove(f.path)); err != nil {
			// The file is found again, and found to be settled, at the next start.
			j.opts.Log.Warn("delete settled journal file", "file", f.path, "error", err)
		}
	}
}

// begin makes the journal ready for appends. On a full disk it goes on with the
// last file that it recovered: a server that does not start cannot store what
// fills the disk.
func (j *Journal) begin() error {
	err := j.rotate()
	if last := j.active(); isFull(err) && last != nil {
		j.opts.Log.Warn("the disk is full; going on with the last journal file", "file", last.path, "error", err)
		return nil
	}
	return err
}

// rotate begins a new file. Only Open and the committer call it.
func (j *Journal) rotate() error {
	number := uint64(1)
	if f := j.active(); f != nil {
		number = f.number + 1
	}
	f := &file{number: number, path: filepath.Join(j.opts.Dir, fileName(number)), size: headerSize}
	rand.Read(f.salt[:]) // never fails
	var err error
	if f.File, err = j.opts.Create(f.path); err != nil {
		return fmt.Errorf("create journal file: %w", err)
	}
	_, err = f.WriteAt(fileHeader(f.salt), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(j.opts.Dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("begin journal file %s: %w", f.path, err), f.Close(), os.Remove(f.path))
	}
	j.mu.Lock()
	j.files = append(j.files, f)
	j.bytes += f.size
	j.mu.Unlock()
	return nil
}

func fileName(number uint64) string { return fmt.Sprintf("%016x.log", number) }

// syncDir makes the names in a folder durable; without it a crash can lose a
// file whose content was fsynced.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
