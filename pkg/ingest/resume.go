package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/indexing"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

const (
	// maxPackBytes is beyond every pack: 64 MiB of frames, or one frame of a
	// segment that does not compress, and a footer of 32 MiB at most.
	maxPackBytes = 128 << 20

	// absences is how often, with pauses between, a pack must be found to be
	// absent before its segments go into another: the last answer of a server
	// that was killed may have been on its way.
	absences = 2

	// refusedTries is how often a pack fails before it is called out: a minute
	// and a half.
	refusedTries = 6
)

// errNoPack says that a sealed pack is not in the bucket, or not as a whole,
// and will not be: another pack can take its segments.
var errNoPack = errors.New("the bucket does not have the pack")

// resume finds out what became of a pack that was sealed before: a server ended
// in the middle, or a store did not answer. Its segments may be encoded
// differently now, so that the pack is never made again: what is in the bucket
// is brought to the index, and what is not there goes into another pack.
func (p *packer) resume(ctx context.Context, j *job) (outcome, error) {
	m := &made{
		id: ulid.ULID(j.sealed.ID), group: j.group, entries: j.sealed.Entries, repeats: j.sealed.Repeats,
	}
	later := outcome{sealed: j.sealed}
	if len(m.entries) > 0 {
		err := p.fetch(ctx, m)
		if errors.Is(err, errNoPack) {
			later.absent = j.absent + 1
			if later.absent < absences {
				return later, nil
			}
			return p.void(ctx, j, m)
		}
		if err != nil {
			return later, fatal(ctx, err)
		}
	}
	stored, err := p.writeRows(ctx, m)
	if err != nil || stored {
		return outcome{}, err
	}
	return later, nil
}

// void gives up a seal. The journal need not know: a pack that is sealed later
// takes the segments over.
func (p *packer) void(ctx context.Context, j *job, m *made) (outcome, error) {
	err := p.retry.few(ctx, "bucket", func(ctx context.Context) error {
		// What is there is not whole, or of no use; most often there is nothing.
		return p.bucket.Delete(ctx, segment.PackKey(m.group.Project, m.group.Class, m.id))
	})
	if err != nil {
		return outcome{sealed: j.sealed}, fatal(ctx, err)
	}
	p.metrics.voidedPacks.Inc()
	out := outcome{again: append(m.entries[:len(m.entries):len(m.entries)], m.repeats...)}
	return out, nil
}

// fetch reads a pack from the bucket and makes its rows. The error is
// errNoPack, wrapped, when it is not there as a whole.
func (p *packer) fetch(ctx context.Context, m *made) error {
	key := segment.PackKey(m.group.Project, m.group.Class, m.id)
	m.batch = index.Batch{Project: m.group.Project, Token: key, Class: m.group.Class}
	var data []byte
	absent := false
	err := p.retry.few(ctx, "bucket", func(ctx context.Context) (err error) {
		data, err = p.read(ctx, key)
		if absent = errors.Is(err, objectstore.ErrNotFound); absent {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if absent {
		return errNoPack
	}
	content := bytes.NewReader(data)
	m.content, m.bytes = content, content.Size()
	footer, err := segment.ReadFooter(content, m.bytes)
	if errors.Is(err, segment.ErrVersion) {
		return err // a newer program's: it knows what to do with it
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errNoPack, err)
	}
	return p.rowsOf(ctx, m, data, footer)
}

func (p *packer) read(ctx context.Context, key string) ([]byte, error) {
	r, err := p.bucket.Get(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, maxPackBytes))
}

// rowsOf makes the rows of a pack from the pack itself.
func (p *packer) rowsOf(ctx context.Context, m *made, data []byte, footer *segment.Footer) error {
	missing := map[journal.Identity]bool{}
	for _, e := range m.entries {
		missing[e.Identity] = true
	}
	var events []byte
	for _, e := range footer.Entries {
		delete(missing, journal.IdentityOf(e.SegmentID))
		frame := data[e.Offset : e.Offset+e.Length]
		if err := e.Verify(frame); err != nil {
			return fmt.Errorf("%w: %w", errNoPack, err)
		}
		dictionary, err := p.dictionary(ctx, e.StoredSegment)
		if err != nil {
			return err
		}
		if events, err = segment.Decode(events[:0], frame, min(e.RawBytes, recording.MaxSegmentBytes), dictionary); err != nil {
			return fmt.Errorf("%w: %w", errNoPack, err)
		}
		stored := e.StoredSegment
		found, err := indexing.Derive(&stored.Segment, events)
		if err != nil {
			p.metrics.derivePanics.Inc()
		}
		m.batch.Segments = append(m.batch.Segments, stored)
		m.batch.Moments = append(m.batch.Moments, found...)
	}
	for _, k := range footer.Keyframes {
		m.batch.Keyframes = append(m.batch.Keyframes, k.Keyframe)
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: %d of its segments are missing", errNoPack, len(missing))
	}
	return nil
}

func (p *packer) dictionary(ctx context.Context, s recording.StoredSegment) (d *segment.Dictionary, err error) {
	absent := false
	err = p.retry.few(ctx, "bucket", func(ctx context.Context) (err error) {
		d, err = p.dictionaries.Get(ctx, s)
		if absent = errors.Is(err, objectstore.ErrNotFound) || errors.Is(err, segment.ErrCorrupt); absent {
			return nil
		}
		return err
	})
	if absent {
		return nil, fmt.Errorf("%w: nobody could read it without its dictionary", errNoPack)
	}
	return d, err
}

// parked tells of a pack that goes on failing.
func (p *packer) parked(j *job) {
	key := segment.PackKey(j.group.Project, j.group.Class, ulid.ULID(j.sealed.ID))
	if j.tries == refusedTries {
		p.log.Error("pack is refused again and again; its segments stay in the journal", "pack", key, "segments", len(j.sealed.Entries), "tries", j.tries)
		return
	}
	p.log.Warn("pack is tried again later", "pack", key, "segments", len(j.sealed.Entries), "tries", j.tries)
}
