//go:build unix

package faults

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"
)

// The project and key that rows use when they need no other.
const (
	mainProject = "shop"
	mainKey     = "pk_faults_0123456789"
)

// settings is a playhead.yaml.
type settings map[string]any

// settings returns the configuration of a server on the row's stores, behind
// the proxies. Packs are made often, so that many are on their way at any
// moment.
func (t *trial) settings(v *vault, name string) settings {
	at := t.engines.Addresses()
	return settings{
		"listen":    "127.0.0.1:0",
		"data_dir":  filepath.Join(t.dir, name),
		"log_level": "info",
		"clickhouse": settings{
			"protocol": "http", "addresses": []string{t.clickhouse.address}, "database": v.database,
			"username": at.ClickHouse.User, "password": at.ClickHouse.Password,
		},
		"object_storage": settings{
			"endpoint": t.s3.address, "region": at.S3.Region, "bucket": at.S3.Bucket, "prefix": v.prefix,
			"path_style": true, "access_key": at.S3.AccessKey, "secret_key": at.S3.SecretKey,
		},
		"projects": []settings{projectSettings(mainProject, mainKey)},
		"journal":  settings{"max_bytes": 256 << 20, "file_bytes": 1 << 20, "min_free_bytes": 0},
		"flush":    settings{"pack_age": "200ms", "grace": "20s"},
		// The servers of a row behave as one.
		"session_tokens": settings{"secret_file": filepath.Join(t.dir, "session-tokens.secret")},
	}
}

func projectSettings(project, key string) settings {
	return settings{"id": project, "keys": []settings{{"name": "faults", "key": key, "origins": []string{"https://shop.example.com"}}}}
}

// with sets a member of one section.
func (s settings) with(section, name string, value any) settings {
	part, ok := s[section].(settings)
	if !ok {
		part = settings{}
		s[section] = part
	}
	part[name] = value
	return s
}

func (s settings) write(path string) error {
	data, err := yaml.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode configuration: %w", err)
	}
	// Servers may read it at any moment.
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return os.Rename(path+".new", path)
}

// server is a playhead ingest process.
type server struct {
	t       *trial
	name    string
	config  string // path
	command *exec.Cmd
	started time.Time

	listening chan struct{} // closed when address is known
	exited    chan struct{} // closed when the process has ended and err is set
	err       error
	logs      sync.WaitGroup

	mu      sync.Mutex
	address string
	lines   []string // of the log
}

// keptLines is how much of a server's log is kept in memory.
const keptLines = 20_000

// start starts a server; it does not wait until it listens. The process ends
// with the row at the latest, and with the suite however that ends.
func (t *trial) start(name string, s settings, wrap ...string) (*server, error) {
	config := filepath.Join(t.dir, name+".yaml")
	if err := s.write(config); err != nil {
		return nil, err
	}
	words := append(append([]string{}, wrap...), t.binary, "ingest", "--config", config)
	v := &server{t: t, name: name, config: config, listening: make(chan struct{}), exited: make(chan struct{}), started: time.Now()}
	v.command = exec.Command(words[0], words[1:]...) //nolint:noctx // rows end it in their own ways
	v.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stderr, err := v.command.StderrPipe()
	if err == nil {
		err = v.command.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	v.logs.Go(func() { v.readLog(stderr) })
	go func() {
		v.logs.Wait()
		v.err = v.command.Wait()
		close(v.exited)
	}()
	t.later(func() error { v.kill(); return nil })
	return v, nil
}

// serve starts a server and waits until it accepts.
func (t *trial) serve(name string, s settings, wrap ...string) (*server, error) {
	v, err := t.start(name, s, wrap...)
	if err != nil {
		return nil, err
	}
	_, err = v.ready(readyLimit)
	return v, err
}

// readyLimit is how long a server may need to be ready.
const readyLimit = 30 * time.Second

func (v *server) readLog(r io.Reader) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 4<<20)
	for scanner.Scan() {
		v.noteLine(scanner.Text())
	}
	_, _ = io.Copy(io.Discard, r) // a line that is too long must not block the server
}

func (v *server) noteLine(line string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.lines) < keptLines {
		v.lines = append(v.lines, line)
	}
	if v.address != "" || !strings.Contains(line, "accepting segments") {
		return
	}
	var l struct {
		Address string `json:"address"`
	}
	if json.Unmarshal([]byte(line), &l) == nil && l.Address != "" {
		v.address = l.Address
		close(v.listening)
	}
}

// url is where the server listens, or empty when it does not yet.
func (v *server) url() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.address == "" {
		return ""
	}
	return "http://" + v.address
}

// log returns the lines that the server logged.
func (v *server) log() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]string{}, v.lines...)
}

// ready waits until the server says that it is ready, and returns how long
// that took since its start.
func (v *server) ready(limit time.Duration) (time.Duration, error) {
	ended := false
	err := until(v.t.ctx, limit, v.name+" is ready", func() bool {
		select {
		case <-v.exited:
			ended = true
			return true
		default:
			return v.isReady()
		}
	})
	if ended {
		return 0, fmt.Errorf("server %s ended: %w; %s", v.name, v.exitError(), v.lastWords())
	}
	return time.Since(v.started), err
}

func (v *server) isReady() bool {
	status, _, err := v.get("/readyz")
	return err == nil && status == http.StatusOK
}

func (v *server) exitError() error {
	if v.err != nil {
		return v.err
	}
	return errors.New("exit code 0")
}

// lastWords are the end of the log.
func (v *server) lastWords() string {
	lines := v.log()
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// plainClient asks servers for what is not an upload.
var plainClient = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func (v *server) get(path string) (int, []byte, error) {
	base := v.url()
	if base == "" {
		return 0, nil, errors.New("the server does not listen yet")
	}
	r, err := http.NewRequestWithContext(v.t.ctx, http.MethodGet, base+path, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	answer, err := plainClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}

// metric returns the sum of all samples of a metric, and false when there is
// no such metric.
func (v *server) metric(name string) (sum float64, found bool, err error) {
	status, body, err := v.get("/metrics")
	if err != nil {
		return 0, false, err
	}
	if status != http.StatusOK {
		return 0, false, fmt.Errorf("/metrics answers %d", status)
	}
	for line := range bytes.Lines(body) {
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if !ok || len(rest) == 0 || (rest[0] != ' ' && rest[0] != '{') {
			continue
		}
		fields := strings.Fields(string(rest))
		value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			return 0, false, fmt.Errorf("read metric %s: %w", name, err)
		}
		sum, found = sum+value, true
	}
	return sum, found, nil
}

// backlog returns how many acknowledged segments are not stored.
func (v *server) backlog() (int, error) {
	n, found, err := v.metric("playhead_ingest_journal_segments")
	if err == nil && !found {
		err = errors.New("there is no metric playhead_ingest_journal_segments")
	}
	return int(n), err
}

// drained waits until everything that was acknowledged is stored.
func (v *server) drained(limit time.Duration) error {
	return v.t.until(limit, v.name+" has stored everything", func() bool {
		n, err := v.backlog()
		return err == nil && n == 0
	})
}

// followed waits until everything that was acknowledged is stored, and the
// document engine has seen it too.
func (v *server) followed(limit time.Duration) error {
	if err := v.drained(limit); err != nil {
		return err
	}
	return v.t.until(limit, v.name+" has followed everything", func() bool {
		behind, found, err := v.metric("playhead_ingest_insight_windows_behind")
		if err != nil || !found || behind > 0 {
			return false
		}
		stored, _, err := v.metric("playhead_ingest_pack_segments_total")
		if err != nil {
			return false
		}
		seen, found, err := v.metric("playhead_ingest_insight_segments_total")
		return err == nil && found && seen >= stored
	})
}

func (v *server) signal(s syscall.Signal) error {
	if err := v.command.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal server: %w", err)
	}
	return nil
}

// kill ends the server as a crash does and waits until it is gone.
func (v *server) kill() {
	// The whole group: a wrapper must not leave the server behind.
	_ = syscall.Kill(-v.command.Process.Pid, syscall.SIGKILL) // it may have ended
	<-v.exited
}

// stop ends the server as an operator does and returns how long that took.
func (v *server) stop(limit time.Duration) (time.Duration, error) {
	start := time.Now()
	if err := v.signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	select {
	case <-v.exited:
	case <-time.After(limit):
		v.kill()
		return limit, fmt.Errorf("server %s does not end within %s: %s", v.name, limit, v.lastWords())
	case <-v.t.ctx.Done():
		return 0, v.t.ctx.Err()
	}
	if v.err != nil {
		return time.Since(start), fmt.Errorf("server %s ends with %w: %s", v.name, v.err, v.lastWords())
	}
	return time.Since(start), nil
}

// alive says whether the process still runs.
func (v *server) alive() bool {
	select {
	case <-v.exited:
		return false
	default:
		return true
	}
}

// memory returns the resident memory and its peak, in bytes.
func (v *server) memory() (now, peak float64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.command.Process.Pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read memory of server: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		for name, to := range map[string]*float64{"VmRSS:": &now, "VmHWM:": &peak} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
				if err != nil {
					return 0, 0, fmt.Errorf("read memory of server: %w", err)
				}
				*to = kib * 1024
			}
		}
	}
	return now, peak, nil
}

// forgetPeak makes memory count the peak from now on.
func (v *server) forgetPeak() error {
	path := fmt.Sprintf("/proc/%d/clear_refs", v.command.Process.Pid)
	if err := os.WriteFile(path, []byte("5"), 0); err != nil {
		return fmt.Errorf("reset peak memory: %w", err)
	}
	return nil
}

// cpu returns the processor time that the server has used.
func (v *server) cpu() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", v.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time of server: %w", err)
	}
	_, rest, _ := bytes.Cut(data, []byte(") "))
	fields := strings.Fields(string(rest))
	var ticks int64
	for _, f := range fields[11:13] { // utime and stime (proc_pid_stat(5))
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time of server: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100, nil // USER_HZ is 100 on Linux
}

// descriptorsOf returns how many files and connections a process has open.
func descriptorsOf(pid int) (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0, fmt.Errorf("count descriptors of server: %w", err)
	}
	return len(entries), nil
}

// journal is the folder of the server's journal.
func (s settings) journal() string {
	if part, ok := s["journal"].(settings); ok {
		if dir, ok := part["dir"].(string); ok {
			return dir
		}
	}
	dir, _ := s["data_dir"].(string)
	return filepath.Join(dir, "journal")
}

// withTimeout is the row's context with a limit.
func (t *trial) withTimeout(limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.ctx, limit)
}
