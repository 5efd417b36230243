package journal

import (
	"errors"
	"fmt"
	"os"
)

// shrink makes room in a journal whose oldest file cannot be deleted, because
// something in it goes on being refused: of each later file in which all
// segments are settled it keeps the seals and dones, which settle segments of
// older files. It does so only when the journal is half full.
func (j *Journal) shrink() {
	for {
		f := j.shrinkable()
		if f == nil {
			return
		}
		smaller, err := j.shrunk(f)
		if err != nil {
			j.opts.Log.Warn("shrink settled journal file", "file", f.path, "error", err)
		}
		j.mu.Lock()
		f.shrinking, f.small = false, true // or not to be tried again
		old := f.File
		if smaller != nil {
			j.bytes += smaller.size - f.size
			f.File, f.size = smaller.File, smaller.size
		}
		j.mu.Unlock()
		if smaller != nil {
			if err := old.Close(); err != nil {
				j.opts.Log.Warn("close shrunk journal file", "file", f.path, "error", err)
			}
		}
	}
}

// shrinkable returns a file to be shrunk, which is not deleted meanwhile.
func (j *Journal) shrinkable() *file {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed || j.bytes <= j.opts.MaxBytes/2 {
		return nil
	}
	for _, f := range j.files[:len(j.files)-1] {
		if f.live == 0 && !f.small && !f.shrinking {
			f.shrinking = true
			return f
		}
	}
	return nil
}

// shrunk replaces a file on the disk by one of its seals and dones.
func (j *Journal) shrunk(f *file) (*file, error) {
	content, err := settling(f)
	if err != nil {
		return nil, err
	}
	path := f.path + ".shrunk"
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove what a crash left: %w", err)
	}
	handle, err := j.opts.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	_, err = handle.WriteAt(content, 0)
	if err == nil {
		err = handle.Sync()
	}
	if err == nil {
		err = os.Rename(path, f.path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write: %w", err), handle.Close(), os.Remove(path))
	}
	// A rename that is undone by a crash leaves the larger file, which says the
	// same.
	return &file{File: handle, size: int64(len(content))}, nil
}

// settling returns the content of a file without its segments.
func settling(f *file) ([]byte, error) {
	content := fileHeader(f.salt)
	head := make([]byte, recordHeadSize)
	for at := int64(headerSize); at < f.size; {
		if _, err := f.ReadAt(head, at); err != nil {
			return nil, fmt.Errorf("read: %w", err)
		}
		h, ok := parseRecordHead(f.salt, head)
		if !ok {
			return nil, fmt.Errorf("%w at %d", ErrDamaged, at)
		}
		at += recordHeadSize
		if !h.kind.needed() {
			payload := make([]byte, h.length)
			if _, err := f.ReadAt(payload, at); err != nil {
				return nil, fmt.Errorf("read: %w", err)
			}
			if !h.intact(payload) {
				return nil, fmt.Errorf("%w at %d", ErrDamaged, at)
			}
			content = appendRecord(content, f.salt, h.kind, payload)
		}
		at += int64(h.length)
	}
	return content, nil
}
