package insight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// maxFrameBytes is beyond every frame: zstd adds little to what does not shrink.
const maxFrameBytes = recording.MaxSegmentBytes + 64<<10

// Stores are a Source: the index knows where segments are, the bucket has them.
// It is safe for concurrent use.
type Stores struct {
	Bucket       objectstore.Bucket
	Index        index.Index
	Dictionaries *dictionary.Reader

	// Known returns the dictionary of a segment when that is at hand; nil, and a
	// nil Known, mean that Dictionaries is asked.
	Known func(recording.StoredSegment) *segment.Dictionary
}

// Segments implements Source.
func (s Stores) Segments(ctx context.Context, project recording.ProjectID, session recording.SessionID) ([]recording.StoredSegment, error) {
	stored, err := s.Index.Segments(ctx, project, session)
	if errors.Is(err, index.ErrNotFound) {
		return nil, nil
	}
	return stored, err
}

// maxMoments is the most that an index gives at once.
const maxMoments = 100_000

// Derived implements Source.
func (s Stores) Derived(ctx context.Context, project recording.ProjectID, session recording.SessionID) ([]recording.Moment, error) {
	all, err := s.Index.Moments(ctx, index.MomentQuery{Project: project, SessionID: session, Limit: maxMoments})
	return slices.DeleteFunc(all, func(m recording.Moment) bool { return m.Part == 0 }), err
}

// Events implements Source.
func (s Stores) Events(ctx context.Context, stored recording.StoredSegment, buf []byte) ([]byte, error) {
	project, _, _, err := segment.ParsePackKey(stored.Object)
	if err != nil || project != stored.Project || stored.Length > maxFrameBytes || stored.Length < 0 {
		return nil, fmt.Errorf("%w: no pack of the project has it", ErrGone)
	}
	frame := frames.Get().(*[]byte)
	defer func() {
		if cap(*frame) <= maxKeptFrame {
			frames.Put(frame)
		}
	}()
	if err := s.read(ctx, stored.Location, frame); err != nil {
		return nil, final(err)
	}
	return s.Decode(ctx, stored, *frame, buf)
}

// frames is memory for frames that are being decoded, up to maxKeptFrame each.
var frames = sync.Pool{New: func() any { return new([]byte) }}

const maxKeptFrame = 256 << 10

// read reads a frame into the memory of the one before.
func (s Stores) read(ctx context.Context, at recording.Location, frame *[]byte) error {
	body, err := s.Bucket.Get(ctx, at.Object, at.Offset, at.Length)
	if err != nil {
		return err
	}
	defer body.Close()
	*frame = slices.Grow((*frame)[:0], int(at.Length))[:at.Length]
	_, err = io.ReadFull(body, *frame)
	return err
}

// Decode returns the events of a stored segment whose frame is at hand, with
// the errors of Source.Events. They may use buf.
func (s Stores) Decode(ctx context.Context, stored recording.StoredSegment, frame, buf []byte) ([]byte, error) {
	d, err := s.dictionary(ctx, stored)
	if err != nil {
		return nil, final(err)
	}
	events, err := segment.Decode(buf, frame, min(stored.RawBytes, recording.MaxSegmentBytes), d)
	return events, final(err)
}

func (s Stores) dictionary(ctx context.Context, stored recording.StoredSegment) (*segment.Dictionary, error) {
	if s.Known != nil {
		if d := s.Known(stored); d != nil {
			return d, nil
		}
	}
	return s.Dictionaries.Get(ctx, stored)
}

// final says ErrGone of what asking again does not mend.
func final(err error) error {
	for _, is := range []error{objectstore.ErrNotFound, segment.ErrCorrupt, segment.ErrVersion, segment.ErrDictionary, io.ErrUnexpectedEOF} {
		if errors.Is(err, is) {
			return fmt.Errorf("%w: %w", ErrGone, err)
		}
	}
	return err
}
