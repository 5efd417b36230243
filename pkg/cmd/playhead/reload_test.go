package main

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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/ingest"
)

const reloadConfig = `listen: 127.0.0.1:0
data_dir: %s
projects:
  - id: shop
    keys:
      - {name: web, key: pk_0123456789abcdef, origins: ['https://shop.example.com'], revoked: %v}
      - {name: other, key: pk_fedcba9876543210}
`

// output is what a process wrote so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// address finds what the command says when it accepts segments.
func (o *output) address() string {
	lines := bufio.NewScanner(strings.NewReader(o.String()))
	for lines.Scan() {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "accepting segments" {
			return line.Address
		}
	}
	return ""
}

func until(t *testing.T, what string, condition func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !condition() {
		if time.Since(start) > time.Minute {
			t.Fatalf("%s: not within a minute", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(start)
}

// TestKeysChangeWithoutRestart runs the command: a key that is revoked in the
// file is refused within a minute, and a broken file changes nothing.
func TestKeysChangeWithoutRestart(t *testing.T) {
	library, err := embedded.FindChDB()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "playhead.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fmt.Sprintf(reloadConfig, dir, false))
	var out output
	// The first word decides: this test's program is the command too.
	cmd := exec.Cmd{Path: self, Args: []string{"playhead", "ingest", "--config", file}, Stderr: &out, Env: append(os.Environ(), "PLAYHEAD_CHDB_LIBRARY="+library)}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the command ends with %v: %s", err, out.String())
		}
	})
	until(t, "the command starts", func() bool { return out.address() != "" })
	upload := func(key string) int {
		t.Helper()
		now := time.Now().UnixMilli()
		body := fmt.Sprintf(`{"v":1,"session_id":"session-%s","window_id":"window-1","page_id":"page-0001","seq":0,"sent_at":%d}`+"\n"+`{"type":3,"timestamp":%d,"data":{}}`, key, now, now)
		answer, err := http.Post("http://"+out.address()+"/v1/segments?key="+key, "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	metrics := func() string {
		answer, err := http.Get("http://" + out.address() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if status := upload("pk_0123456789abcdef"); status != http.StatusAccepted {
		t.Fatalf("a good key: %d", status)
	}

	write(fmt.Sprintf(reloadConfig, dir, true))
	took := until(t, "the revoked key is refused", func() bool { return upload("pk_0123456789abcdef") == http.StatusUnauthorized })
	t.Logf("revoked after %v", took)
	if status := upload("pk_fedcba9876543210"); status != http.StatusAccepted {
		t.Errorf("the other key: %d", status)
	}

	write("projects: [{id: shop, keyz: []}]")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until(t, "the broken file is noticed", func() bool { return strings.Contains(metrics(), "playhead_config_reload_failed 1") })
	if status := upload("pk_fedcba9876543210"); status != http.StatusAccepted {
		t.Errorf("with a broken file: %d", status)
	}
	write(fmt.Sprintf(reloadConfig, dir, false))
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until(t, "the key is back", func() bool { return upload("pk_0123456789abcdef") == http.StatusAccepted })
	if strings.Contains(out.String(), "pk_0123456789abcdef") {
		t.Error("the log tells a key")
	}
}

// TestReloader: what changes, what is refused and what needs a restart.
func TestReloader(t *testing.T) {
	file := filepath.Join(t.TempDir(), "playhead.yaml")
	var logged output
	var level slog.LevelVar
	var applied []ingest.Project
	refusal := error(nil)
	r := &reloader{
		file: file, load: func() (config, error) { return loadConfig(file) },
		apply: func(p []ingest.Project) error { applied = p; return refusal },
		level: &level, log: newLog(&logged, slog.LevelDebug), now: time.Now, running: defaultConfig(),
		failed: prometheus.NewGauge(prometheus.GaugeOpts{Name: "failed"}), loaded: prometheus.NewGauge(prometheus.GaugeOpts{Name: "loaded"}),
	}
	r.running.completePaths()
	tick, hup, done := make(chan time.Time), make(chan os.Signal), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	go func() { defer close(done); r.follow(ctx, tick, hup) }()
	said := 0
	// look has the file read and returns what is logged.
	look := func(text string) string {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		tick <- time.Now()
		tick <- time.Now() // the first is done when the second is taken
		news := logged.String()[said:]
		said = len(logged.String())
		return news
	}
	const good = "projects: [{id: shop, keys: [{name: web, key: pk_0123456789abcdef}]}]\n"
	if news := look(good); len(applied) != 1 || !strings.Contains(news, "configuration read again") {
		t.Errorf("applied %v, logged %s", applied, news)
	}
	if news := look(good); news != "" {
		t.Errorf("an unchanged file: %s", news)
	}
	if news := look(good + "log_level: debug\n"); level.Level() != slog.LevelDebug {
		t.Errorf("level %v, logged %s", level.Level(), news)
	}
	if news := look(good + "log_level: debug\nlisten: 127.0.0.1:9999\nflush: {pack_age: 11s}\n"); !strings.Contains(news, `"field":"listen"`) || !strings.Contains(news, `"field":"flush"`) {
		t.Errorf("what needs a restart: %s", news)
	}
	applied = nil
	if news := look("limitz: {}\n"); applied != nil || strings.Count(news, "cannot be used") != 1 {
		t.Errorf("applied %v, logged %s", applied, news)
	}
	refusal = errors.New("refused")
	if news := look(good); !strings.Contains(news, "refused") {
		t.Errorf("what ingest refuses: %s", news)
	}
	refusal = nil
	if news := look(good); !strings.Contains(news, "configuration read again") || strings.Contains(logged.String(), "pk_0123456789abcdef") {
		t.Errorf("a repaired file: %s", news)
	}
	stop()
	<-done
}
