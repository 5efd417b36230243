package ingest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/objectstore"
)

const (
	// copiesAge is how long a copy is kept: a window for which there was no room
	// is read again after minutes.
	copiesAge = 30 * time.Minute

	// maxCopies bounds the files: with little traffic packs are small.
	maxCopies = 4096
)

// packCopies is a bucket of which the packs that were stored last are on the
// local disk too, so that following their windows asks object storage for none
// of them. A copy is worth nothing: when it cannot be written or read, the
// bucket has the pack. It is safe for concurrent use.
type packCopies struct {
	objectstore.Bucket
	dir   string
	limit int64
	now   func() time.Time
	log   *slog.Logger

	mu    sync.Mutex
	byKey map[string]packCopy
	order []string // keys, the oldest first
	bytes int64
	next  int // number of the next file
}

// packCopy is the copy of one pack.
type packCopy struct {
	path  string
	bytes int64
	since time.Time
}

// newPackCopies keeps copies of up to limit bytes in a folder, and removes what
// an earlier process left there.
func newPackCopies(bucket objectstore.Bucket, dir string, limit int64, now func() time.Time, log *slog.Logger) *packCopies {
	c := &packCopies{Bucket: bucket, dir: dir, limit: limit, now: now, log: log, byKey: map[string]packCopy{}}
	if err := os.RemoveAll(dir); err != nil {
		log.Warn("old copies of packs are not removed", "error", err)
	}
	return c
}

// keep copies a pack of so many bytes that is stored.
func (c *packCopies) keep(key string, pack io.Reader, size int64) {
	if size > c.limit {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.byKey[key]; known {
		return
	}
	c.shrink(c.limit-size, maxCopies-1)
	path := filepath.Join(c.dir, strconv.Itoa(c.next))
	c.next++
	if err := c.write(path, pack); err != nil {
		c.log.Warn("a stored pack has no local copy; it is read from object storage", "error", err)
		_ = os.Remove(path) // it may not have been made
		return
	}
	c.byKey[key] = packCopy{path, size, c.now()}
	c.order = append(c.order, key)
	c.bytes += size
}

func (c *packCopies) write(path string, pack io.Reader) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, pack)
	return errors.Join(err, file.Close())
}

// expire removes copies that are too old.
func (c *packCopies) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.order) > 0 && c.now().Sub(c.byKey[c.order[0]].since) >= copiesAge {
		c.drop()
	}
}

// shrink removes the oldest copies until the rest is within bounds; c.mu is
// held.
func (c *packCopies) shrink(bytes int64, count int) {
	for len(c.order) > 0 && (c.bytes > bytes || len(c.order) > count) {
		c.drop()
	}
}

// drop removes the oldest copy; c.mu is held. Who reads it goes on.
func (c *packCopies) drop() {
	key := c.order[0]
	c.order = c.order[1:]
	old := c.byKey[key]
	delete(c.byKey, key)
	c.bytes -= old.bytes
	if err := os.Remove(old.path); err != nil {
		c.log.Warn("copy of a pack is not removed", "error", err)
	}
}

// Get implements objectstore.Bucket.
func (c *packCopies) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	c.mu.Lock()
	known, ok := c.byKey[key]
	c.mu.Unlock()
	if ok && offset >= 0 && length >= 0 && offset+length <= known.bytes {
		if file, err := os.Open(known.path); err == nil {
			return struct {
				io.Reader
				io.Closer
			}{io.NewSectionReader(file, offset, length), file}, nil
		}
	}
	return c.Bucket.Get(ctx, key, offset, length)
}
