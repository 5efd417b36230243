package rig

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ticksPerSecond is USER_HZ, which Linux has kept at 100 on all that Go runs
// on (proc_pid_stat(5)).
const ticksPerSecond = 100

// CPU is the processor time, user and system, that processes have used.
func CPU(pids ...int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		used, err := cpuOf(pid)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

func cpuOf(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	// The name in parentheses may hold anything; utime and stime are the 12th
	// and 13th field after it.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("read processor time of %d: too few fields", pid)
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time of %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// Memory is what a process holds.
type Memory struct {
	RSS  int64 // bytes now
	Peak int64 // most bytes since it began (VmHWM)
}

// MemoryOf reads the memory of a process.
func MemoryOf(pid int) (Memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, fmt.Errorf("read memory: %w", err)
	}
	var m Memory
	for scanner := bufio.NewScanner(bytes.NewReader(status)); scanner.Scan(); {
		name, value, _ := strings.Cut(scanner.Text(), ":")
		into := map[string]*int64{"VmRSS": &m.RSS, "VmHWM": &m.Peak}[name]
		if into == nil {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return m, fmt.Errorf("read memory of %d: %w", pid, err)
		}
		*into = kb << 10
	}
	return m, nil
}

// Samples are the resident bytes of a process over time.
type Samples struct {
	mu     sync.Mutex
	values []float64
}

// sampleEvery is fine enough to see garbage collections of a busy server.
const sampleEvery = 200 * time.Millisecond

// WatchMemory samples the memory of a process until the returned function is
// called.
func WatchMemory(ctx context.Context, pid int) (s *Samples, stop func()) {
	s = &Samples{}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(sampleEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			m, err := MemoryOf(pid)
			if err != nil {
				return // it has ended
			}
			s.mu.Lock()
			s.values = append(s.values, float64(m.RSS))
			s.mu.Unlock()
		}
	}()
	return s, func() { cancel(); <-done }
}

// Thirds are the medians of the first and of the last third of the samples.
func (s *Samples) Thirds() (first, last float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	third := len(s.values) / 3
	return Median(s.values[:third]), Median(s.values[len(s.values)-third:])
}
