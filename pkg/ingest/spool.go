package ingest

import (
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/playhead/playhead/pkg/ingest/journal"
)

// spoolFileBytes is the size at which another file is begun. A file goes when
// nothing in it is needed any more.
const spoolFileBytes = 16 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// spool is where the frames of packs wait that are larger than memory allows:
// files in the journal's folder, within its bound. They are never synced, and
// removed at the next start: the journal has the segments. It is safe for
// concurrent use.
type spool struct {
	dir     string
	journal *journal.Journal
	log     *slog.Logger

	mu      sync.Mutex
	current *spoolFile // that is written to; nil: none
	next    int        // number of the next file
	failing bool
}

type spoolFile struct {
	*os.File
	size   int64
	frames int // that are needed
}

// spooled is a frame in a file.
type spooled struct {
	file   *spoolFile
	offset int64
	length int
	crc32c uint32
}

// newSpool removes what an earlier process left in the folder.
func newSpool(dir string, j *journal.Journal, log *slog.Logger) *spool {
	if err := os.RemoveAll(dir); err != nil {
		log.Warn("frames of an earlier life are not removed", "error", err)
	}
	return &spool{dir: dir, journal: j, log: log}
}

// take moves the frame of a segment to the disk. When there is no room for it
// the frame stays in memory, and packs are smaller.
func (s *spool) take(e *encoded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := s.write(e.frame)
	if err != nil {
		if !s.failing {
			s.log.Warn("no room on the disk for large packs; smaller ones are made in memory", "error", err)
		}
		s.failing = true
		return
	}
	s.failing = false
	e.bytes -= int64(cap(e.frame))
	e.frame, e.spooled = nil, at
}

// write appends a frame; s.mu is held.
func (s *spool) write(frame []byte) (at *spooled, err error) {
	length := int64(len(frame))
	if err := s.journal.Borrow(length); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.journal.GiveBack(length)
		}
	}()
	if s.current == nil || s.current.size >= spoolFileBytes {
		if s.current, err = s.begin(); err != nil {
			return nil, fmt.Errorf("begin spool file: %w", err)
		}
	}
	f := s.current
	if _, err := f.WriteAt(frame, f.size); err != nil {
		if f.frames == 0 {
			s.drop(f)
		}
		return nil, fmt.Errorf("write spool file: %w", err)
	}
	at = &spooled{file: f, offset: f.size, length: len(frame), crc32c: crc32.Checksum(frame, castagnoli)}
	f.size += length
	f.frames++
	return at, nil
}

func (s *spool) begin() (*spoolFile, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, strconv.Itoa(s.next))
	s.next++
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &spoolFile{File: f}, nil
}

// release lets go of frames that nobody reads any more.
func (s *spool) release(frames []*spooled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range frames {
		if at.file.frames--; at.file.frames == 0 {
			s.drop(at.file)
		}
	}
}

// drop removes a file; s.mu is held.
func (s *spool) drop(f *spoolFile) {
	if s.current == f {
		s.current = nil
	}
	s.journal.GiveBack(f.size)
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		s.log.Warn("spool file is not removed", "error", err)
	}
}

// end removes the folder with what is in it.
func (s *spool) end() {
	if err := os.RemoveAll(s.dir); err != nil {
		s.log.Warn("spool is not removed", "error", err)
	}
}

// errSpool says that a frame is not what it was.
var errSpool = errors.New("frame in the spool is damaged")

// read returns the frame, in buf when that is large enough.
func (at *spooled) read(buf []byte) ([]byte, error) {
	if cap(buf) < at.length {
		buf = make([]byte, at.length)
	}
	frame := buf[:at.length]
	if _, err := at.file.ReadAt(frame, at.offset); err != nil {
		return nil, fmt.Errorf("read spool file: %w", err)
	}
	if crc32.Checksum(frame, castagnoli) != at.crc32c {
		return nil, errSpool
	}
	return frame, nil
}
