package embedded

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// behind is by how much stores are nicer than the program that starts them: the
// kernel gives them a quarter of a processor that both want. What they do for a
// pack may wait for who waits for an acknowledgement.
const behind = 5

// giveWay lets the kernel prefer the program that started this store. On Linux
// each thread has a niceness of its own, which the threads that it starts
// inherit. Some may start while they are listed, so that they are listed until
// there is no new one.
func giveWay() error {
	// The system call returns 20 less the niceness.
	rest, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		return fmt.Errorf("read niceness: %w", err)
	}
	for done := map[string]bool{}; ; {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		before := len(done)
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil || done[thread.Name()] {
				continue
			}
			done[thread.Name()] = true
			err = syscall.Setpriority(syscall.PRIO_PROCESS, id, 20-rest+behind)
			if err != nil && !errors.Is(err, syscall.ESRCH) { // it has ended
				return fmt.Errorf("set niceness: %w", err)
			}
		}
		if len(done) == before {
			return nil
		}
	}
}
