//go:build unix

package embedded

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/playhead/playhead/pkg/embedded/internal/chdb"
	"github.com/playhead/playhead/pkg/embedded/internal/chhttp"
)

// drainTime is how long a store that was told to end goes on with the requests
// that it has.
const drainTime = 10 * time.Second

// childrenPossible is set once this program has passed RunChild: without that
// a child would run the whole program again, and its children too.
// ownGateway is set when it brought a gateway.
var childrenPossible, ownGateway atomic.Bool

// Gateway serves an S3 API over the files of a folder of its own, with the region,
// bucket and keys of at, until ctx ends. It calls ready with host:port once
// requests are answered. s3gateway.Serve is one.
type Gateway func(ctx context.Context, dir string, at S3, ready func(address string)) error

// RunChild runs a store and exits the process when Start started it as one;
// otherwise it returns at once. Call it first in main, and in TestMain of
// tests that use Start. A program without a gateway (nil) names in
// Options.GatewayProgram another one that has it.
func RunChild(gateway Gateway) {
	store := os.Getenv(childEnv)
	if store == "" {
		ownGateway.Store(gateway != nil)
		childrenPossible.Store(true)
		return
	}
	if err := os.Unsetenv(childEnv); err != nil {
		os.Exit(1)
	}
	if err := runChild(gateway); err != nil {
		slog.New(slog.NewJSONHandler(os.Stderr, nil)).Error("store ended", "error", err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

func runChild(gateway Gateway) error {
	// The parent may die while we drain; what we then log must not end us.
	signal.Ignore(syscall.SIGPIPE)
	stdin := bufio.NewReader(os.Stdin)
	line, err := stdin.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	var config childConfig
	if err := json.Unmarshal(line, &config); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	ctx, orphaned := context.WithCancel(ctx)
	go func() {
		// The parent never writes again: this returns when it is gone.
		_, _ = stdin.ReadByte()
		orphaned()
	}()
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: config.LogLevel}))
	if err := giveWay(); err != nil {
		log.Warn("store has the priority of the program that started it", "error", err)
	}
	if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	ready := readyOnce(os.NewFile(readyFD, "ready"))
	switch {
	case config.ClickHouse != nil:
		return runClickHouse(ctx, config.Dir, *config.ClickHouse, log, ready)
	case config.S3 != nil && gateway != nil:
		return runS3(ctx, gateway, config.Dir, *config.S3, ready)
	}
	return fmt.Errorf("this program has no store %q", config.Store)
}

// readyOnce tells the parent the address.
func readyOnce(w io.WriteCloser) func(address string) {
	var once sync.Once
	return func(address string) {
		once.Do(func() {
			// When the parent is gone the closed standard input tells us.
			_, _ = fmt.Fprintln(w, address)
			_ = w.Close()
		})
	}
}

func runS3(ctx context.Context, gateway Gateway, dir string, c s3Config, ready func(string)) error {
	err := gateway(ctx, dir, S3{Region: c.Region, Bucket: c.Bucket, AccessKey: c.AccessKey, SecretKey: c.SecretKey}, ready)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func runClickHouse(ctx context.Context, dir string, c clickhouseConfig, log *slog.Logger, ready func(string)) error {
	library, err := chdb.Load(c.Library)
	if err != nil {
		return err
	}
	args, err := engineArgs(dir)
	if err != nil {
		return err
	}
	// The engine lives as long as this connection, whatever requests do.
	keep, err := library.Connect(args...)
	if err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	defer keep.Close()
	if _, _, err := keep.Query([]byte("CREATE DATABASE IF NOT EXISTS "+c.Database+" ENGINE = Atomic"), "Null", nil); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	handler, err := chhttp.New(chhttp.Options{Library: library, ConnectArgs: args, User: c.User, Password: c.Password, Log: log})
	if err != nil {
		return err
	}
	return serve(ctx, handler, log, ready)
}

// engineConfig holds what makes an acknowledged insert survive a power
// failure, as on a server that is set up with care; every table can say
// otherwise. The engine looks at its memory every second and not twenty times,
// which is half of what it costs while nobody asks.
const engineConfig = `<clickhouse>
  <memory_worker_period_ms>1000</memory_worker_period_ms>
  <merge_tree>
    <fsync_after_insert>1</fsync_after_insert>
    <fsync_part_directory>1</fsync_part_directory>
  </merge_tree>
</clickhouse>
`

// engineArgs are the arguments of every connection: where the data is, and
// what makes the engine behave as a server rather than as a command line.
func engineArgs(dir string) ([]string, error) {
	config := filepath.Join(dir, "config.xml")
	if err := os.WriteFile(config, []byte(engineConfig), 0o600); err != nil {
		return nil, fmt.Errorf("write engine configuration: %w", err)
	}
	return []string{
		"--path=" + filepath.Join(dir, "data"),
		"--config-file=" + config,
		"--implicit_select=0",
		"--allow_introspection_functions=0",
		// The profiler interrupts threads with signals, which the Go runtime does not expect.
		"--query_profiler_real_time_period_ns=0",
		"--query_profiler_cpu_time_period_ns=0",
	}, nil
}

// serve answers on a free port of the loopback until ctx ends, and then
// finishes what it has.
func serve(ctx context.Context, handler http.Handler, log *slog.Logger, ready func(string)) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	ready(listener.Addr().String())
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return errors.Join(fmt.Errorf("drain: %w", err), server.Close())
	}
	return nil
}
