//go:build unix

package embedded

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
)

// childEnv marks a process as a child. Its value is the store; everything
// else, secrets above all, comes through standard input.
const childEnv = "PLAYHEAD_EMBEDDED_STORE"

// Files that a child inherits beside the standard ones.
const (
	readyFD = 3 // it writes its address here
	lockFD  = 4 // the folder's lock, held as long as it lives
)

// childConfig is what a child reads from standard input, one JSON line. The
// pipe stays open: its end means that the parent is gone.
type childConfig struct {
	Store      string            `json:"store"`
	Dir        string            `json:"dir"`
	LogLevel   slog.Level        `json:"log_level"`
	ClickHouse *clickhouseConfig `json:"clickhouse,omitempty"`
	S3         *s3Config         `json:"s3,omitempty"`
}

type clickhouseConfig struct {
	Library  string `json:"library"`
	Database string `json:"database"`
	User     string `json:"user"`
	Password string `json:"password"`
}

type s3Config struct {
	Region    string `json:"region"`
	Bucket    string `json:"bucket"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// child is a store's process, seen from the parent.
type child struct {
	store   string
	command *exec.Cmd
	stdin   io.WriteCloser
	ready   chan string // its address, once
	exited  chan struct{}
	err     error       // of the process, valid after exited
	told    atomic.Bool // to end
	readers sync.WaitGroup
}

// startChild starts a program as a store.
func startChild(program string, config childConfig, held *lock, log *slog.Logger) (*child, error) {
	config.LogLevel = enabledLevel(log)
	readyReader, readyWriter, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer readyWriter.Close()
	logReader, logWriter, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make pipe: %w", err), readyReader.Close())
	}
	defer logWriter.Close()

	// It lives until Stop, not until some context ends.
	command := exec.Command(program) //nolint:noctx
	command.Args = []string{"playhead-" + config.Store}
	command.Env = append(os.Environ(), childEnv+"="+config.Store)
	command.Stdout, command.Stderr = logWriter, logWriter
	command.ExtraFiles = []*os.File{readyWriter, held.file}
	// A group of its own: Ctrl-C in the terminal is for the parent, which
	// tells its children in its own order.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := command.StdinPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start process: %w", err), readyReader.Close(), logReader.Close())
	}
	c := &child{store: config.Store, command: command, stdin: stdin, ready: make(chan string, 1), exited: make(chan struct{})}
	c.readers.Add(2)
	go c.readReady(readyReader)
	go c.forwardLog(logReader, log.With("store", config.Store))
	go c.reap()
	if err := json.NewEncoder(stdin).Encode(config); err != nil {
		c.terminate()
		return nil, errors.Join(fmt.Errorf("configure process: %w", err), c.wait(context.Background()))
	}
	return c, nil
}

// enabledLevel is the lowest level that log lets through.
func enabledLevel(log *slog.Logger) slog.Level {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
		if log.Enabled(context.Background(), level) {
			return level
		}
	}
	return slog.LevelError
}

func (c *child) readReady(r io.ReadCloser) {
	defer c.readers.Done()
	defer r.Close()
	scanner := bufio.NewScanner(r)
	if scanner.Scan() {
		c.ready <- scanner.Text()
	}
}

// forwardLog passes on what the child logs. What is not a JSON line comes from
// the engines themselves.
func (c *child) forwardLog(r io.ReadCloser, log *slog.Logger) {
	defer c.readers.Done()
	defer r.Close()
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 1 {
			forwardLine(log, line)
		}
		if err != nil {
			return
		}
	}
}

func forwardLine(log *slog.Logger, line []byte) {
	level, message, attrs, ok := parseRecord(line)
	if !ok {
		log.Info("output", "line", string(bytes.TrimRight(line, "\n")))
		return
	}
	log.Log(context.Background(), level, message, attrs...) //nolint:sloglint // the child's constant
}

// parseRecord reads what slog's JSON handler writes.
func parseRecord(line []byte) (level slog.Level, message string, attrs []any, ok bool) {
	var record map[string]any
	if json.Unmarshal(line, &record) != nil {
		return 0, "", nil, false
	}
	message, _ = record[slog.MessageKey].(string)
	name, _ := record[slog.LevelKey].(string)
	if message == "" || level.UnmarshalText([]byte(name)) != nil {
		return 0, "", nil, false
	}
	for key, value := range record {
		if key != slog.MessageKey && key != slog.LevelKey && key != slog.TimeKey {
			attrs = append(attrs, key, value)
		}
	}
	return level, message, attrs, true
}

// reap waits for the process, after everything that it said was read.
func (c *child) reap() {
	c.readers.Wait()
	c.err = c.command.Wait()
	close(c.exited)
}

// waitReady returns the child's address.
func (c *child) waitReady(ctx context.Context) (string, error) {
	select {
	case address := <-c.ready:
		return address, nil
	case <-c.exited:
		return "", c.exitError()
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (c *child) pid() int { return c.command.Process.Pid }

// exitError says how the process ended, after it did.
func (c *child) exitError() error {
	if c.err != nil {
		return c.err
	}
	return errors.New("it ended without an error")
}

// terminate asks the process to end.
func (c *child) terminate() {
	c.told.Store(true)
	// It may have ended already; wait tells.
	_ = c.command.Process.Signal(syscall.SIGTERM)
}

// wait waits until the process, told to end, has ended; when ctx ends first it
// kills it.
func (c *child) wait(ctx context.Context) error {
	select {
	case <-c.exited:
	case <-ctx.Done():
		_ = c.command.Process.Kill() // it may have ended in this moment
		<-c.exited
		return fmt.Errorf("%s did not end in time and was killed: %w", c.store, ctx.Err())
	}
	_ = c.stdin.Close() // the other end is gone
	if c.err != nil {
		return fmt.Errorf("%s: %w", c.store, c.err)
	}
	return nil
}
