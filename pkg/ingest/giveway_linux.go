package ingest

import (
	"runtime"
	"syscall"
)

// behind is by how much background work is nicer than requests. The kernel
// then gives it a fifteenth of a processor that both want. Much less would make
// every garbage collection wait, which has to stop it.
const behind = 12

// giveWay lets the kernel prefer other threads to what the calling goroutine
// does from now on: requests are waited for by somebody. It has a thread of its
// own from then on, which ends with it.
func giveWay() {
	runtime.LockOSThread()
	// The system call returns 20 less the niceness. When there is no way to
	// set it, background work is as nice as the rest.
	if rest, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0); err == nil {
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 20-rest+behind)
	}
}
