//go:build unix

package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/index/clickhouse"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/s3"
	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/recording"
)

// plant is what all rows share: the program and the engines.
type plant struct {
	root, dir string
	binary    string // playhead
	report    *report
	log       *logbook
	engines   *embedded.Stores
}

const (
	startTime = time.Minute
	stopTime  = 30 * time.Second
)

func newPlant(ctx context.Context, o Options, dir string) (_ *plant, err error) {
	p := &plant{root: o.Root, dir: dir, report: &report{out: o.Out}, log: &logbook{out: o.Log}}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.binary, err = p.build(ctx, "playhead", "./pkg/cmd/playhead"); err != nil {
		return nil, err
	}
	starting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	quiet := slog.New(slog.DiscardHandler)
	if p.engines, err = embedded.Start(starting, embedded.Options{Dir: filepath.Join(dir, "stores"), Log: quiet}); err != nil {
		return nil, fmt.Errorf("start stores: %w", err)
	}
	return p, nil
}

// build makes a program of this checkout.
func (p *plant) build(ctx context.Context, name, pkg string) (string, error) {
	path := filepath.Join(p.dir, name)
	c := exec.CommandContext(ctx, "go", "build", "-o", path, pkg)
	c.Dir = p.root
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	return path, nil
}

func (p *plant) close() error {
	if p.engines == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	return p.engines.Stop(ctx)
}

// vault is the part of the stores that belongs to one row: a database and a
// prefix. The suite looks into it past the proxies.
type vault struct {
	database, prefix string
	bucket           objectstore.Bucket
	index            index.Index
}

// openVault makes the row's part of the stores.
func (t *trial) openVault() (*vault, error) {
	at := t.engines.Addresses()
	v := &vault{database: fmt.Sprintf("faults%d", t.number), prefix: fmt.Sprintf("faults-%d", t.number)}
	objects := s3.Config{Endpoint: at.S3.Endpoint, Region: at.S3.Region, Bucket: at.S3.Bucket, Prefix: v.prefix, PathStyle: true, AccessKey: at.S3.AccessKey, SecretKey: at.S3.SecretKey}
	bucket, err := s3.New(objects, s3.Options{})
	if err != nil {
		return nil, fmt.Errorf("open bucket: %w", err)
	}
	rows := clickhouse.Config{Protocol: clickhouse.ProtocolHTTP, Addresses: []string{at.ClickHouse.Address}, Database: v.database, Username: at.ClickHouse.User, Password: at.ClickHouse.Password}
	idx, err := clickhouse.New(rows, clickhouse.Options{})
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	t.later(idx.Close)
	if err := idx.Migrate(t.ctx); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	v.bucket, v.index = bucket, idx
	return v, nil
}

// reader reads the recordings of a project as a player does. Whole objects
// are kept in memory: the suite reads all of them, segment by segment.
func (v *vault) reader(project recording.ProjectID) *playback.Reader {
	return playback.New(playback.Config{Project: project, Bucket: newHoard(v.bucket), Index: v.index, Log: slog.New(slog.DiscardHandler)})
}
