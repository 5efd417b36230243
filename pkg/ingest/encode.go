package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/indexing"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/ingest/wire/playhead"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb"
	"github.com/playhead/playhead/pkg/scrub"
	"github.com/playhead/playhead/pkg/segment"
)

// The memory of an encoded segment and of one of its moments, without the
// frame and the moment's texts: the sizes of the structs, and what the words of
// an upload's header usually take.
const (
	encodedBytes = 1 << 10
	momentBytes  = 256
)

// kept are the events of an upload that stay in memory until they are encoded,
// so that the journal need not be read and decompressed again.
type kept struct {
	seg      recording.Segment
	events   []byte
	scrubbed bool
	buffer   *[]byte // of from, which events are in
	from     *Server
}

// keepEvents copies events, for the buffer that they are in is several times as
// large; nil when there is no memory for them. Nor is any kept while segments
// wait for an encoder: the journal would have the events for less memory until
// it is their turn.
func (s *Server) keepEvents(r *ready, events []byte) *kept {
	if s.pipeline.isBehind() || !s.waitingRaw.take(len(events)) {
		return nil
	}
	buffer := s.events.fitting(len(events))
	*buffer = append(*buffer, events...)
	return &kept{seg: r.upload.Segment, events: *buffer, scrubbed: r.framed, buffer: buffer, from: s}
}

// release lets others have the memory. The events must not be used after it.
func (k *kept) release() {
	k.from.waitingRaw.free(len(k.events))
	k.from.events.put(k.buffer)
	k.events = nil
}

// encoded is a segment that is ready for a pack.
type encoded struct {
	seg        recording.Segment
	frame      []byte
	spooled    *spooled // nil: in frame
	dictionary recording.DictionaryID
	base       recording.Base
	moments    []recording.Moment
	bytes      int64 // of memory
}

// encoder turns what the journal holds into what packs hold: scrub, derive,
// compress. It is safe for concurrent use, each caller with its own scratch.
type encoder struct {
	journal *journal.Journal
	inflate *playhead.Decompressor
	library *dictionary.Library
	bases   *bases
	project func(recording.ProjectID) (*project, bool)
	retry   *retrier
	metrics *metrics
	log     *slog.Logger
}

// scratch is the memory that one encoding after another uses.
type scratch struct{ record, raw, frame []byte }

// trim lets go of what a large segment left behind.
func (s *scratch) trim() {
	for _, b := range []*[]byte{&s.record, &s.raw, &s.frame} {
		if cap(*b) > keepRaw {
			*b = nil
		}
	}
}

// encode makes the frame and the moments of a segment. It returns nil when the
// segment cannot be read any more and is lost; the error is that of ctx.
func (e *encoder) encode(ctx context.Context, it *item, fast bool, s *scratch) (*encoded, error) {
	defer s.trim()
	source, err := e.load(ctx, it, s)
	if err != nil || source == nil {
		return nil, err
	}
	out := &encoded{seg: source.seg}
	if p, ok := e.project(out.seg.Project); !source.scrubbed && (!ok || p.scrub) {
		e.metrics.scrub(scrubSegment(&out.seg, source.events))
	}
	out.moments = e.derive(&out.seg, source.events)
	site := dictionary.SiteOf(out.seg.Origin.URL)
	current := e.library.Current(out.seg.Project, site)
	var w with
	s.frame, w = e.bases.encode(s.frame[:0], out.seg.SegmentID, source.events, current, fast)
	out.frame, out.dictionary, out.base = bytes.Clone(s.frame), w.dictionary, w.base
	if w.base.Object == "" && !fast { // while others wait there is no time for frames with a base
		e.bases.offer(&out.seg, source.events, current)
	}
	out.bytes = sizeOf(out)
	e.library.Observe(dictionary.Sample{
		Project: out.seg.Project, Site: site, Session: out.seg.Session,
		Person: dictionary.Person{
			UserID: out.seg.Origin.UserID, AddressHash: uint64(it.address), Previous: out.seg.Origin.PreviousSession,
		},
		NDJSON: source.events, RawBytes: len(source.events), StoredBytes: len(out.frame), Dictionary: out.dictionary, Frame: out.frame,
	})
	return out, nil
}

// load returns the events of a segment, from memory or from the journal; nil
// when they are lost.
func (e *encoder) load(ctx context.Context, it *item, s *scratch) (*kept, error) {
	if it.kept != nil {
		return it.kept, nil
	}
	var record journal.Record
	var broken error
	err := e.retry.always(ctx, "journal", func(context.Context) error {
		var err error
		record, err = e.journal.Read(it.entry, &s.record)
		if errors.Is(err, journal.ErrDamaged) {
			broken = err
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var events []byte
	if broken == nil {
		it.entry.Identity = journal.IdentityOf(record.Segment.SegmentID)
		events, broken = e.unpack(&record, s)
	}
	if broken != nil {
		e.metrics.lostBytes.Add(float64(it.entry.Bytes))
		e.log.Error("journal is damaged; a segment is lost", "error", broken)
		return nil, nil //nolint:nilerr // it is logged and counted; nothing can bring it back
	}
	return &kept{seg: record.Segment, events: events, scrubbed: record.Framed}, nil
}

// unpack decompresses the body of a record.
func (e *encoder) unpack(r *journal.Record, s *scratch) (events []byte, err error) {
	if r.Framed {
		s.raw, err = segment.Decode(s.raw[:0], r.Body, r.Segment.RawBytes, nil)
		return s.raw, err
	}
	encoding, err := playhead.ParseEncoding(r.Encoding)
	if err != nil {
		return nil, err
	}
	content, err := e.inflate.Decompress(slices.Grow(s.raw[:0], r.Skip+r.Segment.RawBytes+1), r.Body, encoding)
	if err != nil {
		return nil, err
	}
	if encoding == playhead.Identity {
		content = append(s.raw[:0], content...)
	}
	s.raw = content
	if len(content) > r.Skip && content[len(content)-1] != '\n' {
		s.raw = append(content, '\n')
	}
	if len(s.raw) != r.Skip+r.Segment.RawBytes {
		return nil, fmt.Errorf("body of %d bytes, want %d and %d", len(s.raw), r.Skip, r.Segment.RawBytes)
	}
	return s.raw[r.Skip:], nil
}

func (e *encoder) derive(seg *recording.Segment, events []byte) []recording.Moment {
	found, err := indexing.Derive(seg, events)
	var panicked *indexing.PanicError
	if errors.As(err, &panicked) {
		e.metrics.derivePanics.Inc()
		e.log.Error("moments of a segment could not be derived", "panic", panicked.Value, "stack", string(panicked.Stack))
	}
	return found
}

// scrubSegment removes secrets from the events and from the addresses of a
// segment. The user's id and attributes stay: the page gave them in order to
// be found.
func scrubSegment(seg *recording.Segment, events []byte) scrub.Counts {
	var counts scrub.Counts
	for _, line := range rrweb.Lines(events) {
		counts.Add(scrub.Line(line))
	}
	for _, address := range []*string{&seg.Origin.URL, &seg.Origin.Referrer} {
		if *address == "" {
			continue
		}
		quoted, err := json.Marshal(*address)
		if err != nil {
			panic(err) // a string always has a JSON form
		}
		counts.Add(scrub.Line(quoted))
		if err := json.Unmarshal(quoted, address); err != nil {
			*address = "" // better no address than one that scrubbing broke
		}
	}
	return counts
}

// sizeOf estimates the memory that an encoded segment takes.
func sizeOf(e *encoded) int64 {
	size := encodedBytes + cap(e.frame) + cap(e.moments)*momentBytes
	for i := range e.moments {
		m := &e.moments[i]
		size += len(m.Name) + len(m.Text) + len(m.Selector) + len(m.URL) + len(m.TraceID) + len(m.SpanID)
		for k, v := range m.Attributes {
			size += len(k) + len(v) + 64
		}
	}
	for _, url := range e.seg.URLs {
		size += len(url)
	}
	return int64(size)
}
