//go:build unix

package embedded_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/minio/minio-go/v7"

	"github.com/playhead/playhead/pkg/embedded"
)

// startStores starts stores of the test's own and stops them at its end.
func startStores(t *testing.T, dir string) *embedded.Stores {
	t.Helper()
	stores, err := embedded.Start(t.Context(), embedded.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stores.Stop(context.Background()) }) // the test looks at Stop where it matters
	return stores
}

func stopStores(t *testing.T, stores *embedded.Stores) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := stores.Stop(ctx); err != nil {
		t.Fatalf("stop: %v", err)
	}
}

// processes are the process ids of the stores on dir.
func processes(t *testing.T, dir string) map[string]int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "stores.json"))
	if err != nil {
		t.Fatal(err)
	}
	var running struct {
		Processes map[string]int `json:"processes"`
	}
	if err := json.Unmarshal(b, &running); err != nil {
		t.Fatal(err)
	}
	return running.Processes
}

// lives is whether a process runs; one that ended and was not waited for does not.
func lives(pid int) bool {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		return !strings.Contains(string(stat), ") Z ")
	}
	return syscall.Kill(pid, 0) == nil
}

const manyDDL = "CREATE TABLE IF NOT EXISTS many (id UInt64, text String, low LowCardinality(String)) ENGINE = MergeTree ORDER BY id"

func TestRestartKeepsTheData(t *testing.T) {
	for _, metadata := range []string{"extended attributes", "files beside"} {
		t.Run(metadata, func(t *testing.T) {
			dir := t.TempDir()
			if metadata == "files beside" {
				if err := os.MkdirAll(filepath.Join(dir, "s3", "metadata"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			content := noise(100_000)
			stores := startStores(t, dir)
			a := stores.Addresses()
			execAt(t, a, manyDDL)
			insertMany(t, dial(t, a.ClickHouse, clickhouse.CompressionNone), "many", 0, 1000)
			put(t, openS3(t, a.S3), a.S3.Bucket, "v1/a/pack", content)
			stopStores(t, stores)
			if _, err := os.Stat(filepath.Join(dir, "stores.json")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("stores.json after stop: %v", err)
			}

			again := startStores(t, dir).Addresses()
			if again.ClickHouse.Password == a.ClickHouse.Password || again.S3.SecretKey == a.S3.SecretKey {
				t.Error("the second start has the keys of the first")
			}
			if n := count(t, dial(t, again.ClickHouse, clickhouse.CompressionNone), "SELECT count() FROM many"); n != 1000 {
				t.Errorf("%d rows after restart, want 1000", n)
			}
			client := openS3(t, again.S3)
			if got := get(t, client, again.S3.Bucket, "v1/a/pack", minio.GetObjectOptions{}); !bytes.Equal(got, content) {
				t.Errorf("%d other bytes after restart", len(got))
			}
			info, err := client.StatObject(t.Context(), again.S3.Bucket, "v1/a/pack", minio.StatObjectOptions{})
			if err != nil || info.UserMetadata["Class"] != "errors" {
				t.Errorf("metadata after restart: %v, %v", info.UserMetadata, err)
			}
		})
	}
}

func execAt(t *testing.T, a embedded.Addresses, sql string) {
	t.Helper()
	execute(t, dial(t, a.ClickHouse, clickhouse.CompressionNone), sql)
}

func TestStopLetsRequestsFinish(t *testing.T) {
	stores := startStores(t, t.TempDir())
	a := stores.Addresses().ClickHouse
	answered := make(chan error, 1)
	body := &signalled{Reader: strings.NewReader("SELECT sleepEachRow(0.5) FROM numbers(3)"), read: make(chan struct{})}
	go func() { answered <- post(a, body) }()
	<-body.read
	eventually(t, func() bool {
		return count(t, dial(t, a, clickhouse.CompressionNone), "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%processes%'") == 1
	})
	stopStores(t, stores)
	if err := <-answered; err != nil {
		t.Errorf("the request under way: %v", err)
	}
}

// signalled closes read when it is first read.
type signalled struct {
	io.Reader
	read chan struct{}
	done bool
}

func (s *signalled) Read(p []byte) (int, error) {
	if !s.done {
		s.done = true
		close(s.read)
	}
	return s.Reader.Read(p)
}

// post sends a statement as curl would.
func post(a embedded.ClickHouse, body io.Reader) error {
	request, err := http.NewRequest(http.MethodPost, "http://"+a.Address+"/", body)
	if err != nil {
		return err
	}
	request.SetBasicAuth(a.User, a.Password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, b)
	}
	return err
}

func TestAFolderHasOneHolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := embedded.Attach(dir); !errors.Is(err, embedded.ErrNotRunning) {
		t.Errorf("attach before start: %v, want ErrNotRunning", err)
	}
	stores := startStores(t, dir)
	_, err := embedded.Start(t.Context(), embedded.Options{Dir: dir})
	if !errors.Is(err, embedded.ErrInUse) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("second start: %v, want ErrInUse with folder and process", err)
	}
	attached, err := embedded.Attach(dir)
	if err != nil || attached != stores.Addresses() {
		t.Errorf("attached to %+v, %v; want %+v", attached, err, stores.Addresses())
	}
	info, err := os.Stat(filepath.Join(dir, "stores.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("stores.json: %v, %v", info.Mode(), err)
	}
	pids := processes(t, dir)
	stopStores(t, stores)
	for store, pid := range pids {
		if lives(pid) {
			t.Errorf("%s (%d) lives after stop", store, pid)
		}
	}
	if _, err := embedded.Attach(dir); !errors.Is(err, embedded.ErrNotRunning) {
		t.Errorf("attach after stop: %v, want ErrNotRunning", err)
	}
}

func TestSecretsAreNotInTheProcessList(t *testing.T) {
	dir := t.TempDir()
	a := startStores(t, dir).Addresses()
	for store, pid := range processes(t, dir) {
		for _, file := range []string{"cmdline", "environ"} {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
			if err != nil {
				t.Skipf("no process list to look at: %v", err)
			}
			if bytes.Contains(b, []byte(a.ClickHouse.Password)) || bytes.Contains(b, []byte(a.S3.SecretKey)) {
				t.Errorf("%s shows a secret in its %s", store, file)
			}
		}
	}
}

func TestADeadStoreIsReported(t *testing.T) {
	dir := t.TempDir()
	stores := startStores(t, dir)
	if err := syscall.Kill(processes(t, dir)["s3"], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-stores.Failed():
		if !strings.Contains(err.Error(), "s3") {
			t.Errorf("failed with %v, want the store's name", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("nothing was reported")
	}
}

// TestKilledEngineLosesNoAcknowledgedInsert kills the engine while eight
// writers insert; every batch that was acknowledged is there afterwards, whole.
func TestKilledEngineLosesNoAcknowledgedInsert(t *testing.T) {
	const writers, rows, enough = 8, 100, 60
	dir := t.TempDir()
	stores := startStores(t, dir)
	conn := dial(t, stores.Addresses().ClickHouse, clickhouse.CompressionNone)
	execute(t, conn, manyDDL)
	acknowledged := make([]uint64, writers) // batches of each writer
	var total atomic.Int64
	reached, ended := make(chan struct{}), make(chan struct{}, writers)
	for writer := range writers {
		go func() {
			defer func() { ended <- struct{}{} }()
			for batch := uint64(0); ; batch++ {
				first := (uint64(writer)<<32 + batch) * rows
				if tryInsertMany(t.Context(), conn, "many", first, rows) != nil {
					return // the engine is gone
				}
				acknowledged[writer]++
				if total.Add(1) == enough {
					close(reached)
				}
			}
		}()
	}
	<-reached
	if err := syscall.Kill(processes(t, dir)["clickhouse"], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range writers {
		<-ended
	}
	_ = stores.Stop(t.Context()) // it reports the kill

	conn = dial(t, startStores(t, dir).Addresses().ClickHouse, clickhouse.CompressionNone)
	for writer, batches := range acknowledged {
		first := uint64(writer) << 32 * rows
		n := count(t, conn, "SELECT count() FROM many WHERE id >= {first:UInt64} AND id < {last:UInt64}",
			clickhouse.Named("first", first), clickhouse.Named("last", first+batches*rows))
		if n != batches*rows {
			t.Errorf("writer %d: %d rows of %d acknowledged", writer, n, batches*rows)
		}
	}
}

// holder is another process that runs stores.
type holder struct {
	command   *exec.Cmd
	stdin     io.WriteCloser
	addresses embedded.Addresses
}

func startHolder(t *testing.T, executable, dir string, configure func(*exec.Cmd)) *holder {
	t.Helper()
	command := exec.Command(executable)
	command.Env = append(os.Environ(), holdEnv+"="+dir)
	command.Stderr = os.Stderr
	if configure != nil {
		configure(command)
	}
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	h := &holder{command: command, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &h.addresses)
	}
	if err != nil {
		t.Fatalf("start another process: %v, %v", err, command.Wait())
	}
	return h
}

func executable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOrphansEndAndTheFolderIsFree(t *testing.T) {
	dir := t.TempDir()
	h := startHolder(t, executable(t), dir, nil)
	execAt(t, h.addresses, manyDDL)
	insertMany(t, dial(t, h.addresses.ClickHouse, clickhouse.CompressionNone), "many", 0, 10)
	if attached, err := embedded.Attach(dir); err != nil || attached != h.addresses {
		t.Errorf("attached to %+v, %v", attached, err)
	}
	_, err := embedded.Start(t.Context(), embedded.Options{Dir: dir})
	if !errors.Is(err, embedded.ErrInUse) || !strings.Contains(err.Error(), strconv.Itoa(h.command.Process.Pid)) {
		t.Errorf("start beside another process: %v, want ErrInUse with its id", err)
	}
	pids := processes(t, dir)
	if err := h.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = h.command.Wait() // it was killed

	// At once, while the orphans may still be ending.
	a := startStores(t, dir).Addresses()
	for store, pid := range pids {
		if lives(pid) {
			t.Errorf("orphan %s (%d) lives beside its successor", store, pid)
		}
	}
	if n := count(t, dial(t, a.ClickHouse, clickhouse.CompressionNone), "SELECT count() FROM many"); n != 10 {
		t.Errorf("%d rows after the kill, want 10", n)
	}
}

func TestAsANormalUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("every other test already runs as a normal user")
	}
	const nobody = 65534
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	for _, folder := range []string{filepath.Dir(dir), dir} {
		if err := os.Chown(folder, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	copyProgram(t, executable(t), program)
	library, err := embedded.FindChDB()
	if err != nil {
		t.Fatal(err)
	}
	h := startHolder(t, program, filepath.Join(dir, "stores"), func(command *exec.Cmd) {
		command.Dir = dir
		command.Env = append(command.Env, embedded.LibraryEnv+"="+library, "HOME="+dir, "TMPDIR="+dir)
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	})
	execAt(t, h.addresses, manyDDL)
	insertMany(t, dial(t, h.addresses.ClickHouse, clickhouse.CompressionNone), "many", 0, 10)
	client, content := openS3(t, h.addresses.S3), noise(1000)
	put(t, client, h.addresses.S3.Bucket, "a/b/c", content)
	if got := get(t, client, h.addresses.S3.Bucket, "a/b/c", minio.GetObjectOptions{}); !bytes.Equal(got, content) {
		t.Errorf("read %d other bytes", len(got))
	}
	if err := h.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.command.Wait(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(target, source); err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
}
