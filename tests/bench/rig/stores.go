package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/embedded"
)

// Stores are the embedded ClickHouse engine and the S3 gateway, each a process
// of its own, over an empty folder.
type Stores struct {
	Addresses  embedded.Addresses
	ClickHouse int // process ids
	S3         int
	dir        string
	stores     *embedded.Stores
}

// settleTime bounds the merges after a run.
const settleTime = 3 * time.Minute

// StartStores starts stores whose data is below dir. The program's main must
// have called embedded.RunChild.
func StartStores(ctx context.Context, dir string) (*Stores, error) {
	dir = filepath.Join(dir, "stores")
	stores, err := embedded.Start(ctx, embedded.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("start stores: %w", err)
	}
	s := &Stores{Addresses: stores.Addresses(), dir: dir, stores: stores}
	if err := s.readPIDs(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Stores) readPIDs() error {
	data, err := os.ReadFile(filepath.Join(s.dir, "stores.json"))
	if err != nil {
		return fmt.Errorf("read process ids: %w", err)
	}
	var running struct {
		Processes map[string]int `json:"processes"`
	}
	if err := json.Unmarshal(data, &running); err != nil {
		return fmt.Errorf("read process ids: %w", err)
	}
	s.ClickHouse, s.S3 = running.Processes["clickhouse"], running.Processes["s3"]
	if s.ClickHouse == 0 || s.S3 == 0 {
		return fmt.Errorf("stores.json names no processes: %s", data)
	}
	return nil
}

// Stop ends both stores.
func (s *Stores) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	return s.stores.Stop(ctx)
}

// Query runs a statement in ClickHouse and returns its answer.
func (s *Stores) Query(ctx context.Context, sql string) (string, error) {
	c := s.Addresses.ClickHouse
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Address+"/?"+url.Values{"database": {c.Database}}.Encode(), strings.NewReader(sql))
	if err != nil {
		return "", err
	}
	request.SetBasicAuth(c.User, c.Password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask ClickHouse: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(answer))
	}
	if err != nil {
		return "", fmt.Errorf("ask ClickHouse: %w", err)
	}
	return strings.TrimSpace(string(answer)), nil
}

// Number is the one number that a statement answers with.
func (s *Stores) Number(ctx context.Context, sql string) (float64, error) {
	answer, err := s.Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseFloat(answer, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", sql, err)
	}
	return n, nil
}

// Settle merges every table to the end, so that neither bytes nor processor
// time of merges are left out.
func (s *Stores) Settle(ctx context.Context) error {
	err := Eventually(ctx, settleTime, "merges end", func() (bool, error) {
		n, err := s.Number(ctx, "SELECT count() FROM system.merges")
		return n == 0, err
	})
	if err != nil {
		return err
	}
	tables, err := s.Query(ctx, "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY name")
	if err != nil {
		return err
	}
	for _, table := range strings.Fields(tables) {
		if _, err := s.Query(ctx, "OPTIMIZE TABLE `"+table+"` FINAL"); err != nil {
			return fmt.Errorf("optimize %s: %w", table, err)
		}
	}
	return nil
}

// TableBytes is what the database has on disk, indexes and all, without parts
// that merges have replaced.
func (s *Stores) TableBytes(ctx context.Context) (int64, error) {
	n, err := s.Number(ctx, "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()")
	return int64(n), err
}

// ObjectBytes is the sum of the objects in the bucket, and their number.
func (s *Stores) ObjectBytes() (sum int64, objects int, err error) {
	bucket := filepath.Join(s.dir, "s3", "objects", s.Addresses.S3.Bucket)
	err = filepath.WalkDir(bucket, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir // of the gateway itself
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum += info.Size()
		objects++
		return nil
	})
	return sum, objects, err
}
