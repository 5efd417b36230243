package playback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

const (
	// Segments of one window lie in a pack in the order of their seq, with
	// those of other windows between them. A hole of this size costs less to
	// read than another request.
	maxHoleBytes = 256 << 10
	// The most that is read at once for several segments: what a request
	// holds in memory, besides one decoded segment.
	maxReadBytes = 4 << 20
	// The largest frame that is taken into memory: one of a segment that does
	// not compress, with the headers of its blocks.
	maxFrameBytes = recording.MaxSegmentBytes + 64<<10
)

// anyEvents is the number of events of a frame of which the index does not know
// it: of a keyframe.
const anyEvents = -1

// Why a segment that the index knows is not in the answer.
const (
	causeExpired     = "expired"
	causeUnreadable  = "unreadable"
	causeUnavailable = "unavailable"
)

// Selection says which segments of one window to read.
type Selection struct {
	Window recording.WindowID

	// By number, both ends included. With AtKeyframe the keyframe after segment
	// FromSeq comes in place of that segment.
	BySeq          bool
	FromSeq, ToSeq uint32
	AtKeyframe     bool

	// By corrected time, ms since the epoch: every segment that overlaps the
	// range. Snapshot extends it backwards to the newest segment with a full
	// snapshot at or before FromMs, so that a replay can begin there; Keyframes
	// lets it begin with a keyframe when that saves segments.
	FromMs, ToMs int64
	Snapshot     bool
	Keyframes    bool
}

// lineSegment is the line before the events of a segment.
type lineSegment struct {
	Window        recording.WindowID `json:"window_id"`
	Page          recording.PageID   `json:"page_id"`
	Seq           uint32             `json:"seq"`
	Events        int                `json:"events"`
	ClockOffsetMs int64              `json:"clock_offset_ms"`
}

// lineKeyframe is the line before the events of a keyframe.
type lineKeyframe struct {
	Window        recording.WindowID `json:"window_id"`
	Page          recording.PageID   `json:"page_id"`
	AfterSeq      uint32             `json:"after_seq"`
	Events        int                `json:"events"`
	ClockOffsetMs int64              `json:"clock_offset_ms"`
}

// lineLost is the line in the place of a keyframe that cannot be read.
type lineLost struct {
	Window   recording.WindowID `json:"window_id"`
	AfterSeq uint32             `json:"after_seq"`
	Cause    string             `json:"cause"`
}

// lineGap is the line in the place of a segment that cannot be read.
type lineGap struct {
	Window recording.WindowID `json:"window_id"`
	Seq    uint32             `json:"seq"`
	Cause  string             `json:"cause"`
}

// WriteSegments writes the selected segments of a session to w, in the order of
// their seq, as docs/format/playback.md lays them out; when w has a Flush
// method it is called after each segment. Memory is bounded by one read and one
// decoded segment, however many are selected.
//
// The error is index.ErrNotFound when there is no such session or window, and
// whatever the index, w or the context say. A segment whose pack is gone, whose
// frame is damaged or whose dictionary is missing is no error but a gap in the
// answer, and so is one that object storage does not give, unless that is the
// first: then nothing has been written.
func (r *Reader) WriteSegments(ctx context.Context, w io.Writer, session recording.SessionID, sel Selection) error {
	plan, err := r.plan(ctx, session, sel)
	if err != nil {
		return err
	}
	return plan.write(ctx, w)
}

// plan is a selection that has been looked up: what is left is to read.
type plan struct {
	reader   *Reader
	keyframe *recording.Keyframe       // that comes first, with its corrected offset; nil: none
	saved    []recording.StoredSegment // that come when the keyframe cannot be read; nil: its gap
	segments []recording.StoredSegment // with corrected times
}

func (r *Reader) plan(ctx context.Context, session recording.SessionID, sel Selection) (*plan, error) {
	var all []recording.StoredSegment
	var keyframes []recording.Keyframe
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		all, err = r.segments(both, session)
		return err
	})
	if sel.AtKeyframe || sel.Keyframes {
		group.Go(func() (err error) {
			keyframes, err = r.keyframes(both, session)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, window := range byWindow(all) {
		if window[0].Window != sel.Window {
			continue
		}
		segments := correctClock(window)
		p := &plan{reader: r, segments: sel.of(segments)}
		return p, p.begin(sel, correctKeyframes(keyframes, window, segments))
	}
	return nil, fmt.Errorf("window %s of session %s: %w", sel.Window, session, index.ErrNotFound)
}

// begin lets a plan begin with one of the window's keyframes, when the
// selection says so.
func (p *plan) begin(sel Selection, keyframes []recording.Keyframe) error {
	switch {
	case sel.AtKeyframe:
		at := slices.IndexFunc(keyframes, func(k recording.Keyframe) bool { return k.Seq == sel.FromSeq })
		if at < 0 {
			return fmt.Errorf("keyframe after segment %d of window %s: %w", sel.FromSeq, sel.Window, index.ErrNotFound)
		}
		p.keyframe = &keyframes[at]
		p.segments = slices.DeleteFunc(p.segments, func(s recording.StoredSegment) bool { return s.Seq == sel.FromSeq })
	case sel.Keyframes && sel.Snapshot && len(p.segments) > 0:
		for i, k := range keyframes {
			if k.TimestampMs <= sel.FromMs && k.Seq >= p.segments[0].Seq {
				p.keyframe = &keyframes[i]
			}
		}
		if p.keyframe == nil {
			return nil
		}
		after := slices.IndexFunc(p.segments, func(s recording.StoredSegment) bool { return s.Seq > p.keyframe.Seq })
		if after < 0 {
			after = len(p.segments)
		}
		p.saved, p.segments = p.segments[:after], p.segments[after:]
	}
	return nil
}

// correctKeyframes returns the keyframes of a window with the clock offsets of
// the segments that they follow. stored and corrected are those.
func correctKeyframes(keyframes []recording.Keyframe, stored, corrected []recording.StoredSegment) []recording.Keyframe {
	out := []recording.Keyframe{}
	for _, k := range keyframes {
		at := slices.IndexFunc(stored, func(s recording.StoredSegment) bool { return s.SegmentID == k.SegmentID })
		if at < 0 {
			continue // what follows has no place among the segments
		}
		k.TimestampMs += corrected[at].ClockOffsetMs - k.ClockOffsetMs
		k.ClockOffsetMs = corrected[at].ClockOffsetMs
		out = append(out, k)
	}
	return out
}

// of picks the selected segments out of a window's.
func (sel Selection) of(window []recording.StoredSegment) []recording.StoredSegment {
	firstSeq := uint32(math.MaxUint32) // of those that Snapshot adds
	if !sel.BySeq && sel.Snapshot {
		for _, s := range window {
			if hasSnapshotBefore(newSegment(s), sel.FromMs) {
				firstSeq = s.Seq
			}
		}
	}
	var picked []recording.StoredSegment
	for _, s := range window {
		if sel.includes(newSegment(s), firstSeq) {
			picked = append(picked, s)
		}
	}
	return picked
}

func (sel Selection) includes(s Segment, firstSeq uint32) bool {
	if sel.BySeq {
		return sel.FromSeq <= s.Seq && s.Seq <= sel.ToSeq
	}
	return s.StartMs <= sel.ToMs && (s.EndMs >= sel.FromMs || s.Seq >= firstSeq)
}

func hasSnapshotBefore(s Segment, ms int64) bool {
	for _, snapshot := range s.FullSnapshots {
		if snapshot <= ms {
			return true
		}
	}
	return false
}

func (p *plan) write(ctx context.Context, w io.Writer) error {
	out := stream{w: w, enc: json.NewEncoder(w)}
	out.enc.SetEscapeHTML(false)
	var buf []byte
	if p.keyframe != nil {
		if err := p.writeKeyframe(ctx, &out, &buf); err != nil {
			return fmt.Errorf("write keyframe: %w", err)
		}
	}
	for _, group := range together(p.segments) {
		frames, err := p.reader.read(ctx, group, &buf)
		if err == nil {
			err = p.writeGroup(ctx, &out, group, frames)
		} else {
			err = p.leaveOut(ctx, &out, group, err)
		}
		if err != nil {
			return fmt.Errorf("write segments: %w", err)
		}
	}
	return nil
}

// writeKeyframe writes the keyframe, or makes the segments that it would have
// saved part of the plan, or writes that it is lost.
func (p *plan) writeKeyframe(ctx context.Context, out *stream, buf *[]byte) error {
	k := *p.keyframe
	s := recording.StoredSegment{
		Segment: recording.Segment{SegmentID: k.SegmentID, Page: k.Page, RawBytes: k.RawBytes, Events: anyEvents},
		Class:   k.Class, Location: k.Location, Dictionary: k.Dictionary, Base: k.Base,
	}
	frames, err := p.reader.read(ctx, []recording.StoredSegment{s}, buf)
	var events []byte
	if err == nil {
		events, err = p.reader.events(ctx, s, frames[0])
	}
	if err == nil {
		return out.keyframe(k, events)
	}
	cause, err := p.lost(ctx, out, err, k.Location, 1)
	switch {
	case p.saved != nil && ctx.Err() == nil:
		p.segments = append(slices.Clip(p.saved), p.segments...)
		return nil
	case err != nil:
		return err
	}
	return out.lost(k, cause)
}

func (p *plan) writeGroup(ctx context.Context, out *stream, group []recording.StoredSegment, frames [][]byte) error {
	for i, s := range group {
		events, err := p.reader.events(ctx, s, frames[i])
		if err == nil {
			err = out.segment(s, events)
		} else {
			err = p.leaveOut(ctx, out, group[i:i+1], err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leaveOut writes gaps in the place of segments that could not be read, so
// that the player goes on with the rest.
func (p *plan) leaveOut(ctx context.Context, out *stream, segments []recording.StoredSegment, err error) error {
	cause, err := p.lost(ctx, out, err, segments[0].Location, len(segments))
	if err != nil {
		return err
	}
	return out.gaps(segments, cause)
}

// lost logs why something cannot be read and says it in a word; or returns an
// error when the answer should be one.
func (p *plan) lost(ctx context.Context, out *stream, err error, at recording.Location, segments int) (cause string, _ error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	cause = causeUnavailable
	var lost *lostError
	if errors.As(err, &lost) {
		cause = lost.cause
	}
	if cause == causeUnavailable {
		if !out.begun {
			return cause, err
		}
		p.reader.edition.spoil()
	}
	p.reader.log.ErrorContext(ctx, "Segments cannot be read", "object", at.Object, "offset", at.Offset, "segments", segments, "cause", cause, "error", err)
	return cause, nil
}

// lostError says that asking again will not bring a segment back.
type lostError struct {
	cause string
	err   error
}

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// together cuts segments into runs that one ranged read fetches.
func together(segments []recording.StoredSegment) [][]recording.StoredSegment {
	var groups [][]recording.StoredSegment
	for first := 0; first < len(segments); {
		end := first + 1
		for end < len(segments) && near(segments[first], segments[end-1], segments[end]) {
			end++
		}
		groups = append(groups, segments[first:end])
		first = end
	}
	return groups
}

// near reports whether next can be read along with first to last, which lie
// together already.
func near(first, last, next recording.StoredSegment) bool {
	hole := next.Offset - (last.Offset + last.Length)
	return next.Object == last.Object &&
		hole >= 0 && hole <= maxHoleBytes &&
		next.Offset+next.Length-first.Offset <= maxReadBytes
}

// read fetches the frames of segments that lie together. A frame that the
// object ends before, or that is too large to be one, is nil. The frames are
// valid until buf is used again.
func (r *Reader) read(ctx context.Context, group []recording.StoredSegment, buf *[]byte) ([][]byte, error) {
	first, last := group[0], group[len(group)-1]
	length := last.Offset + last.Length - first.Offset
	frames := make([][]byte, len(group))
	if project, _, _, err := segment.ParsePackKey(first.Object); err != nil || project != r.project || length > maxFrameBytes {
		return frames, nil //nolint:nilerr // a row that points elsewhere is a damaged segment, not a store that fails
	}
	body, err := r.bucket.Get(ctx, first.Object, first.Offset, length)
	if err != nil {
		err = fmt.Errorf("read pack: %w", err)
		if errors.Is(err, objectstore.ErrNotFound) {
			err = &lostError{causeExpired, err}
		}
		return nil, err
	}
	defer body.Close()
	if int64(cap(*buf)) < length {
		*buf = make([]byte, length)
	}
	n, err := io.ReadFull(body, (*buf)[:length])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for i, s := range group {
		start := s.Offset - first.Offset
		if end := start + s.Length; end <= int64(n) {
			frames[i] = (*buf)[start:end]
		}
	}
	return frames, nil
}

// events returns the event lines of a segment, each with its newline.
func (r *Reader) events(ctx context.Context, s recording.StoredSegment, frame []byte) ([]byte, error) {
	dictionary, err := r.dictionaries.Get(ctx, s)
	switch {
	case errors.Is(err, objectstore.ErrNotFound), errors.Is(err, segment.ErrCorrupt), errors.Is(err, segment.ErrVersion):
		return nil, &lostError{causeUnreadable, err}
	case err != nil:
		return nil, err
	}
	events, err := decode(s, frame, dictionary)
	if err != nil {
		return nil, &lostError{causeUnreadable, err}
	}
	return events, nil
}

func decode(s recording.StoredSegment, frame []byte, dictionary *segment.Dictionary) ([]byte, error) {
	if frame == nil {
		return nil, fmt.Errorf("no frame of %d bytes there: %w", s.Length, segment.ErrCorrupt)
	}
	events, err := segment.Decode(nil, frame, min(s.RawBytes, recording.MaxSegmentBytes), dictionary)
	if err != nil {
		return nil, err
	}
	if len(events) > 0 && events[len(events)-1] != '\n' {
		events = append(events, '\n')
	}
	if lines := bytes.Count(events, []byte{'\n'}); s.Events != anyEvents && lines != s.Events {
		return nil, fmt.Errorf("%d events instead of %d: %w", lines, s.Events, segment.ErrCorrupt)
	}
	return events, nil
}

// stream writes the lines of an answer.
type stream struct {
	w     io.Writer
	enc   *json.Encoder
	begun bool
}

func (o *stream) segment(s recording.StoredSegment, events []byte) error {
	o.begun = true
	line := lineSegment{Window: s.Window, Page: s.Page, Seq: s.Seq, Events: s.Events, ClockOffsetMs: s.ClockOffsetMs}
	if err := o.enc.Encode(map[string]lineSegment{"segment": line}); err != nil {
		return err
	}
	if _, err := o.w.Write(events); err != nil {
		return err
	}
	return o.flush()
}

func (o *stream) keyframe(k recording.Keyframe, events []byte) error {
	o.begun = true
	line := lineKeyframe{Window: k.Window, Page: k.Page, AfterSeq: k.Seq, Events: bytes.Count(events, []byte{'\n'}), ClockOffsetMs: k.ClockOffsetMs}
	if err := o.enc.Encode(map[string]lineKeyframe{"keyframe": line}); err != nil {
		return err
	}
	if _, err := o.w.Write(events); err != nil {
		return err
	}
	return o.flush()
}

func (o *stream) lost(k recording.Keyframe, cause string) error {
	o.begun = true
	line := lineLost{Window: k.Window, AfterSeq: k.Seq, Cause: cause}
	if err := o.enc.Encode(map[string]lineLost{"gap": line}); err != nil {
		return err
	}
	return o.flush()
}

func (o *stream) gaps(segments []recording.StoredSegment, cause string) error {
	o.begun = true
	for _, s := range segments {
		line := lineGap{Window: s.Window, Seq: s.Seq, Cause: cause}
		if err := o.enc.Encode(map[string]lineGap{"gap": line}); err != nil {
			return err
		}
	}
	return o.flush()
}

func (o *stream) flush() error {
	switch w := o.w.(type) {
	case interface{ Flush() error }:
		return w.Flush()
	case interface{ Flush() }:
		w.Flush()
	}
	return nil
}
