package dictionary

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// Reader finds the dictionaries of stored segments and keeps those that were
// used last. It is safe for concurrent use.
type Reader struct {
	bucket     objectstore.Bucket
	cacheBytes int
	loading    singleflight.Group

	mu     sync.Mutex
	kept   map[string]*list.Element // of *cached, by key
	recent *list.List               // most recently used first
	bytes  int
}

type cached struct {
	key        string
	dictionary *segment.Dictionary
}

// NewReader returns a Reader that keeps dictionaries of up to cacheBytes.
func NewReader(bucket objectstore.Bucket, cacheBytes int) *Reader {
	return &Reader{bucket: bucket, cacheBytes: cacheBytes, kept: map[string]*list.Element{}, recent: list.New()}
}

// Get returns the named dictionary of a project; nil, without looking, for the
// empty name. The error is objectstore.ErrNotFound when there is no such
// dictionary, segment.ErrCorrupt when its object is damaged, segment.ErrVersion
// when a newer program wrote it, and the store's own otherwise, all wrapped.
func (r *Reader) Get(ctx context.Context, project recording.ProjectID, id recording.DictionaryID) (*segment.Dictionary, error) {
	if id == "" {
		return nil, nil
	}
	key := segment.DictionaryKey(project, id)
	if _, _, err := segment.ParseDictionaryKey(key); err != nil {
		return nil, fmt.Errorf("read dictionary: %w: %w", objectstore.ErrNotFound, err)
	}
	if d := r.cached(key); d != nil {
		return d, nil
	}
	// Whoever began the load may give up; the others must not fail for it.
	result := r.loading.DoChan(key, func() (any, error) {
		_, d, err := readDictionary(context.WithoutCancel(ctx), r.bucket, project, id)
		if err == nil {
			r.keep(key, d)
		}
		return d, err
	})
	select {
	case loaded := <-result:
		if loaded.Err != nil {
			return nil, fmt.Errorf("read dictionary: %w", loaded.Err)
		}
		return loaded.Val.(*segment.Dictionary), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *Reader) cached(key string) *segment.Dictionary {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.kept[key]
	if e == nil {
		return nil
	}
	r.recent.MoveToFront(e)
	return e.Value.(*cached).dictionary
}

func (r *Reader) keep(key string, d *segment.Dictionary) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept[key] != nil {
		return
	}
	r.kept[key] = r.recent.PushFront(&cached{key: key, dictionary: d})
	for r.bytes += d.Size(); r.bytes > r.cacheBytes; {
		oldest := r.recent.Remove(r.recent.Back()).(*cached)
		delete(r.kept, oldest.key)
		r.bytes -= oldest.dictionary.Size()
	}
}
