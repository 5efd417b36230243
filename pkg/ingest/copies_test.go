package ingest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/objectstore"
)

// awayBucket has nothing.
type awayBucket struct{ objectstore.Bucket }

func (awayBucket) Get(context.Context, string, int64, int64) (io.ReadCloser, error) {
	return nil, errors.New("bucket is asked")
}

func readCopy(t *testing.T, c *packCopies, key string, offset, length int64) (string, error) {
	t.Helper()
	body, err := c.Get(t.Context(), key, offset, length)
	if err != nil {
		return "", err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	must(t, err)
	return string(data), nil
}

func keep(c *packCopies, key, pack string) {
	c.keep(key, strings.NewReader(pack), int64(len(pack)))
}

func TestPackCopies(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "packs"), time.Now()
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "7"), []byte("of an earlier process"), 0o600))
	c := newPackCopies(awayBucket{}, dir, 10, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("copies of an earlier process are left (%v)", err)
	}
	has := func(key string, want bool) {
		t.Helper()
		if _, err := readCopy(t, c, key, 0, 1); (err == nil) != want {
			t.Errorf("%s is at hand: %v, want %v", key, err == nil, want)
		}
	}
	keep(c, "a", "0123")
	keep(c, "b", "4567")
	if got, err := readCopy(t, c, "b", 1, 2); err != nil || got != "56" {
		t.Errorf("read %q (%v)", got, err)
	}
	if _, err := readCopy(t, c, "b", 3, 2); err == nil {
		t.Error("a range beyond the end is not left to the bucket")
	}
	now = now.Add(time.Minute)
	keep(c, "c", "89ab") // 12 bytes in all
	keep(c, "too large", strings.Repeat("x", 11))
	has("a", false)
	has("b", true)
	has("c", true)
	has("too large", false)
	now = now.Add(copiesAge - time.Second)
	c.expire()
	has("b", false)
	has("c", true)
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%d files, want 1 (%v)", len(files), err)
	}
}

// A folder that cannot be written costs nothing but requests.
func TestPackCopiesWithoutAFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	c := newPackCopies(awayBucket{}, filepath.Join(file, "packs"), 10, time.Now, slog.New(slog.DiscardHandler))
	keep(c, "a", "0123")
	if _, err := readCopy(t, c, "a", 0, 1); err == nil || err.Error() != "bucket is asked" {
		t.Errorf("got %v", err)
	}
}
