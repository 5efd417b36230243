//go:build unix

// Package embedded runs the stores of Playhead on this machine: ClickHouse's
// engine (from chDB) behind ClickHouse's HTTP interface, and VersityGW's S3
// gateway, as child processes, on the loopback, with their data under one
// folder. It is for the demo, for tests and for sites
// with one machine. It is no client: whoever uses the stores speaks to their
// addresses with clickhouse-go (HTTP) and minio-go, as to any other server.
//
// The current executable plays the children: its main, and TestMain of tests,
// call RunChild first. The gateway may be in another program (package s3gateway
// says why).
package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

var (
	// ErrInUse is returned, wrapped, by Start when stores run on the folder.
	ErrInUse = errors.New("folder is in use")

	// ErrNotRunning is returned, wrapped, by Attach when none run there.
	ErrNotRunning = errors.New("stores are not running")
)

// ClickHouse says where a ClickHouse server's HTTP interface is.
type ClickHouse struct {
	Address  string `json:"address"` // host:port
	Database string `json:"database"`
	User     string `json:"user"`
	Password string `json:"password"`
}

// S3 says where a bucket is. Addressing is by path, without TLS.
type S3 struct {
	Endpoint  string `json:"endpoint"` // host:port
	Region    string `json:"region"`
	Bucket    string `json:"bucket"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// Addresses are the addresses and keys of both stores.
type Addresses struct {
	ClickHouse ClickHouse `json:"clickhouse"`
	S3         S3         `json:"s3"`
}

// Options say how to start stores.
type Options struct {
	// Dir holds the data; it is created when absent. One Start at a time.
	Dir string

	// ChDBLibrary is the path of libchdb.so; empty means FindChDB().
	ChDBLibrary string

	// GatewayProgram is the path of a program that calls RunChild with a
	// Gateway; empty means this one.
	GatewayProgram string

	// Log takes what the stores log; nil means slog.Default().
	Log *slog.Logger
}

// Names that the stores have; the keys are new with every Start.
const (
	database  = "playhead"
	user      = "playhead"
	bucket    = "playhead"
	accessKey = "playhead"
	region    = "us-east-1"
)

// Files and folders under Options.Dir.
const (
	lockFile      = "lock"
	addressesFile = "stores.json"
	clickhouseDir = "clickhouse"
	s3Dir         = "s3"
)

// Stores are two running child processes.
type Stores struct {
	dir       string
	addresses Addresses
	children  []*child
	lock      *lock
	failed    chan error
	watchers  sync.WaitGroup
	stop      sync.Once
	stopped   error
}

// running is the content of stores.json.
type running struct {
	Addresses
	PID       int            `json:"pid"` // of the process that called Start
	Processes map[string]int `json:"processes"`
	StartedAt time.Time      `json:"started_at"`
}

// Start starts both stores on o.Dir and returns when they answer. They run
// until Stop, or until this process ends in whatever way. The error is
// ErrInUse when stores already run on the folder.
func Start(ctx context.Context, o Options) (*Stores, error) {
	if !childrenPossible.Load() {
		return nil, errors.New("embedded.RunChild was not called at the start of this program")
	}
	if o.GatewayProgram == "" && !ownGateway.Load() {
		return nil, errors.New("this program has no S3 gateway, and Options.GatewayProgram names none that has")
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.ChDBLibrary == "" {
		library, err := FindChDB()
		if err != nil {
			return nil, err
		}
		o.ChDBLibrary = library
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("find folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	held, err := acquireLock(ctx, dir)
	if err != nil {
		return nil, err
	}
	s := &Stores{dir: dir, lock: held, failed: make(chan error, 1)}
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return s, nil
}

func (s *Stores) start(ctx context.Context, o Options) error {
	// What a killed predecessor left here is not true any more.
	if err := os.Remove(filepath.Join(s.dir, addressesFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove old addresses: %w", err)
	}
	password, secret := rand.Text(), rand.Text()+rand.Text()
	own, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own executable: %w", err)
	}
	programs := []string{own, cmp.Or(o.GatewayProgram, own)}
	configs := []childConfig{
		{Store: clickhouseDir, Dir: filepath.Join(s.dir, clickhouseDir), ClickHouse: &clickhouseConfig{
			Library: o.ChDBLibrary, Database: database, User: user, Password: password,
		}},
		{Store: s3Dir, Dir: filepath.Join(s.dir, s3Dir), S3: &s3Config{
			Region: region, Bucket: bucket, AccessKey: accessKey, SecretKey: secret,
		}},
	}
	for i, config := range configs {
		c, err := startChild(programs[i], config, s.lock, o.Log)
		if err != nil {
			return fmt.Errorf("start %s: %w", config.Store, err)
		}
		s.children = append(s.children, c)
	}
	var at [2]string
	for i, c := range s.children {
		address, err := c.waitReady(ctx)
		if err != nil {
			return fmt.Errorf("start %s: %w", configs[i].Store, err)
		}
		at[i] = address
	}
	s.addresses = Addresses{
		ClickHouse: ClickHouse{Address: at[0], Database: database, User: user, Password: password},
		S3:         S3{Endpoint: at[1], Region: region, Bucket: bucket, AccessKey: accessKey, SecretKey: secret},
	}
	if err := s.writeAddresses(); err != nil {
		return err
	}
	s.watch()
	return nil
}

// watch reports a child that ends without being told to.
func (s *Stores) watch() {
	for _, c := range s.children {
		s.watchers.Add(1)
		go func() {
			defer s.watchers.Done()
			<-c.exited
			if c.told.Load() {
				return
			}
			select {
			case s.failed <- fmt.Errorf("%s ended by itself: %w", c.store, c.exitError()):
			default: // one report is enough: the caller stops both
			}
		}()
	}
}

// Addresses are where the stores are.
func (s *Stores) Addresses() Addresses { return s.addresses }

// Failed gives an error when a store ended by itself. Stop is still needed.
func (s *Stores) Failed() <-chan error { return s.failed }

// Stop lets both stores finish the requests that they have, and waits until
// they ended; when ctx ends first it kills them. Calling it again returns the
// same.
func (s *Stores) Stop(ctx context.Context) error {
	s.stop.Do(func() {
		for _, c := range s.children {
			c.terminate()
		}
		var errs []error
		for _, c := range s.children {
			errs = append(errs, c.wait(ctx))
		}
		s.watchers.Wait()
		if err := os.Remove(filepath.Join(s.dir, addressesFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove addresses: %w", err))
		}
		s.stopped = errors.Join(append(errs, s.lock.release())...)
	})
	return s.stopped
}
