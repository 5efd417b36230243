package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// Stored implements index.Index.
func (x *Index) Stored(ctx context.Context, project recording.ProjectID, sessions []recording.SessionID) (map[recording.SegmentID]struct{}, error) {
	if err := needProject(project); err != nil {
		return nil, err
	}
	stored := make(map[recording.SegmentID]struct{})
	for some := range slices.Chunk(sessions, sessionsPerQuery) {
		found := where(project)
		found.add("session_id IN {sessions:Array(String)}", "sessions", stringsOf(some))
		var rows []struct {
			SessionID string `ch:"session_id"`
			WindowID  string `ch:"window_id"`
			Seq       uint32 `ch:"seq"`
		}
		query := "SELECT DISTINCT session_id, window_id, seq FROM segments WHERE " + found.String()
		if err := x.conn.Select(ctx, &rows, query, found.args...); err != nil {
			return nil, failed("read stored segments from index", err)
		}
		for _, r := range rows {
			stored[recording.SegmentID{
				Project: project,
				Session: recording.SessionID(r.SessionID),
				Window:  recording.WindowID(r.WindowID),
				Seq:     r.Seq,
			}] = struct{}{}
		}
	}
	return stored, nil
}

// Segments implements index.Index.
func (x *Index) Segments(ctx context.Context, project recording.ProjectID, session recording.SessionID) ([]recording.StoredSegment, error) {
	if err := needProject(project); err != nil {
		return nil, err
	}
	found := where(project)
	found.add("session_id = {session:String}", "session", string(session))
	var rows []segmentRow
	query := "SELECT " + columnsOf[segmentRow]() + " FROM segments FINAL WHERE " + found.String() + " ORDER BY window_id, seq"
	if err := x.conn.Select(ctx, &rows, query, found.args...); err != nil {
		return nil, failed("read segments from index", err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("read segments from index: %w", index.ErrNotFound)
	}
	segments := make([]recording.StoredSegment, len(rows))
	for i, r := range rows {
		segments[i] = r.segment()
	}
	return segments, nil
}

// Sessions implements index.Index.
func (x *Index) Sessions(ctx context.Context, q index.SessionQuery) (index.SessionPage, error) {
	found, limit, err := selectSessions(q)
	if err != nil {
		return index.SessionPage{}, err
	}
	// One more than asked for tells whether there is a next page.
	found.args = append(found.args, clickhouse.Named("limit", limit+1))
	var rows []sessionRow
	query := "SELECT " + columnsOf[sessionRow]() + " FROM sessions FINAL WHERE " + found.String() +
		" ORDER BY start_ts DESC, session_id DESC LIMIT {limit:UInt32}"
	if err := x.conn.Select(ctx, &rows, query, found.args...); err != nil {
		return index.SessionPage{}, failed("read sessions from index", err)
	}
	var page index.SessionPage
	if len(rows) > limit {
		rows = rows[:limit]
		page.Next = cursor{startMs: rows[limit-1].StartTs.UnixMilli(), session: rows[limit-1].SessionID}.String()
	}
	for _, r := range rows {
		page.Sessions = append(page.Sessions, r.session())
	}
	return page, nil
}

func selectSessions(q index.SessionQuery) (*conditions, int, error) {
	if err := needProject(q.Project); err != nil {
		return nil, 0, err
	}
	limit, err := limitOf(q.Limit, 50, 1000)
	if err != nil {
		return nil, 0, err
	}
	found := where(q.Project)
	if q.SessionID != "" {
		found.add("session_id = {session:String}", "session", string(q.SessionID))
	}
	if q.TraceID != "" {
		found.add("session_id IN (SELECT session_id FROM moments WHERE project_id = {project:String} AND trace_id = {trace:String})",
			"trace", q.TraceID)
	}
	if q.SessionID == "" && q.TraceID == "" {
		found.between("end_ts", q.FromMs, "start_ts", q.ToMs)
	}
	if q.UserID != "" {
		found.add("user_id = {user:String}", "user", q.UserID)
	}
	if q.URL != "" {
		found.add("arrayExists(url -> positionCaseInsensitiveUTF8(url, {url:String}) > 0, urls)", "url", q.URL)
	}
	if q.Text != "" {
		found.add("(positionCaseInsensitiveUTF8(user_id, {text:String}) > 0"+
			" OR arrayExists(url -> positionCaseInsensitiveUTF8(url, {text:String}) > 0, urls))", "text", q.Text)
	}
	if q.Errors {
		found.terms = append(found.terms, "(errors > 0 OR failed_requests > 0)")
	}
	if q.Before != "" {
		c, err := parseCursor(q.Before)
		if err != nil {
			return nil, 0, err
		}
		found.add("(start_ts, session_id) < (fromUnixTimestamp64Milli({before_start:Int64}), {before_session:String})",
			"before_start", c.startMs)
		found.args = append(found.args, clickhouse.Named("before_session", c.session))
	}
	return found, limit, nil
}

// between adds a time range; a bound of 0 does not filter.
func (c *conditions) between(last string, fromMs int64, first string, toMs int64) {
	if fromMs != 0 {
		c.add(last+" >= fromUnixTimestamp64Milli({from:Int64})", "from", fromMs)
	}
	if toMs != 0 {
		c.add(first+" < fromUnixTimestamp64Milli({to:Int64})", "to", toMs)
	}
}

// cursor is the last session of a page.
type cursor struct {
	startMs int64
	session string
}

func (c cursor) String() string { return strconv.FormatInt(c.startMs, 10) + "." + c.session }

func parseCursor(s string) (cursor, error) {
	start, session, _ := strings.Cut(s, ".")
	startMs, err := strconv.ParseInt(start, 10, 64)
	if err != nil || session == "" {
		return cursor{}, fmt.Errorf("%w: the cursor is not one that was given out", index.ErrQuery)
	}
	return cursor{startMs: startMs, session: session}, nil
}

// Moments implements index.Index. Moments of the same time are in the order of
// session, window, seq and event.
func (x *Index) Moments(ctx context.Context, q index.MomentQuery) ([]recording.Moment, error) {
	found, err := selectMoments(q)
	if err != nil {
		return nil, err
	}
	var rows []momentRow
	query := "SELECT " + columnsOf[momentRow]() + " FROM moments FINAL WHERE " + found.String() +
		" ORDER BY ts, session_id, window_id, seq, event LIMIT {limit:UInt32}"
	if err := x.conn.Select(ctx, &rows, query, found.args...); err != nil {
		return nil, failed("read moments from index", err)
	}
	moments := make([]recording.Moment, len(rows))
	for i, r := range rows {
		moments[i] = r.moment()
	}
	return moments, nil
}

func selectMoments(q index.MomentQuery) (*conditions, error) {
	if err := needProject(q.Project); err != nil {
		return nil, err
	}
	limit, err := limitOf(q.Limit, 1000, 100000)
	if err != nil {
		return nil, err
	}
	found := where(q.Project)
	found.args = append(found.args, clickhouse.Named("limit", limit))
	if q.SessionID != "" {
		found.add("session_id = {session:String}", "session", string(q.SessionID))
	}
	if q.TraceID != "" {
		found.add("trace_id = {trace:String}", "trace", q.TraceID)
	}
	if q.SessionID == "" && q.TraceID == "" {
		found.between("ts", q.FromMs, "ts", q.ToMs)
	}
	if len(q.Kinds) > 0 {
		found.add("kind IN {kinds:Array(String)}", "kinds", stringsOf(q.Kinds))
	}
	if q.Text != "" {
		found.add("(positionCaseInsensitiveUTF8(name, {text:String}) > 0"+
			" OR positionCaseInsensitiveUTF8(text, {text:String}) > 0"+
			" OR positionCaseInsensitiveUTF8(url, {text:String}) > 0)", "text", q.Text)
	}
	return found, nil
}

func stringsOf[S ~string](values []S) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
