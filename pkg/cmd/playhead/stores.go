package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/index/clickhouse"
	"github.com/playhead/playhead/pkg/objectstore/s3"
	"github.com/playhead/playhead/pkg/otlp"
)

// stores are the two stores of a command, and the engines behind them when
// they run on this machine.
type stores struct {
	bucket    *s3.Bucket
	index     *clickhouse.Index
	telemetry *otlp.Store      // nil when the page shows none
	engines   *embedded.Stores // nil when other processes own the stores
	addresses embedded.Addresses
}

// openStores connects to the configured stores and starts those that have no
// address. With attach, stores that another process runs on the same folder
// are used as they are.
func openStores(ctx context.Context, c config, attach bool, log *slog.Logger) (*stores, error) {
	s := &stores{}
	if err := s.find(ctx, &c, attach, log); err != nil {
		return nil, err
	}
	if err := s.connect(*c.ClickHouse, *c.ObjectStorage); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := s.connectTelemetry(*c.ClickHouse, c.Standalone, log); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// find completes the configuration with the addresses of the stores that run
// on this machine, which it starts when nobody has.
func (s *stores) find(ctx context.Context, c *config, attach bool, log *slog.Logger) error {
	if c.ClickHouse == nil || c.ObjectStorage == nil {
		if err := s.openEmbedded(ctx, filepath.Join(c.DataDir, "stores"), attach, log); err != nil {
			return err
		}
	}
	if c.ClickHouse == nil {
		at := s.addresses.ClickHouse
		c.ClickHouse = &clickhouse.Config{Protocol: clickhouse.ProtocolHTTP, Addresses: []string{at.Address}, Database: "playhead", Username: at.User, Password: at.Password}
	}
	c.ClickHouse.Retention = keepTimes(c.Retention)
	if c.ObjectStorage == nil {
		at := s.addresses.S3
		c.ObjectStorage = &s3.Config{Endpoint: at.Endpoint, Region: at.Region, Bucket: at.Bucket, PathStyle: true, AccessKey: at.AccessKey, SecretKey: at.SecretKey}
	}
	return nil
}

func (s *stores) openEmbedded(ctx context.Context, dir string, attach bool, log *slog.Logger) error {
	if attach {
		addresses, err := embedded.Attach(dir)
		if err == nil {
			s.addresses = addresses
			return nil
		}
		if !errors.Is(err, embedded.ErrNotRunning) {
			return fmt.Errorf("attach to the stores: %w", err)
		}
	}
	local, err := findLocal()
	if err != nil {
		return err
	}
	engines, err := embedded.Start(ctx, embedded.Options{Dir: dir, GatewayProgram: local, Log: log})
	if err != nil {
		return fmt.Errorf("start the stores: %w", err)
	}
	s.engines, s.addresses = engines, engines.Addresses()
	return nil
}

func (s *stores) connect(ch clickhouse.Config, objects s3.Config) error {
	bucket, err := s3.New(objects, s3.Options{})
	if err != nil {
		return fmt.Errorf("open object storage: %w", err)
	}
	index, err := clickhouse.New(ch, clickhouse.Options{})
	if err != nil {
		return fmt.Errorf("open ClickHouse: %w", err)
	}
	s.bucket, s.index = bucket, index
	return nil
}

func (s *stores) connectTelemetry(ch clickhouse.Config, page standaloneConfig, log *slog.Logger) error {
	if page.Telemetry.Database == "" {
		return nil
	}
	conn, err := clickhouse.Open(ch, nil)
	if err != nil {
		return fmt.Errorf("open ClickHouse for telemetry: %w", err)
	}
	telemetry, err := otlp.New(otlp.Config{Conn: conn, Database: page.Telemetry.Database, Project: page.Project, Log: log})
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	s.telemetry = telemetry
	return nil
}

// close disconnects and stops the engines that this command started.
func (s *stores) close() error {
	var errs []error
	if s.index != nil {
		errs = append(errs, s.index.Close())
	}
	if s.telemetry != nil {
		errs = append(errs, s.telemetry.Close())
	}
	if s.engines != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		errs = append(errs, s.engines.Stop(ctx))
	}
	return errors.Join(errs...)
}

// failed reports the death of an engine; it never does when others own them.
func (s *stores) failed() <-chan error {
	if s.engines == nil {
		return nil
	}
	return s.engines.Failed()
}

// migrate waits for ClickHouse, which may still be starting, and brings its
// schema to this version.
func (s *stores) migrate(ctx context.Context, log *slog.Logger) error {
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		err := s.index.Migrate(ctx)
		if err == nil || errors.Is(err, index.ErrSchema) {
			return err
		}
		log.Warn("schema not migrated yet", "error", err, "retry_in", wait.String())
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}
