package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// readyTime and endTime bound the start and the end of a process.
	readyTime = time.Minute
	endTime   = 30 * time.Second
	// pollEvery is how often a condition is looked at.
	pollEvery = 50 * time.Millisecond
)

// What the benches run, built by `go tool mage bench`, from the root of the
// checkout.
const (
	PlayheadProgram  = "bin/playhead"
	CollectorProgram = ".cache/otelcol"
)

// Process is a server under measurement. Its output goes to a file in its
// folder.
type Process struct {
	Name string
	PID  int
	log  string
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// startProcess starts a program with its output in dir/name.log.
func startProcess(dir, name, program string, args ...string) (*Process, error) {
	p := &Process{Name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	defer log.Close()
	// The end of the bench is told with SIGTERM, which is not what the end of
	// a context does.
	p.cmd = exec.CommandContext(context.Background(), program, args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.PID = p.cmd.Process.Pid
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// waitReady waits until something listens at an address of the process.
func (p *Process) waitReady(ctx context.Context, address string) error {
	err := Eventually(ctx, readyTime, p.Name+" listens", func() (bool, error) {
		select {
		case <-p.done:
			return false, fmt.Errorf("%s does not listen", p.Name)
		default:
		}
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return false, nil //nolint:nilerr // not yet
		}
		return true, connection.Close()
	})
	if err != nil {
		return errors.Join(err, p.Stop())
	}
	return nil
}

// Stop ends the process, by force when it does not obey. That it has ended by
// itself is an error.
func (p *Process) Stop() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended by itself: %w\n%s", p.Name, p.err, p.Tail())
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	// Who was stopped hears nothing.
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	select {
	case <-p.done:
		return nil
	case <-time.After(endTime):
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	return fmt.Errorf("%s did not end in %v", p.Name, endTime)
}

// Tail is the end of what the process printed.
func (p *Process) Tail() string {
	out, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(out[max(0, len(out)-2000):])
}

// Complained says whether the process printed a word.
func (p *Process) Complained(word string) bool {
	out, err := os.ReadFile(p.log)
	return err == nil && bytes.Contains(out, []byte(word))
}

// Eventually waits until a condition holds. An error of the condition ends the
// waiting.
func Eventually(ctx context.Context, most time.Duration, what string, condition func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		holds, err := condition()
		if holds || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: not in %v: %w", what, most, ctx.Err())
		}
	}
}

// freeAddress finds a port of the loopback that nobody uses.
func freeAddress() (string, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// get reads a small answer over HTTP.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(body))
	}
	return body, err
}
