//go:build unix

package faults

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/playhead/playhead/pkg/objectstore"
)

// hoard is a bucket that fetches every object once, as a whole, and keeps it.
type hoard struct {
	objectstore.Bucket

	mu      sync.Mutex
	objects map[string][]byte
}

func newHoard(b objectstore.Bucket) *hoard {
	return &hoard{Bucket: b, objects: map[string][]byte{}}
}

// Get reads from the copy.
func (h *hoard) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	data, ok := h.objects[key]
	if !ok {
		body, err := h.Bucket.Get(ctx, key, 0, -1)
		if err != nil {
			return nil, err
		}
		defer body.Close()
		if data, err = io.ReadAll(body); err != nil {
			return nil, err
		}
		h.objects[key] = data
	}
	if offset > int64(len(data)) {
		return nil, fmt.Errorf("read %s: %d bytes, asked from %d", key, len(data), offset)
	}
	data = data[offset:]
	if length >= 0 && length < int64(len(data)) {
		data = data[:length]
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}
