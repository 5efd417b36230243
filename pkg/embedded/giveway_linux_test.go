package embedded_test

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
)

// TestStoresGiveWay: no thread of a store, nor of its engine, has the niceness of
// the program that started it. (The engine gives one of its threads the least
// that there is, where it may.)
func TestStoresGiveWay(t *testing.T) {
	own, err := syscall.Getpriority(syscall.PRIO_PROCESS, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if own <= 1 {
		t.Skip("this process is as nice as can be")
	}
	dir := t.TempDir()
	startStores(t, dir)
	for store, pid := range processes(t, dir) {
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				t.Fatal(err)
			}
			// The system call returns 20 less the niceness.
			if rest, err := syscall.Getpriority(syscall.PRIO_PROCESS, id); err == nil && rest == own {
				t.Errorf("a thread of %s has the niceness of this process, %d", store, 20-own)
			}
		}
	}
}
