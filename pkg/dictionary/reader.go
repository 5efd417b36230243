package dictionary

import (
	"container/list"
	"context"
	"fmt"
	"io"
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

// Get returns the dictionary that the frame of s was made with, be it the
// site's or another segment's content; nil, without looking, when it was made
// without one. The error is objectstore.ErrNotFound when there is no such
// dictionary, segment.ErrCorrupt when its object is damaged, segment.ErrVersion
// when a newer program wrote it, and the store's own otherwise, all wrapped.
func (r *Reader) Get(ctx context.Context, s recording.StoredSegment) (*segment.Dictionary, error) {
	if s.Dictionary == "" {
		return nil, nil
	}
	key := segment.DictionaryKey(s.Project, s.Dictionary)
	if _, _, err := segment.ParseDictionaryKey(key); err != nil {
		return nil, fmt.Errorf("read dictionary: %w: %w", objectstore.ErrNotFound, err)
	}
	if d := r.cached(key); d != nil {
		return d, nil
	}
	// Whoever began the load may give up; the others must not fail for it.
	result := r.loading.DoChan(key, func() (any, error) {
		d, err := r.load(context.WithoutCancel(ctx), s)
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

func (r *Reader) load(ctx context.Context, s recording.StoredSegment) (*segment.Dictionary, error) {
	if s.Base.Object != "" {
		return r.base(ctx, s)
	}
	_, d, err := readDictionary(ctx, r.bucket, s.Project, s.Dictionary)
	return d, err
}

// maxBaseFrame is beyond the frame of every base: zstd adds little to what does
// not shrink.
const maxBaseFrame = segment.MaxBaseBytes + 64<<10

// base reads the segment whose content the frame of s was made with.
func (r *Reader) base(ctx context.Context, s recording.StoredSegment) (*segment.Dictionary, error) {
	project, _, _, err := segment.ParsePackKey(s.Base.Object)
	if err != nil || project != s.Project || s.Base.Length <= 0 || s.Base.Length > maxBaseFrame {
		return nil, fmt.Errorf("%w: base of a segment is in no pack of its project", segment.ErrCorrupt)
	}
	of := recording.StoredSegment{Dictionary: s.Base.Dictionary}
	of.Project = s.Project
	site, err := r.Get(ctx, of)
	if err != nil {
		return nil, err
	}
	body, err := r.bucket.Get(ctx, s.Base.Object, s.Base.Offset, s.Base.Length)
	if err != nil {
		return nil, fmt.Errorf("read base: %w", err)
	}
	defer body.Close()
	frame, err := io.ReadAll(io.LimitReader(body, s.Base.Length))
	if err != nil {
		return nil, fmt.Errorf("read base: %w", err)
	}
	content, err := segment.Decode(nil, frame, min(s.Base.RawBytes, segment.MaxBaseBytes), site)
	if err != nil {
		return nil, fmt.Errorf("read base: %w", err)
	}
	d, err := segment.NewBase(site, content)
	if err != nil {
		return nil, fmt.Errorf("read base: %w: %w", segment.ErrCorrupt, err)
	}
	if d.ID() != s.Dictionary {
		return nil, fmt.Errorf("read base: %w: it is not the content that the frame was made with", segment.ErrCorrupt)
	}
	return d, nil
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
