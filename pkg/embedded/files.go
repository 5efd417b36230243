//go:build unix

package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// orphanGrace is how long Start waits for the children of a killed
// predecessor to end; they drain for at most drainTime.
const (
	orphanGrace  = drainTime + 5*time.Second
	lockInterval = 50 * time.Millisecond
)

// lock is an exclusive flock of the folder. The children inherit it, so that
// it is free only when all of them have ended.
type lock struct{ file *os.File }

// acquireLock takes the folder's lock. The error is ErrInUse when a living
// process holds it; children of a dead one are waited for.
func acquireLock(ctx context.Context, dir string) (*lock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	deadline := time.Now().Add(orphanGrace)
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock folder %s: %w", dir, err), f.Close())
		}
		holder := lockHolder(f)
		if alive(holder) || time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("%w: stores of process %d run on %s", ErrInUse, holder, dir), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("lock folder %s: %w", dir, ctx.Err()), f.Close())
		case <-time.After(lockInterval):
		}
	}
	l := &lock{file: f}
	if err := l.write(strconv.Itoa(os.Getpid()) + "\n"); err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

func (l *lock) write(content string) error {
	if err := l.file.Truncate(0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	if _, err := l.file.WriteAt([]byte(content), 0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	return nil
}

// release empties the lock file and lets go of it.
func (l *lock) release() error {
	return errors.Join(l.write(""), l.file.Close())
}

// lockHolder is the process id in the lock file, 0 when there is none.
func lockHolder(f *os.File) int {
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0) // a short or empty file has no holder
	pid, err := strconv.Atoi(string(bytes.TrimSpace(b[:n])))
	if err != nil {
		return 0
	}
	return pid
}

func alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// writeAddresses writes stores.json for Attach, whole or not at all.
func (s *Stores) writeAddresses() error {
	r := running{Addresses: s.addresses, PID: os.Getpid(), Processes: map[string]int{}, StartedAt: time.Now().UTC()}
	for _, c := range s.children {
		r.Processes[c.store] = c.pid()
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write addresses: %w", err)
	}
	path := filepath.Join(s.dir, addressesFile)
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write addresses: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write addresses: %w", err)
	}
	return nil
}

// Attach returns the addresses of stores that another process runs on dir, or
// ErrNotRunning.
func Attach(dir string) (Addresses, error) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Addresses{}, fmt.Errorf("%w on %s", ErrNotRunning, dir)
	}
	if err != nil {
		return Addresses{}, fmt.Errorf("open lock: %w", err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
		return Addresses{}, fmt.Errorf("%w on %s", ErrNotRunning, dir)
	}
	b, err := os.ReadFile(filepath.Join(dir, addressesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Addresses{}, fmt.Errorf("%w on %s yet, or no longer", ErrNotRunning, dir)
	}
	if err != nil {
		return Addresses{}, fmt.Errorf("read addresses: %w", err)
	}
	var r running
	if err := json.Unmarshal(b, &r); err != nil {
		return Addresses{}, fmt.Errorf("read addresses: %w", err)
	}
	if !alive(r.PID) {
		return Addresses{}, fmt.Errorf("%w on %s: process %d is gone", ErrNotRunning, dir, r.PID)
	}
	return r.Addresses, nil
}
