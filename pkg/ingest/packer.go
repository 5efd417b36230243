package ingest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// maxURLBytes bounds the addresses that are kept per segment outside of its
// events: they are for search, and a pack's footer holds them.
const maxURLBytes = 64 << 10

// step is a place between two effects on the journal and the stores, where a
// crash is a case of its own.
type step int

const (
	beforeSeal step = iota
	afterSeal
	afterPut
	afterWrite
	afterDone
)

// packer makes packs of journaled segments and stores them: seal, object,
// rows, done. Each step can be repeated without effect, so that a crash between
// any two is repaired by doing them again.
type packer struct {
	journal    *journal.Journal
	ledger     *ledger
	bucket     objectstore.Bucket
	index      index.Index
	metrics    *metrics
	log        *slog.Logger
	now        func() time.Time
	retry      *retrier
	crashPoint func(step) error
}

func newPacker(s *Server, bucket objectstore.Bucket, idx index.Index, opts Options) *packer {
	return &packer{
		journal: s.journal, ledger: s.ledger, bucket: bucket, index: idx, metrics: s.metrics, log: s.log, now: s.now,
		retry: newRetrier(opts, s.metrics), crashPoint: opts.crashPoint,
	}
}

// loaded is a segment with its frame, read back from the journal.
type loaded struct {
	entry journal.Entry
	seg   recording.Segment
	frame []byte
}

// made is a pack that is ready to be stored.
type made struct {
	id      ulid.ULID
	entries []journal.Entry
	data    []byte
	batch   index.Batch
	rest    []journal.Entry // did not fit
	refused []journal.Entry // can be in no pack
}

// store makes the pack of a job and stores it. It returns the segments that
// must go into another one. Stores that are away are tried until ctx is done;
// any error leaves the pack in the journal.
func (p *packer) store(ctx context.Context, j *job) (rest []journal.Entry, err error) {
	start := p.now()
	segments, lost, err := p.load(ctx, j.entries)
	if err != nil {
		return nil, err
	}
	var repeats []journal.Entry
	if j.sealed != nil {
		// Not asked again: the index may know the segments from this very pack.
		repeats = j.sealed.Repeats
	} else if segments, repeats, err = p.dropStored(ctx, j.group.Project, segments); err != nil {
		return nil, err
	}
	pack, err := p.make(j, segments)
	if err != nil {
		return nil, err
	}
	lost = append(lost, pack.refused...)
	p.lose(lost)
	if j.sealed != nil && len(lost)+len(pack.rest) > 0 {
		// The pack cannot be made again as it was sealed. What is left goes
		// into a new one, for which the index says what is stored already.
		return slices.Concat(pack.entries, pack.rest, repeats), nil
	}
	if len(pack.entries)+len(repeats) > 0 {
		if err := p.deliver(ctx, j, pack, repeats); err != nil {
			return nil, err
		}
	}
	p.metrics.packSeconds.Observe(p.now().Sub(start).Seconds())
	return pack.rest, nil
}

// load reads segments back from the journal.
func (p *packer) load(ctx context.Context, entries []journal.Entry) (segments []loaded, lost []journal.Entry, err error) {
	for _, e := range entries {
		l := loaded{entry: e}
		damaged := false
		err := p.retry.do(ctx, "journal", func(context.Context) error {
			var err error
			l.seg, l.frame, err = p.journal.Read(e)
			if damaged = errors.Is(err, journal.ErrDamaged); damaged {
				p.log.Error("journal is damaged; a segment is lost", "error", err)
				return nil
			}
			return err
		})
		if err != nil {
			return nil, nil, err
		}
		if damaged {
			p.metrics.lostBytes.Add(float64(e.Bytes))
			lost = append(lost, e)
			continue
		}
		segments = append(segments, l)
	}
	return segments, lost, nil
}

// dropStored takes out the segments that another server, or an earlier life of
// this one, has stored.
func (p *packer) dropStored(ctx context.Context, project recording.ProjectID, segments []loaded) (fresh []loaded, repeats []journal.Entry, err error) {
	known := map[recording.SessionID]bool{}
	var sessions []recording.SessionID
	for _, l := range segments {
		if !known[l.seg.Session] {
			known[l.seg.Session] = true
			sessions = append(sessions, l.seg.Session)
		}
	}
	if len(sessions) == 0 {
		return segments, nil, nil
	}
	var stored map[recording.SegmentID]struct{}
	err = p.retry.do(ctx, "index", func(ctx context.Context) error {
		stored, err = p.index.Stored(ctx, project, sessions)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for _, l := range segments {
		if _, repeat := stored[l.seg.SegmentID]; repeat {
			repeats = append(repeats, l.entry)
		} else {
			fresh = append(fresh, l)
		}
	}
	return fresh, repeats, nil
}

// make builds the pack and its rows. For the same job it builds the same.
func (p *packer) make(j *job, segments []loaded) (*made, error) {
	m := &made{}
	if j.sealed != nil {
		m.id = ulid.ULID(j.sealed.ID)
	} else {
		m.id = ulid.MustNew(ulid.Timestamp(p.now()), rand.Reader) // fails after the year 10889
	}
	pack := segment.NewPack(j.group.Project, j.group.Class, m.id)
	m.batch = index.Batch{Project: j.group.Project, Token: segment.PackKey(j.group.Project, j.group.Class, m.id)}
	var raw []byte
	for i, l := range segments {
		var derived []recording.Moment
		var err error
		if raw, err = segment.Decode(raw[:0], l.frame, l.seg.RawBytes, nil); err == nil {
			derived = p.derive(&l.seg, raw)
			err = pack.Add(l.seg, l.frame, "")
		}
		switch {
		case errors.Is(err, segment.ErrFull) && len(m.entries) > 0:
			for _, l := range segments[i:] {
				m.rest = append(m.rest, l.entry)
			}
			return m, p.finish(m, pack)
		case err != nil:
			p.log.Error("segment can be in no pack and is lost", "error", err)
			m.refused = append(m.refused, l.entry)
		default:
			m.entries = append(m.entries, l.entry)
			m.batch.Moments = append(m.batch.Moments, derived...)
		}
	}
	return m, p.finish(m, pack)
}

func (p *packer) finish(m *made, pack *segment.Pack) (err error) {
	if len(m.entries) == 0 {
		return nil
	}
	m.data, m.batch.Segments, err = pack.Bytes()
	return err
}

// derive reads the moments of a segment. Events are strangers' data, and a
// segment that panics here would do so again after every restart: it is stored
// without moments instead.
func (p *packer) derive(s *recording.Segment, ndjson []byte) (found []recording.Moment) {
	before := *s
	defer func() {
		if r := recover(); r != nil {
			p.metrics.derivePanics.Inc()
			p.log.Error("moments of a segment could not be derived", "panic", r, "stack", string(debug.Stack()))
			*s, found = before, nil
		}
	}()
	found = moments.Derive(s, ndjson)
	size := 0
	for i, url := range s.URLs {
		if size += len(url); size > maxURLBytes {
			s.URLs = s.URLs[:i]
			break
		}
	}
	return found
}

// deliver takes a pack through its steps.
func (p *packer) deliver(ctx context.Context, j *job, m *made, repeats []journal.Entry) error {
	type stage struct {
		after step
		name  string
		do    func(context.Context) error
	}
	stages := []stage{
		{afterSeal, "journal", func(context.Context) error {
			if j.sealed != nil {
				return nil
			}
			return p.journal.AppendSeal(journal.Seal{
				Pack: journal.PackID(m.id), Group: j.group, Segments: positions(m.entries), Repeats: positions(repeats),
			})
		}},
		{afterPut, "bucket", func(ctx context.Context) error {
			if len(m.entries) == 0 {
				return nil
			}
			return p.bucket.Put(ctx, m.batch.Token, bytes.NewReader(m.data), int64(len(m.data)))
		}},
		{afterWrite, "index", func(ctx context.Context) error {
			if len(m.entries) == 0 {
				return nil
			}
			return p.index.Write(ctx, m.batch)
		}},
		{afterDone, "journal", func(context.Context) error { return p.journal.AppendDone(journal.PackID(m.id)) }},
	}
	if err := p.crashPoint(beforeSeal); err != nil {
		return err
	}
	for _, s := range stages {
		if err := p.retry.do(ctx, s.name, s.do); err != nil {
			return err
		}
		if err := p.crashPoint(s.after); err != nil {
			return err
		}
	}
	p.settle(m.entries)
	p.settle(repeats)
	p.metrics.packRepeats.Add(float64(len(repeats)))
	if len(m.entries) > 0 {
		p.metrics.packs.Inc()
		p.metrics.packBytes.Add(float64(len(m.data)))
		p.metrics.packSegments.Add(float64(len(m.entries)))
	}
	return nil
}

func positions(entries []journal.Entry) []journal.Position {
	list := make([]journal.Position, len(entries))
	for i, e := range entries {
		list[i] = e.Position
	}
	return list
}

// settle lets go of segments that need nothing more.
func (p *packer) settle(entries []journal.Entry) {
	p.ledger.settle(entries)
	p.journal.Settle(entries)
}

// lose gives segments up.
func (p *packer) lose(entries []journal.Entry) {
	p.metrics.lostSegments.Add(float64(len(entries)))
	p.settle(entries)
}
