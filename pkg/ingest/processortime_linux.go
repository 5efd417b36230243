package ingest

import (
	"syscall"
	"time"
)

// processorTime is what the calling thread has used of processors so far. Two
// of these say what was done between them for who is locked to a thread.
func processorTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &use); err != nil {
		return 0 // only arguments that no kernel knows make it fail
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
