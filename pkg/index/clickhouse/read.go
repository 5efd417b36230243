package clickhouse

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// storedPerQuery bounds how many sessions a statement of Stored lists, each
// twice: see sessionsPerQuery.
const storedPerQuery = sessionsPerQuery / 2

// Stored implements index.Index.
func (x *Index) Stored(ctx context.Context, project recording.ProjectID, from map[recording.SessionID]uint32) (map[recording.SegmentID]struct{}, error) {
	if err := needProject(project); err != nil {
		return nil, err
	}
	stored := make(map[recording.SegmentID]struct{})
	for some := range slices.Chunk(slices.Sorted(maps.Keys(from)), storedPerQuery) {
		var rows []struct {
			SessionID string `ch:"session_id"`
			WindowID  string `ch:"window_id"`
			Seq       uint32 `ch:"seq"`
		}
		found := where(project)
		sessions := list(some)
		// A long session has thousands of segments before the ones in question.
		found.terms = append(found.terms, "session_id IN ("+sessions+")",
			"seq >= transform(session_id, ["+sessions+"], ["+listFrom(some, from)+"], 0)")
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

// listFrom is an SQL list of the seqs of sessions.
func listFrom(sessions []recording.SessionID, from map[recording.SessionID]uint32) string {
	var sql []byte
	for i, id := range sessions {
		if i > 0 {
			sql = append(sql, ',')
		}
		sql = strconv.AppendUint(sql, uint64(from[id]), 10)
	}
	return string(sql)
}

// Segments implements index.Index.
func (x *Index) Segments(ctx context.Context, project recording.ProjectID, session recording.SessionID) ([]recording.StoredSegment, error) {
	if err := needProject(project); err != nil {
		return nil, err
	}
	found := where(project)
	found.add("session_id = {session:String}", "session", string(session))
	var rows []segmentRow
	query := "SELECT " + columnsOf[segmentRow]() + " FROM segments FINAL PREWHERE " + found.String() + " ORDER BY window_id, seq"
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

// notWithdrawn are the conditions on rows that stand for something; by table.
var notWithdrawn = map[string]string{"moments": "kind != ''", "signals": "name != ''"}

// Moments implements index.Index. Moments of the same time are in the order of
// session, window, seq, event and part.
func (x *Index) Moments(ctx context.Context, q index.MomentQuery) ([]recording.Moment, error) {
	found, err := selectMoments(q)
	if err != nil {
		return nil, err
	}
	var rows []momentRow
	query := "SELECT " + columnsOf[momentRow]() + " FROM moments FINAL WHERE " + found.String() +
		" ORDER BY ts, session_id, window_id, seq, event, part LIMIT {limit:UInt32}"
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
	found.terms = append(found.terms, notWithdrawn["moments"])
	found.args = append(found.args, clickhouse.Named("limit", limit))
	switch {
	case q.SessionID != "":
		found.add("session_id = {session:String}", "session", string(q.SessionID))
	case q.TraceID != "":
		found.add("session_id GLOBAL IN (SELECT session_id FROM postings WHERE project_id = {project:String} AND key = {key:UInt64})",
			"key", kindTrace.key(q.TraceID))
	default:
		found.between("ts", q.FromMs, "ts", q.ToMs)
	}
	if q.TraceID != "" {
		found.add("trace_id = {trace:String}", "trace", q.TraceID)
	}
	if len(q.Kinds) > 0 {
		found.add("kind IN {kinds:Array(String)}", "kinds", stringsOf(q.Kinds))
	}
	if q.Text != "" {
		found.add("(positionCaseInsensitiveUTF8(name, {text:String}) > 0"+
			" OR positionCaseInsensitiveUTF8(text, {text:String}) > 0"+
			" OR positionCaseInsensitiveUTF8(url, {text:String}) > 0)", "text", q.Text)
	}
	if q.Name != "" {
		found.add("name = {name:String}", "name", q.Name)
	}
	if q.URL != "" {
		found.add("positionCaseInsensitiveUTF8(url, {url:String}) > 0", "url", q.URL)
	}
	if q.InTrace {
		found.terms = append(found.terms, "trace_id != ''")
	}
	of := &conditions{}
	traits{q.UserID, q.Release, q.Environment, q.Browser, q.Country}.add(of)
	if len(of.terms) > 0 {
		if q.SessionID == "" && q.TraceID == "" {
			of.between("end_ts", q.FromMs, "start_ts", q.ToMs)
		}
		found.terms = append(found.terms, inSessions(of))
		found.args = append(found.args, of.args...)
	}
	return found, nil
}

// Keyframes implements index.Index.
func (x *Index) Keyframes(ctx context.Context, project recording.ProjectID, session recording.SessionID) ([]recording.Keyframe, error) {
	if err := needProject(project); err != nil {
		return nil, err
	}
	found := where(project)
	found.add("session_id = {session:String}", "session", string(session))
	var rows []keyframeRow
	query := "SELECT " + columnsOf[keyframeRow]() + " FROM keyframes FINAL PREWHERE " + found.String() + " ORDER BY window_id, seq"
	if err := x.conn.Select(ctx, &rows, query, found.args...); err != nil {
		return nil, failed("read keyframes from index", err)
	}
	keyframes := make([]recording.Keyframe, len(rows))
	for i, r := range rows {
		keyframes[i] = r.keyframe()
	}
	return keyframes, nil
}

// Texts implements index.Index.
func (x *Index) Texts(ctx context.Context, q index.TextQuery) ([]recording.SeenText, error) {
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
	if q.Text != "" {
		wanted, err := soughtIn(q.Text)
		if err != nil {
			return nil, err
		}
		found.terms = append(found.terms, wanted.condition())
	}
	var rows []textRow
	query := "SELECT " + columnsOf[textRow]() + " FROM texts FINAL WHERE " + found.String() +
		" ORDER BY first_ts, session_id, window_id, page_id, text LIMIT {limit:UInt32}"
	if err := x.conn.Select(ctx, &rows, query, found.args...); err != nil {
		return nil, failed("read texts from index", err)
	}
	texts := make([]recording.SeenText, len(rows))
	for i, r := range rows {
		texts[i] = r.text()
	}
	return texts, nil
}

// traits are what a session has, not what happened in it.
type traits struct{ user, release, environment, browser, country string }

// add adds the conditions on sessions.
func (t traits) add(c *conditions) {
	if t.user != "" {
		c.add("user_id = {user:String}", "user", t.user)
	}
	if t.release != "" {
		c.add("release = {release:String}", "release", t.release)
	}
	if t.environment != "" {
		c.add("environment = {environment:String}", "environment", t.environment)
	}
	if t.browser != "" {
		c.add("lower("+browserOf("lower(user_agent)")+") = lower({browser:String})", "browser", t.browser)
	}
	if t.country != "" {
		c.add("country = upper({country:String})", "country", t.country)
	}
}

// inSessions is the condition that what happened did so in sessions that
// fulfil theirs.
func inSessions(of *conditions) string {
	return "session_id GLOBAL IN (SELECT session_id FROM sessions FINAL WHERE project_id = {project:String} AND " + of.String() + ")"
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

func stringsOf[S ~string](values []S) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
