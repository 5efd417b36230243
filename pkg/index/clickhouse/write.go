package clickhouse

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// sessionsPerQuery bounds how many session ids are bound at once. Over HTTP
// they are in the URL, where 100 UUIDs stay below the 8 KiB that proxies take.
const sessionsPerQuery = 100

// Write implements index.Index.
//
// The three steps are not one transaction. Each can be repeated alone, and
// the caller repeats all of them until Write returns nil. Sessions come last:
// a session that is listed has its segments and moments.
func (x *Index) Write(ctx context.Context, b index.Batch) error {
	if err := checkBatch(b); err != nil {
		return err
	}
	segments := make([]segmentRow, len(b.Segments))
	for i, s := range b.Segments {
		segments[i] = rowOfSegment(s)
	}
	if err := insert(ctx, x, "segments", segments); err != nil {
		return failed("write segments to index", err)
	}
	moments := make([]momentRow, len(b.Moments))
	for i, m := range b.Moments {
		moments[i] = rowOfMoment(m)
	}
	if err := insert(ctx, x, "moments", moments); err != nil {
		return failed("write moments to index", err)
	}
	if err := x.summarize(ctx, b.Project, sessionsOf(b.Segments)); err != nil {
		return failed("write sessions to index", err)
	}
	return nil
}

func checkBatch(b index.Batch) error {
	if err := needProject(b.Project); err != nil {
		return err
	}
	if b.Token == "" {
		return fmt.Errorf("%w: the batch has no token", index.ErrQuery)
	}
	foreign := slices.ContainsFunc(b.Segments, func(s recording.StoredSegment) bool { return s.Project != b.Project }) ||
		slices.ContainsFunc(b.Moments, func(m recording.Moment) bool { return m.Project != b.Project })
	if foreign {
		return fmt.Errorf("%w: the batch of project %s holds rows of another", index.ErrQuery, b.Project)
	}
	return nil
}

// insert returns when the rows are durable.
func insert[Row any](ctx context.Context, x *Index, table string, rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	batch, err := x.conn.PrepareBatch(x.writing(ctx), "INSERT INTO "+table+" ("+columnsOf[Row]()+")")
	if err != nil {
		return err
	}
	defer batch.Close()
	for i := range rows {
		if err := batch.AppendStruct(&rows[i]); err != nil {
			return err
		}
	}
	return batch.Send()
}

// writing gives ctx the settings of a write: answer only when all is done;
// since 26.3 the server's own choice is to gather inserts first. Rows are
// never dropped because the same ones were inserted before: the server
// remembers that also of rows which have been deleted since. Repeats collapse
// by identity.
func (x *Index) writing(ctx context.Context) context.Context {
	settings := clickhouse.Settings{"async_insert": 0, "insert_deduplicate": 0}
	if x.cfg.Protocol == ProtocolHTTP {
		// Without it the status line says 200 before the statement has ended.
		settings["wait_end_of_query"] = 1
	}
	return clickhouse.Context(ctx, clickhouse.WithSettings(settings))
}

func sessionsOf(segments []recording.StoredSegment) []string {
	ids := make([]string, len(segments))
	for i, s := range segments {
		ids[i] = string(s.Session)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// summarize computes the rows of sessions anew from all of their segments.
//
// The version is read before the segments are: a row of a higher version has
// seen every segment that was stored when a row of a lower one was begun, so
// when two servers do this at once, the row that stays lacks nothing.
func (x *Index) summarize(ctx context.Context, project recording.ProjectID, sessions []string) error {
	if len(sessions) == 0 {
		return nil
	}
	var version int64
	if err := x.conn.QueryRow(ctx, "SELECT toUnixTimestamp64Nano(now64(9))").Scan(&version); err != nil {
		return err
	}
	for some := range slices.Chunk(sessions, sessionsPerQuery) {
		err := x.conn.Exec(x.writing(ctx), summarizeSessions,
			clickhouse.Named("project", string(project)),
			clickhouse.Named("sessions", some),
			clickhouse.Named("version", version))
		if err != nil {
			return err
		}
	}
	return nil
}

// summarizeSessions sums the segments of sessions up.
//
// A window's clock offset is the smallest of its segments, since a slow
// network only adds to it: fix_ms takes a segment's times from its own offset
// to its window's. "last" is the order of a segment's end, "first" of its
// start; window and seq make both the same on every run. Attributes are those
// of the user whose id the session has.
var summarizeSessions = `
INSERT INTO sessions (` + columnsOf[sessionRow]() + `, version)
WITH
    fixed AS
    (
        SELECT
            *,
            min(clock_offset_ms) OVER (PARTITION BY session_id, window_id) - clock_offset_ms AS fix_ms,
            greatest(0, toUnixTimestamp64Milli(start_ts) + fix_ms) AS start_ms,
            greatest(0, toUnixTimestamp64Milli(end_ts) + fix_ms) AS end_ms,
            (start_ms, window_id, seq) AS first,
            (end_ms, window_id, seq) AS last
        FROM segments FINAL
        WHERE project_id = {project:String} AND session_id IN {sessions:Array(String)}
    ),
    known AS
    (
        SELECT *, argMaxIf(user_id, last, user_id != '') OVER (PARTITION BY session_id) AS session_user_id
        FROM fixed
    )
SELECT
    project_id,
    session_id,
    argMinIf(previous_session_id, first, previous_session_id != ''),
    argMax(class, last),
    fromUnixTimestamp64Milli(min(start_ms)),
    fromUnixTimestamp64Milli(max(end_ms)),
    any(session_user_id),
    argMaxIf(user_attributes, last, notEmpty(user_attributes) AND user_id = session_user_id),
    arrayDistinct(arrayFlatten(arrayMap(visit -> visit.2, arraySort(visit -> visit.1, groupArray((first, known.urls)))))),
    uniqExact(window_id),
    sum(known.events),
    sum(known.raw_bytes),
    sum(known.pages),
    sum(known.clicks),
    sum(known.requests),
    sum(known.failed_requests),
    sum(known.errors),
    argMaxIf(release, last, release != ''),
    argMaxIf(environment, last, environment != ''),
    argMaxIf(user_agent, last, user_agent != ''),
    argMaxIf(recorder_version, last, recorder_version != ''),
    sum(object_length),
    count(),
    max(received_ts),
    {version:UInt64}
FROM known
GROUP BY project_id, session_id`
