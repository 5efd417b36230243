//go:build linux || darwin

package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrInUse is returned, wrapped, when another process has the journal open:
// two writers would each delete what the other still needs.
var ErrInUse = errors.New("journal is in use by another process")

// lock takes the journal's folder for this process. The kernel gives the lock
// back when the process ends, however it ends.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		closeErr := f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("%s: %w", dir, ErrInUse), closeErr)
		}
		return nil, errors.Join(fmt.Errorf("lock journal %s: %w", dir, err), closeErr)
	}
	return f, nil
}

// freeBytes returns how much an unprivileged process may still write to the
// file system of dir.
func freeBytes(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("read free space of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// isFull says whether a write did not fit on the disk or in a quota.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
