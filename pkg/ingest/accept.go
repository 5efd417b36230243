package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/ingest/wire/playhead"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// ErrUnknownProject is returned, wrapped, by Accept for a project that is not
// configured.
var ErrUnknownProject = errors.New("project is not configured")

// errCutOff is what a repeat hears when the first upload of its segment
// ended in a panic.
var errCutOff = errors.New("the first upload of this segment was not finished")

// Upload is a segment that does not come over HTTP.
type Upload struct {
	// Header describes the segment. The clock offset is the time of Accept
	// minus SentAtMs: set SentAtMs to now to keep the events' own times.
	Header playhead.Header

	// Events are NDJSON lines.
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
	_, err := s.accept(ctx, &incoming{
		project: p, received: s.now(), header: &up.Header, body: up.Events, encoding: playhead.Identity,
	})
	return err
}

// incoming is an upload as it came in.
type incoming struct {
	project   *project
	owner     *quota // whose turn it takes; nil: no key's
	received  time.Time
	userAgent string
	country   string // two capital letters, or empty
	address   uint32 // stands for the sender's network address; 0: unknown
	header    *playhead.Header
	body      []byte // events, after a header line unless there is a header
	encoding  playhead.Encoding

	// admit, unless nil, is asked before anything is done for the upload.
	admit func(*playhead.Header) error
}

// receipt is what the sender of an accepted upload is told.
type receipt struct {
	events   int
	snapshot bool // send a full snapshot: segments of the window are missing
}

// accept makes an upload durable.
func (s *Server) accept(ctx context.Context, in *incoming) (receipt, error) {
	r := &ready{}
	defer r.release(s)
	if err := s.prepare(ctx, in, r); err != nil {
		return receipt{}, err
	}
	events := r.upload.Segment.Events
	if r.claim.mine != nil {
		if err := s.keep(in, r); err != nil {
			return receipt{}, err
		}
		return receipt{events: events, snapshot: s.follow(&r.upload.Segment, in.received)}, nil
	}
	s.metrics.repeats.Inc()
	if r.claim.other != nil {
		select {
		case <-r.claim.other.done:
			return receipt{events: events}, r.claim.other.err
		case <-ctx.Done():
			return receipt{}, ctx.Err()
		}
	}
	return receipt{events: events}, nil
}

// ready is an upload that only has to be written.
type ready struct {
	upload journal.Upload
	claim  claim
	body   []byte  // for the journal; in the sender's memory or in frame
	frame  *[]byte // lent; nil when body is as it was sent
	framed bool    // body is a frame of scrubbed events
	kept   *kept   // the events, for the encoder, when there is memory for them
}

// release gives back what is lent. An arrival that has no end yet ends here, after
// a panic: whoever waits for it must not wait for ever.
func (r *ready) release(s *Server) {
	if r.claim.mine != nil {
		s.ledger.finish(journal.IdentityOf(r.upload.Segment.SegmentID), r.claim.mine, errCutOff)
	}
	if r.frame != nil {
		s.frames.put(r.frame)
	}
	if r.kept != nil {
		r.kept.release()
	}
}

// prepare fills in r. It does everything that takes memory or processor time, for
// as many uploads at once as there are slots: a hundred bombs are a queue, not a
// hundred times the memory. Waiting for the disk happens outside of it.
func (s *Server) prepare(ctx context.Context, in *incoming, r *ready) error {
	if err := s.turns.take(ctx, in.owner); err != nil {
		return err
	}
	defer s.turns.give()
	raw := s.raws.get()
	defer s.raws.put(raw)
	up, skip, err := s.decode(in, raw)
	if err != nil {
		return err
	}
	r.upload = journal.Upload{
		Class: recording.ClassNormal, Segment: describe(in, &up), Encoding: string(in.encoding), Skip: skip, SentAtMs: up.Header.SentAtMs,
	}
	seg := &r.upload.Segment
	r.claim = s.ledger.claim(journal.IdentityOf(seg.SegmentID))
	if r.claim.mine == nil {
		return nil
	}
	seg.ClockOffsetMs = s.windows.offset(seg.SegmentID, seg.ReceivedMs-up.Header.SentAtMs)
	seg.StartMs, seg.EndMs = up.Events.FirstMs+seg.ClockOffsetMs, up.Events.LastMs+seg.ClockOffsetMs
	for _, t := range up.Events.FullSnapshots {
		seg.FullSnapshots = append(seg.FullSnapshots, t+seg.ClockOffsetMs)
	}
	events := up.Events.NDJSON
	seg.RawBytes = len(events)
	s.seal(in, r, events)
	r.kept = s.keepEvents(r, events)
	return nil
}

// decode reads the upload in the memory of raw. skip is how many bytes of the
// decompressed body come before the events.
func (s *Server) decode(in *incoming, raw *[]byte) (up playhead.Upload, skip int, err error) {
	content, err := s.inflate.Decompress(*raw, in.body, in.encoding)
	if in.encoding == playhead.Identity {
		content = append((*raw)[:0], in.body...)
	}
	*raw = content
	if err != nil {
		return up, 0, err
	}
	if in.header == nil {
		up, err = playhead.Decode(content, s.limits)
	} else {
		up.Header = *in.header
		up.Events, err = playhead.DecodeEvents(content, s.limits)
	}
	if err == nil && in.admit != nil {
		err = in.admit(&up.Header)
	}
	if err != nil {
		return up, 0, err
	}
	skip = len(content) - len(up.Events.NDJSON)
	if content[len(content)-1] != '\n' {
		*raw = append(content, '\n')
		up.Events.NDJSON = (*raw)[skip:]
	}
	return up, skip, nil
}

// seal decides what the journal gets: the body as it was sent, unless that
// would take more of the journal than needed or the project forbids it.
func (s *Server) seal(in *incoming, r *ready, events []byte) {
	r.body = in.body
	switch {
	case in.project.scrub && in.project.scrubJournal:
		s.metrics.scrub(scrubSegment(&r.upload.Segment, events))
		r.frame = s.frames.get()
		*r.frame = segment.Encode((*r.frame)[:0], events, segment.EncodeOptions{Fast: true})
		r.body, r.framed = *r.frame, true
	case in.encoding == playhead.Identity:
		r.frame = s.frames.get()
		*r.frame = segment.Encode((*r.frame)[:0], in.body, segment.EncodeOptions{Fast: true})
		r.body, r.upload.Encoding = *r.frame, string(playhead.Zstd)
	}
}

func describe(in *incoming, up *playhead.Upload) recording.Segment {
	h := &up.Header
	seg := recording.Segment{
		SegmentID:  recording.SegmentID{Project: in.project.id, Session: h.Session, Window: h.Window, Seq: h.Seq},
		Page:       h.Page,
		Events:     up.Events.Count,
		ReceivedMs: in.received.UnixMilli(),
		Origin:     h.Origin,
	}
	seg.Origin.UserAgent, seg.Origin.Country = in.userAgent, in.country
	return seg
}

// errShare says that a project must wait so that others can go on.
var errShare = fmt.Errorf("%w: the stores refuse what the project has sent, and it has its share", journal.ErrFull)

// share returns errShare when what is refused of a project would fill the half
// of the journal that is left to others.
func (s *Server) share(project recording.ProjectID) error {
	if s.pipeline.isRefused(project) && s.journal.Stats().Bytes > int64(s.cfg.Journal.MaxBytes)/2 {
		return errShare
	}
	return nil
}

// keep journals an upload and queues it for its pack.
func (s *Server) keep(in *incoming, r *ready) error {
	seg := &r.upload.Segment
	var entry journal.Entry
	err := s.share(seg.Project)
	switch {
	case err != nil:
	case r.framed:
		entry, err = s.journal.AppendSegment(r.upload.Class, seg, r.body)
	default:
		entry, err = s.journal.AppendUpload(&r.upload, r.body)
	}
	s.ledger.finish(journal.IdentityOf(seg.SegmentID), r.claim.mine, err)
	r.claim.mine = nil
	if err != nil {
		if errors.Is(err, journal.ErrFull) {
			s.metrics.journalRefused.Inc()
		}
		return fmt.Errorf("keep segment: %w", err)
	}
	s.pipeline.add(journal.Group{Project: seg.Project, Class: r.upload.Class}, entry, in.address, r.kept)
	r.kept = nil // the pipeline's now
	s.metrics.segments.Inc()
	s.metrics.events.Add(float64(seg.Events))
	s.metrics.rawBytes.Add(float64(seg.RawBytes))
	return nil
}

// follow notes that a segment of a window arrived and says whether the window
// must send a full snapshot.
func (s *Server) follow(seg *recording.Segment, now time.Time) (snapshot bool) {
	gap, snapshot := s.windows.follow(seg.SegmentID, len(seg.FullSnapshots) > 0, now.UnixMilli())
	if gap {
		s.metrics.gaps.Inc()
	}
	return snapshot
}
