package clickhouse

import (
	"context"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// Write implements index.Index.
//
// The steps are not one transaction. Each can be repeated alone, and the
// caller repeats all of them until Write returns nil. Sessions come last: a
// session that is listed has its segments and moments.
func (x *Index) Write(ctx context.Context, batches ...index.Batch) error {
	all, err := x.portionsOf(batches)
	if err != nil {
		return err
	}
	var sessions []sessionKey
	for _, portions := range together(all) {
		r := rowsOf(portions)
		if err := x.insertAll(ctx, r); err != nil {
			return err
		}
		sessions = append(sessions, r.sessions...)
	}
	slices.SortFunc(sessions, sessionKey.compare)
	if err := x.summarize(ctx, slices.Compact(sessions)); err != nil {
		return failed("write sessions to index", err)
	}
	return nil
}

// insertAll inserts into all tables at once: most of the time of an insert is
// waiting for the disk.
func (x *Index) insertAll(ctx context.Context, r rows) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return insert(ctx, x, "segments", r.segments) })
	g.Go(func() error { return insert(ctx, x, "moments", r.moments) })
	g.Go(func() error { return insert(ctx, x, "signals", r.signals) })
	g.Go(func() error { return insert(ctx, x, "texts", r.texts) })
	g.Go(func() error { return insert(ctx, x, "keyframes", r.keyframes) })
	g.Go(func() error { return insert(ctx, x, "terms", r.found.termRows()) })
	g.Go(func() error { return insert(ctx, x, "postings", r.found.postingRows()) })
	return g.Wait()
}

// rows are what batches add to the tables; sessions are those to sum up anew.
type rows struct {
	segments  []segmentRow
	moments   []momentRow
	signals   []signalRow
	texts     []textRow
	keyframes []keyframeRow
	found     *found
	sessions  []sessionKey
}

func rowsOf(portions []portion) rows {
	r := rows{found: newFound()}
	for i := range portions {
		r.add(&portions[i])
	}
	return r
}

// add adds the rows of a portion. What belongs to the segments of its batch goes
// when they do.
func (r *rows) add(p *portion) {
	for _, s := range p.Segments {
		expires := p.expiries.of(s.SegmentID)
		r.segments = append(r.segments, rowOfSegment(s, expires))
		r.found.segment(s, expires)
		r.sum(s.Project, s.Session)
	}
	for _, m := range p.Withdrawn {
		r.withdraw(m, p.expiries.receivedWith(m.SegmentID), p.expiries.of(m.SegmentID))
	}
	for _, m := range p.Moments {
		received, expires := p.expiries.receivedWith(m.SegmentID), p.expiries.of(m.SegmentID)
		r.moments = append(r.moments, rowOfMoment(m, received, expires))
		r.found.moment(m, expires)
		if m.Kind == recording.KindSignal {
			r.signals = append(r.signals, rowOfSignal(m, received, expires))
			r.sum(m.Project, m.Session)
		}
	}
	for _, k := range p.Keyframes {
		r.keyframes = append(r.keyframes, rowOfKeyframe(k, p.expiries.of(k.SegmentID)))
	}
	for _, s := range p.Texts {
		r.texts = append(r.texts, rowOfText(s, p.expiries.ofSession(s.Session)))
	}
}

// withdraw puts rows without kind and name in the place of a moment's, which
// reads pass over.
func (r *rows) withdraw(m recording.Moment, receivedMs int64, expires time.Time) {
	nothing := recording.Moment{SegmentID: m.SegmentID, Event: m.Event, Part: m.Part, TimestampMs: m.TimestampMs}
	r.moments = append(r.moments, rowOfMoment(nothing, receivedMs, expires))
	if m.Kind == recording.KindSignal {
		r.signals = append(r.signals, rowOfSignal(nothing, receivedMs, expires))
		r.sum(m.Project, m.Session)
	}
}

// sum notes a session of which the sum changes.
func (r *rows) sum(project recording.ProjectID, session recording.SessionID) {
	r.sessions = append(r.sessions, sessionKey{project, session})
}

// insert returns when the rows are durable.
func insert[Row any](ctx context.Context, x *Index, table string, rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	// Over HTTP the driver would ask for the columns' types before each insert.
	ctx = clickhouse.Context(x.writing(ctx), clickhouse.WithColumnNamesAndTypes(columnTypes[Row]()))
	batch, err := x.conn.PrepareBatch(ctx, "INSERT INTO "+table+" ("+columnsOf[Row]()+")")
	if err != nil {
		return failed("write "+table+" to index", err)
	}
	defer batch.Close()
	for i := range rows {
		if err := batch.AppendStruct(&rows[i]); err != nil {
			return failed("write "+table+" to index", err)
		}
	}
	if err := batch.Send(); err != nil {
		return failed("write "+table+" to index", err)
	}
	return nil
}

// writing gives ctx the settings of a write: answer only when all is done, on
// all shards; since 26.3 the server's own choice is to gather inserts first.
func (x *Index) writing(ctx context.Context) context.Context {
	settings := clickhouse.Settings{
		"async_insert": 0,
		// Segments that were received over a quarter of a year can be written
		// again together, each day to a partition of its own.
		"max_partitions_per_insert_block": 0,
		// A statement that was seen a few times would be compiled, which costs as
		// much as the statement itself does ten times, and sums up no faster.
		"compile_expressions": 0, "compile_aggregate_expressions": 0, "compile_sort_description": 0,
	}
	if x.cfg.Cluster != "" {
		settings["distributed_foreground_insert"] = 1
	}
	if x.cfg.Protocol == ProtocolHTTP {
		// Without it the status line says 200 before the statement has ended.
		settings["wait_end_of_query"] = 1
	}
	return clickhouse.Context(ctx, clickhouse.WithSettings(settings))
}
