package reindex

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/indexing"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

const (
	// batchSegments and batchMoments bound one insert, and the memory of its
	// rows.
	batchSegments = 20_000
	batchMoments  = 50_000

	// tries of a store, with 1, 2, 4 and 8 s between them: a hiccup, or a
	// restart, does not end a run of hours.
	tries      = 5
	firstPause = time.Second

	// maxAway is how many packs in a row may not be given by object storage
	// before it is taken for away. A single one can be archived, or forbidden.
	maxAway = 3
)

// worker reads packs and writes their rows, one group after the other.
type worker struct {
	*run
	content []byte // of the pack in hand
	raw     []byte
}

// batch are the rows of a group that are not written yet.
type batch struct {
	index.Batch
	packs    int
	rawBytes int64
}

// index writes the rows of a group.
func (w *worker) index(ctx context.Context, g *group) error {
	var rows batch
	flush := func() error {
		if len(rows.Segments)+len(rows.Moments)+len(rows.Keyframes) == 0 {
			return nil
		}
		rows.Project, rows.Token = g.project, g.packs[0].Key
		if err := w.write(ctx, rows); err != nil {
			return err
		}
		rows = batch{}
		return nil
	}
	for _, object := range g.packs {
		footer, err := w.load(ctx, object)
		if err != nil {
			if err := w.pass(ctx, object, err); err != nil {
				return err
			}
			continue
		}
		if rows.Class != footer.Class {
			if err := flush(); err != nil {
				return err
			}
		}
		if err := w.pack(ctx, object.Key, footer, &rows, flush); err != nil {
			return err
		}
	}
	return flush()
}

// pack adds the rows of a pack, and calls flush when there are many.
func (w *worker) pack(ctx context.Context, key string, footer *segment.Footer, rows *batch, flush func() error) error {
	rows.packs++
	rows.Class = footer.Class
	for _, k := range footer.Keyframes {
		rows.Keyframes = append(rows.Keyframes, k.Keyframe)
	}
	for _, entry := range footer.Entries {
		if err := w.derive(ctx, key, entry, rows); err != nil {
			return err
		}
		if len(rows.Segments) >= batchSegments || len(rows.Moments) >= batchMoments {
			if err := flush(); err != nil {
				return err
			}
			rows.Class = footer.Class
		}
	}
	return nil
}

// load reads a pack into w.content.
func (w *worker) load(ctx context.Context, o objectstore.Object) (*segment.Footer, error) {
	if o.Size > maxPackBytes {
		return nil, fmt.Errorf("%w: %d bytes are too many for a pack", segment.ErrCorrupt, o.Size)
	}
	err := w.patiently(ctx, func() error { return w.get(ctx, o) })
	if err != nil {
		return nil, err
	}
	w.away.Store(0)
	footer, err := segment.ReadFooter(bytes.NewReader(w.content), o.Size)
	if err != nil {
		return nil, err
	}
	// Rows point to where the pack says that it lies.
	if key := segment.PackKey(footer.Project, footer.Class, footer.ID); key != o.Key {
		return nil, fmt.Errorf("%w: it is the pack %s", segment.ErrCorrupt, key)
	}
	return footer, nil
}

func (w *worker) get(ctx context.Context, o objectstore.Object) error {
	body, err := w.Bucket.Get(ctx, o.Key, 0, -1)
	if err != nil {
		return err
	}
	defer body.Close()
	if int64(cap(w.content)) < o.Size {
		w.content = make([]byte, o.Size)
	}
	w.content = w.content[:o.Size]
	_, err = io.ReadFull(body, w.content)
	return err
}

// pass goes on after a pack that could not be read, unless that is because
// object storage is away.
func (w *worker) pass(ctx context.Context, o objectstore.Object, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, objectstore.ErrNotFound) {
		// It was listed, so it was deleted since, and nothing is missing.
		w.Log.InfoContext(ctx, "pack was deleted meanwhile", "object", o.Key)
		return nil
	}
	w.Log.ErrorContext(ctx, "pack cannot be read", "object", o.Key, "error", err)
	w.tally.unreadable(Unreadable{Object: o.Key, Reason: err.Error()})
	if !final(err) && w.away.Add(1) >= maxAway {
		return fmt.Errorf("read packs: %w", gone(err))
	}
	return nil
}

// derive adds the rows of a segment. What its footer says of it is enough for
// all but its moments.
func (w *worker) derive(ctx context.Context, key string, e segment.Entry, rows *batch) error {
	stored := e.StoredSegment
	err := w.decode(ctx, e)
	if err == nil {
		var moments []recording.Moment
		if moments, err = indexing.Derive(&stored.Segment, w.raw); err == nil {
			rows.Moments = append(rows.Moments, moments...)
		}
	}
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, ErrAway) {
			return errors.Join(err, ctx.Err())
		}
		w.Log.ErrorContext(ctx, "segment is indexed without its moments", "object", key,
			"session", e.Session, "window", e.Window, "seq", e.Seq, "error", err)
		w.tally.damaged(Damaged{Object: key, SessionID: e.Session, WindowID: e.Window, Seq: e.Seq, Reason: err.Error()})
	}
	rows.Segments = append(rows.Segments, stored)
	rows.rawBytes += int64(stored.RawBytes)
	return nil
}

// decode reads the events of a segment of w.content into w.raw.
func (w *worker) decode(ctx context.Context, e segment.Entry) error {
	frame := w.content[e.Offset : e.Offset+e.Length]
	if err := e.Verify(frame); err != nil {
		return err
	}
	var dictionary *segment.Dictionary
	err := w.patiently(ctx, func() (err error) {
		dictionary, err = w.Dictionaries.Get(ctx, e.StoredSegment)
		return err
	})
	if err != nil {
		return gone(err)
	}
	w.raw, err = segment.Decode(w.raw[:0], frame, min(e.RawBytes, recording.MaxSegmentBytes), dictionary)
	return err
}

func (w *worker) write(ctx context.Context, rows batch) error {
	if err := w.patiently(ctx, func() error { return w.Index.Write(ctx, rows.Batch) }); err != nil {
		return fmt.Errorf("write rows: %w", gone(err))
	}
	w.tally.rows(rows.packs, len(rows.Segments), len(rows.Moments), rows.rawBytes)
	return nil
}

// patiently calls a store again when it does not answer.
func (r *run) patiently(ctx context.Context, call func() error) error {
	for try, pause := 1, firstPause; ; try, pause = try+1, 2*pause {
		err := call()
		if err == nil || final(err) || try == tries || ctx.Err() != nil {
			return err
		}
		r.Log.WarnContext(ctx, "store does not answer; trying again", "wait", pause.String(), "error", err)
		select {
		case <-r.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// gone marks the error of a store that was asked often enough.
func gone(err error) error {
	if final(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// final says whether asking a store again would not change its answer.
func final(err error) bool {
	for _, known := range []error{objectstore.ErrNotFound, segment.ErrCorrupt, segment.ErrVersion, index.ErrSchema, index.ErrQuery} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
