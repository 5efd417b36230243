//go:build unix

// Package embeddedtest gives tests real stores: those of pkg/embedded, started
// once for a test process, or servers named by the environment. It is for
// tests only.
//
// A package whose tests use it has
//
//	func TestMain(m *testing.M) { embeddedtest.Main(m) }
//
// The stores are shared by all tests of the package: each test makes its own
// ClickHouse database and its own key prefix.
package embeddedtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/embedded/s3gateway"
)

// Environment variables that name servers to test against instead.
const (
	// ClickHouseEnv is http://user:password@host:port/database.
	ClickHouseEnv = "PLAYHEAD_TEST_CLICKHOUSE"
	// S3Env is http://key:secret@host:port/bucket?region=us-east-1.
	S3Env = "PLAYHEAD_TEST_S3"
)

// startTime and stopTime bound the start and the end of the stores.
const (
	startTime = time.Minute
	stopTime  = 30 * time.Second
)

// shared are the stores of this test process.
var shared struct {
	sync.Mutex
	stores    *embedded.Stores
	dir       string
	addresses embedded.Addresses
	err       error
	started   bool
}

// Main runs a package's tests and stops the stores when they have run.
func Main(m *testing.M) {
	embedded.RunChild(s3gateway.Serve)
	code := m.Run()
	if err := Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "embeddedtest:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Start returns the addresses of the test process's stores, which it starts
// when it is called first. It fails the test when they do not start.
func Start(t testing.TB) embedded.Addresses {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.started {
		shared.started = true
		shared.addresses, shared.err = start()
	}
	if shared.err != nil {
		t.Fatalf("start stores: %v", shared.err)
	}
	return shared.addresses
}

// Stop ends the stores and removes their data. It is for a TestMain that
// cannot use Main; call it after the tests.
func Stop() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.stores == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	err := shared.stores.Stop(ctx)
	shared.stores = nil
	return errors.Join(err, os.RemoveAll(shared.dir))
}

func start() (embedded.Addresses, error) {
	clickhouseURL, s3URL := os.Getenv(ClickHouseEnv), os.Getenv(S3Env)
	var out embedded.Addresses
	if clickhouseURL == "" || s3URL == "" {
		if err := startEmbedded(); err != nil {
			return out, err
		}
		out = shared.stores.Addresses()
	}
	if clickhouseURL != "" {
		u, err := url.Parse(clickhouseURL)
		if err != nil || u.Host == "" {
			return out, fmt.Errorf("$%s is not http://user:password@host:port/database", ClickHouseEnv)
		}
		password, _ := u.User.Password()
		out.ClickHouse = embedded.ClickHouse{Address: u.Host, Database: strings.Trim(u.Path, "/"), User: u.User.Username(), Password: password}
	}
	if s3URL != "" {
		u, err := url.Parse(s3URL)
		if err != nil || u.Host == "" {
			return out, fmt.Errorf("$%s is not http://key:secret@host:port/bucket?region=us-east-1", S3Env)
		}
		secret, _ := u.User.Password()
		out.S3 = embedded.S3{Endpoint: u.Host, Region: u.Query().Get("region"), Bucket: strings.Trim(u.Path, "/"), AccessKey: u.User.Username(), SecretKey: secret}
	}
	return out, nil
}

func startEmbedded() error {
	dir, err := os.MkdirTemp("", "playhead-stores-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	stores, err := embedded.Start(ctx, embedded.Options{Dir: dir, Log: logger()})
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	shared.stores, shared.dir = stores, dir
	return nil
}

// logger shows what the stores have to say when tests are verbose.
func logger() *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	return slog.New(slog.DiscardHandler)
}
