package ingest

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/insight"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

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

// packer makes packs of encoded segments and stores them: seal, object, rows,
// done. A crash between any two is repaired by what the journal and the bucket
// say of the pack then (resume).
type packer struct {
	journal      *journal.Journal
	ledger       *ledger
	bucket       objectstore.Bucket
	index        index.Index
	rows         *gatherer
	dictionaries *dictionary.Reader
	bases        *bases
	spool        *spool // nil: packs are small
	insights     *insights
	metrics      *metrics
	log          *slog.Logger
	now          func() time.Time
	retry        *retrier
	crashPoint   func(step) error
}

// dictionaryCache is for packs of an earlier life: rarely more than one site's.
const dictionaryCache = 8 << 20

func newPacker(s *Server, bucket objectstore.Bucket, idx index.Index, retry *retrier, b *bases, opts Options) *packer {
	dictionaries := dictionary.NewReader(bucket, dictionaryCache)
	p := &packer{
		journal: s.journal, ledger: s.ledger, bucket: bucket, index: idx, rows: newGatherer(idx, s.cfg.Flush.PackAge, opts),
		dictionaries: dictionaries, bases: b,
		insights: newInsights(s, insight.Stores{Bucket: bucket, Index: idx, Dictionaries: dictionaries, Known: b.known}, retry, b, opts),
		metrics:  s.metrics, log: s.log, now: s.now, retry: retry, crashPoint: opts.crashPoint,
	}
	frames := newSpool(filepath.Join(s.cfg.Journal.Dir, "frames"), s.journal, s.log)
	if int64(s.cfg.Flush.PackBytes) > encodedLimit/2 {
		p.spool = frames
	}
	return p
}

// outcome says what became of a job that did not simply end well.
type outcome struct {
	back   []*item         // into another pack, as they are
	again  []journal.Entry // to be encoded again, for another pack
	sealed *journal.Pack   // may or may not be stored: to be resumed later
	absent int             // times that sealed was found to be absent
	failed bool            // a store did not answer before there was anything to resume
}

// made is a pack that is ready to be stored.
type made struct {
	id      ulid.ULID
	group   journal.Group
	entries []journal.Entry
	repeats []journal.Entry
	content io.ReaderAt     // until the object is stored
	bytes   int64           // of it
	spooled []*spooled      // the frames in it that are in the spool
	again   []journal.Entry // to be encoded again: their frames cannot be read
	batch   index.Batch
}

// reader reads the pack from its beginning. It can seek.
func (m *made) reader() io.Reader { return io.NewSectionReader(m.content, 0, m.bytes) }

// store makes the pack of a job and stores it. The error is that of ctx, or
// says that the journal failed: the pack then stays there.
func (p *packer) store(ctx context.Context, j *job) (outcome, error) {
	if j.sealed != nil {
		return p.resume(ctx, j)
	}
	start := p.now()
	fresh, repeats, err := p.dropStored(ctx, j.group.Project, j.items)
	if err != nil {
		return outcome{back: j.items, failed: true}, fatal(ctx, err)
	}
	pack, rest, err := p.make(j.group, fresh)
	if err != nil {
		return outcome{}, err
	}
	pack.repeats = repeats
	out := outcome{back: rest, again: pack.again}
	if len(pack.entries)+len(repeats) > 0 {
		if err := p.seal(ctx, pack); err != nil {
			return outcome{back: j.items, failed: true}, fatal(ctx, err)
		}
	}
	pack.spooled = spooledOf(j.items, rest)
	defer p.forget(pack)
	j.items = nil // the pack has the frames now
	if len(pack.entries)+len(repeats) > 0 {
		stored, err := p.deliver(ctx, pack)
		if err != nil {
			return outcome{}, err
		}
		if !stored {
			out.sealed = &journal.Pack{ID: journal.PackID(pack.id), Group: j.group, Entries: pack.entries, Repeats: repeats}
		}
	}
	p.metrics.packSeconds.Observe(p.now().Sub(start).Seconds())
	return out, nil
}

// spooledOf returns the frames in the spool of items but those of rest.
func spooledOf(items, rest []*item) (frames []*spooled) {
	kept := make(map[*item]struct{}, len(rest))
	for _, it := range rest {
		kept[it] = struct{}{}
	}
	for _, it := range items {
		if _, left := kept[it]; it.made.spooled != nil && !left {
			frames = append(frames, it.made.spooled)
		}
	}
	return frames
}

// end removes what packs that were not stored leave on the disk: their segments
// are in the journal.
func (p *packer) end() {
	if p.spool != nil {
		p.spool.end()
	}
}

// forget lets go of the bytes of a pack.
func (p *packer) forget(m *made) {
	m.content = nil
	if len(m.spooled) > 0 {
		p.spool.release(m.spooled)
		m.spooled = nil
	}
}

// fatal returns an error after which nothing more can be done, nil for those
// of a store.
func fatal(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) || ctx.Err() != nil || errors.Is(err, journal.ErrFailed) || errors.Is(err, journal.ErrClosed) {
		return err
	}
	return nil
}

// dropStored takes out the segments that another server, or an earlier life of
// this one, has stored.
func (p *packer) dropStored(ctx context.Context, project recording.ProjectID, items []*item) (fresh []*item, repeats []journal.Entry, err error) {
	from := map[recording.SessionID]uint32{}
	for _, it := range items {
		id := it.made.seg.SegmentID
		if seq, known := from[id.Session]; !known || id.Seq < seq {
			from[id.Session] = id.Seq
		}
	}
	var stored map[recording.SegmentID]struct{}
	err = p.retry.few(ctx, "index", func(ctx context.Context) error {
		var err error
		stored, err = p.index.Stored(ctx, project, from)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for _, it := range items {
		if _, repeat := stored[it.made.seg.SegmentID]; repeat {
			repeats = append(repeats, it.entry)
		} else {
			fresh = append(fresh, it)
		}
	}
	return fresh, repeats, nil
}

// make builds the pack and its rows. rest are the segments that did not fit.
func (p *packer) make(group journal.Group, items []*item) (m *made, rest []*item, err error) {
	m = &made{id: ulid.MustNew(ulid.Timestamp(p.now()), rand.Reader), group: group} // fails after the year 10889
	var body packBody
	pack, err := segment.NewPackTo(&body, group.Project, group.Class, m.id)
	if err != nil {
		return nil, nil, err
	}
	var scratch []byte
	m.batch = index.Batch{Project: group.Project, Token: segment.PackKey(group.Project, group.Class, m.id), Class: group.Class}
	for i, it := range items {
		frame := it.made.frame
		if at := it.made.spooled; at != nil {
			if frame, err = at.read(scratch); err != nil {
				p.log.Warn("segment is encoded again", "error", err)
				m.again = append(m.again, it.entry)
				continue
			}
			scratch = frame
		}
		body.lies(it.made)
		err := pack.Add(it.made.seg, frame, it.made.dictionary, it.made.base)
		if errors.Is(err, segment.ErrFull) && len(m.entries) > 0 {
			rest = items[i:]
			break
		}
		if err != nil {
			p.log.Error("segment can be in no pack and is lost", "error", err)
			p.lose([]journal.Entry{it.entry})
			continue
		}
		m.entries = append(m.entries, it.entry)
		m.batch.Moments = append(m.batch.Moments, it.made.moments...)
	}
	if len(m.entries) == 0 {
		return m, rest, nil
	}
	body.frame = nil
	for _, k := range p.insights.takeKeyframes(group) {
		if err := pack.AddKeyframe(k.keyframe, k.frame); err != nil {
			p.log.Warn("keyframe is left out", "error", err)
		}
	}
	m.batch.Keyframes = pack.Keyframes()
	m.batch.Segments, err = pack.Close()
	m.content, m.bytes = &body, body.size
	return m, rest, err
}

// seal notes in the journal where the segments of a pack are going to be.
func (p *packer) seal(ctx context.Context, m *made) error {
	if err := p.crashPoint(beforeSeal); err != nil {
		return err
	}
	err := p.retry.few(ctx, "journal", func(context.Context) error {
		return p.journal.AppendSeal(journal.Seal{
			Pack: journal.PackID(m.id), Group: m.group, Segments: positions(m.entries), Repeats: positions(m.repeats),
		})
	})
	if err != nil {
		return err
	}
	return p.crashPoint(afterSeal)
}

// deliver takes a sealed pack to the stores. A store that does not answer is
// asked a few times; stored is false when it still does not: then the object
// or its rows are missing, or seem to be.
func (p *packer) deliver(ctx context.Context, m *made) (stored bool, err error) {
	if len(m.entries) > 0 {
		err := p.retry.few(ctx, "bucket", func(ctx context.Context) error {
			return p.bucket.Put(ctx, m.batch.Token, m.reader(), m.bytes)
		})
		if err != nil {
			return false, fatal(ctx, err)
		}
	}
	if err := p.crashPoint(afterPut); err != nil {
		return false, err
	}
	return p.writeRows(ctx, m)
}

// writeRows writes the rows of a pack whose object is stored, and ends it. The
// rows may wait for those of other packs, the pack's memory does not.
func (p *packer) writeRows(ctx context.Context, m *made) (stored bool, err error) {
	if len(m.entries) > 0 {
		p.insights.copies.keep(m.batch.Token, m.reader(), m.bytes)
		p.forget(m)
		err := p.retry.few(ctx, "index", func(ctx context.Context) error { return p.rows.write(ctx, m.batch) })
		if err != nil {
			return false, fatal(ctx, err)
		}
	}
	if err := p.crashPoint(afterWrite); err != nil {
		return false, err
	}
	if err := p.done(ctx, m.id); err != nil {
		return false, err
	}
	if err := p.crashPoint(afterDone); err != nil {
		return false, err
	}
	p.settle(m.entries)
	p.settle(m.repeats)
	p.bases.stored(m.batch.Segments)
	p.insights.stored(m.batch.Segments)
	p.metrics.packRepeats.Add(float64(len(m.repeats)))
	if len(m.entries) > 0 {
		p.metrics.packs.Inc()
		p.metrics.packBytes.Add(float64(m.bytes))
		p.metrics.packSegments.Add(float64(len(m.batch.Segments)))
	}
	return true, nil
}

// done notes the end of a pack. On a full disk it does without: after a crash
// the pack's rows are then written once more, which changes nothing, and what
// is settled now makes room.
func (p *packer) done(ctx context.Context, id ulid.ULID) error {
	err := p.journal.AppendDone(journal.PackID(id))
	if err == nil {
		return nil
	}
	p.log.Warn("end of a pack is not noted in the journal", "error", err)
	return fatal(ctx, err)
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
