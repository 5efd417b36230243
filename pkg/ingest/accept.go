package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/ingest/wire/playhead"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb"
	"github.com/playhead/playhead/pkg/scrub"
	"github.com/playhead/playhead/pkg/segment"
)

// ErrUnknownProject is returned, wrapped, by Accept for a project that is not
// configured.
var ErrUnknownProject = errors.New("project is not configured")

// errUnprepared is what a repeat hears when the first upload of its segment
// ended in a panic.
var errUnprepared = errors.New("the first upload of this segment was not finished")

// Upload is a segment that does not come over HTTP.
type Upload struct {
	// Header describes the segment. The clock offset is the time of Accept
	// minus SentAtMs: set SentAtMs to now to keep the events' own times.
	Header playhead.Header

	// Events are NDJSON lines. Accept changes them in place when the
	// project's events are scrubbed.
	Events []byte
}

// Accept takes an upload as Handler does, without key, origin and quota, and
// returns when it is durable. Limits, scrubbing and repeats are those of the
// project. The error is a *playhead.Refusal when the upload is at fault,
// journal.ErrFull, wrapped, when it may be tried again later.
func (s *Server) Accept(ctx context.Context, id recording.ProjectID, up Upload) error {
	p, ok := s.project(id)
	if !ok {
		return fmt.Errorf("accept segment: %w: %s", ErrUnknownProject, id)
	}
	if err := s.uploads.begin(); err != nil {
		return err
	}
	defer s.uploads.end()
	_, err := s.accept(ctx, p, s.now(), "", func(*[]byte) (playhead.Upload, error) {
		events, err := playhead.DecodeEvents(up.Events, s.limits)
		return playhead.Upload{Header: up.Header, Events: events}, err
	})
	return err
}

// decoder returns an upload; it may use and grow the buffer, whose memory the
// upload then shares.
type decoder func(buf *[]byte) (playhead.Upload, error)

// accept makes an upload durable and returns its number of events.
func (s *Server) accept(ctx context.Context, p *project, received time.Time, userAgent string, decode decoder) (int, error) {
	frame := s.frames.get()
	defer s.frames.put(frame)
	seg, claim, err := s.prepare(ctx, p, received, userAgent, decode, frame)
	if err != nil {
		return 0, err
	}
	if claim.mine != nil {
		return seg.Events, s.keep(seg, claim.mine, *frame)
	}
	s.metrics.repeats.Inc()
	if claim.other != nil {
		select {
		case <-claim.other.done:
			return seg.Events, claim.other.err
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return seg.Events, nil
}

// prepare does everything that takes memory or processor time, for as many
// uploads at once as there are slots: a hundred bombs are a queue, not a
// hundred times the memory. Waiting for the disk happens outside of it.
func (s *Server) prepare(ctx context.Context, p *project, received time.Time, userAgent string, decode decoder, frame *[]byte) (*recording.Segment, claim, error) {
	select {
	case s.working <- struct{}{}:
		defer func() { <-s.working }()
	case <-ctx.Done():
		return nil, claim{}, ctx.Err()
	}
	raw := s.raws.get()
	defer s.raws.put(raw)
	up, err := decode(raw)
	if err != nil {
		return nil, claim{}, err
	}
	seg := describe(p, &up, received, userAgent)
	id := journal.IdentityOf(seg.SegmentID)
	c := s.ledger.claim(id)
	if c.mine == nil {
		return seg, c, nil
	}
	encoded := false
	defer func() {
		if !encoded { // a panic: whoever waits for this arrival must not wait for ever
			s.ledger.finish(id, c.mine, errUnprepared)
		}
	}()
	s.encode(p, seg, &up, frame)
	encoded = true
	return seg, c, nil
}

// encode scrubs the events, completes the description and makes the frame.
func (s *Server) encode(p *project, seg *recording.Segment, up *playhead.Upload, frame *[]byte) {
	ndjson := up.Events.NDJSON
	if ndjson[len(ndjson)-1] != '\n' {
		ndjson = append(ndjson, '\n')
	}
	if p.scrub {
		s.scrub(seg, ndjson)
	}
	seg.RawBytes = len(ndjson)
	seg.ClockOffsetMs = s.clocks.offset(seg.SegmentID, seg.ReceivedMs-up.Header.SentAtMs)
	seg.StartMs = up.Events.FirstMs + seg.ClockOffsetMs
	seg.EndMs = up.Events.LastMs + seg.ClockOffsetMs
	for _, t := range up.Events.FullSnapshots {
		seg.FullSnapshots = append(seg.FullSnapshots, t+seg.ClockOffsetMs)
	}
	*frame = segment.Encode((*frame)[:0], ndjson, segment.EncodeOptions{})
}

func describe(p *project, up *playhead.Upload, received time.Time, userAgent string) *recording.Segment {
	h := &up.Header
	seg := &recording.Segment{
		SegmentID:  recording.SegmentID{Project: p.id, Session: h.Session, Window: h.Window, Seq: h.Seq},
		Page:       h.Page,
		Events:     up.Events.Count,
		ReceivedMs: received.UnixMilli(),
		Origin:     h.Origin,
	}
	seg.Origin.UserAgent = userAgent
	return seg
}

// scrub removes secrets from the events and from the addresses in the header.
// The user's id and attributes stay: the page gave them in order to be found.
func (s *Server) scrub(seg *recording.Segment, ndjson []byte) {
	for _, line := range rrweb.Lines(ndjson) {
		s.metrics.scrub(scrub.Line(line))
	}
	for _, address := range []*string{&seg.Origin.URL, &seg.Origin.Referrer} {
		if *address == "" {
			continue
		}
		quoted, err := json.Marshal(*address)
		if err != nil {
			panic(err) // a string always has a JSON form
		}
		s.metrics.scrub(scrub.Line(quoted))
		if err := json.Unmarshal(quoted, address); err != nil {
			*address = "" // better no address than one that scrubbing broke
		}
	}
}

// keep journals a segment and queues it for its pack.
func (s *Server) keep(seg *recording.Segment, a *arrival, frame []byte) error {
	class := recording.ClassNormal
	entry, err := s.journal.AppendSegment(class, seg, frame)
	s.ledger.finish(journal.IdentityOf(seg.SegmentID), a, err)
	if err != nil {
		if errors.Is(err, journal.ErrFull) {
			s.metrics.journalRefused.Inc()
		}
		return fmt.Errorf("keep segment: %w", err)
	}
	s.pipeline.add(journal.Group{Project: seg.Project, Class: class}, entry)
	s.metrics.segments.Inc()
	s.metrics.events.Add(float64(seg.Events))
	s.metrics.rawBytes.Add(float64(seg.RawBytes))
	return nil
}
