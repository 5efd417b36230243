//go:build linux || darwin

package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Survey is what can be said of a journal without opening it.
type Survey struct {
	InUse    bool // a process has it open
	Files    int
	Bytes    int64
	Segments int      // that are not known to be stored
	Packs    int      // sealed, not known to be stored
	Damage   []Damage // a torn end, which is normal while a process writes, is among it
	SetAside []string // files that an earlier opening found to be no journal
}

// Look surveys the journal in dir and changes nothing. What a running process
// writes meanwhile may or may not be counted. A folder that does not exist is
// an empty journal.
func Look(dir string) (*Survey, error) {
	s := &Survey{}
	var err error
	if s.InUse, err = InUse(dir); err != nil {
		return nil, err
	}
	numbers, err := fileNumbers(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if s.SetAside, err = filepath.Glob(filepath.Join(dir, "*.damaged")); err != nil {
		return nil, fmt.Errorf("list journal: %w", err)
	}
	r := &recovering{void: map[int]bool{}, packs: map[PackID][]int{}}
	for i, n := range numbers {
		err := s.look(r, filepath.Join(dir, fileName(n)), n, i == len(numbers)-1)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a running process deletes what it has stored
			return nil, err
		}
	}
	found := r.result()
	s.Packs = len(found.Packs)
	for _, p := range found.Packs {
		s.Segments += len(p.Entries)
	}
	for _, entries := range found.Pending {
		s.Segments += len(entries)
	}
	return s, nil
}

func (s *Survey) look(r *recovering, path string, number uint64, last bool) error {
	data, err := r.read(path)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	s.Files++
	s.Bytes += int64(len(data))
	salt, err := parseHeader(data)
	if errors.Is(err, errHeader) {
		s.Damage = append(s.Damage, Damage{File: path, Bytes: int64(len(data)), Torn: last && len(data) <= headerSize})
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	regions, err := scan(data, salt, func(offset int, k kind, payload []byte) error {
		return r.record(Position{File: number, Offset: uint32(offset)}, k, payload)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, g := range regions {
		s.Damage = append(s.Damage, Damage{
			File: path, Offset: int64(g.start), Bytes: int64(g.end - g.start), Torn: last && g.end == len(data),
		})
	}
	return nil
}

// InUse says whether a process has the journal in dir open. It takes the lock
// for an instant, and leaves no lock file behind where there was none.
func InUse(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open journal lock: %w", err)
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask for the lock of journal %s: %w", dir, err)
	}
	return false, nil
}

// FreeBytes returns how much an unprivileged process may still write to the
// file system of dir.
func FreeBytes(dir string) (uint64, error) { return freeBytes(dir) }

// Lost is the damage that is not a torn end, in bytes.
func (s *Survey) Lost() (bytes int64) {
	for _, d := range s.Damage {
		if !d.Torn {
			bytes += d.Bytes
		}
	}
	return bytes
}
