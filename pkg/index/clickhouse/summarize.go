package clickhouse

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/playhead/playhead/pkg/recording"
)

// What a statement lists, with 64 characters for each id, stays far below the
// 256 KiB that the server parses: sessionsPerQuery sessions of a project, or
// summedPerQuery sessions with their projects, twice.
const (
	sessionsPerQuery = 2000
	summedPerQuery   = 800
)

// list is an SQL list of ids. They are written into the statement because the
// parameters of a statement travel in the URL, which proxies cut at 8 KiB.
func list[ID ~string](ids []ID) string {
	var sql strings.Builder
	for i, id := range ids {
		if i > 0 {
			sql.WriteByte(',')
		}
		sql.WriteByte('\'')
		sql.WriteString(quoter.Replace(string(id)))
		sql.WriteByte('\'')
	}
	return sql.String()
}

// sessionKey says which session of all projects.
type sessionKey struct {
	project recording.ProjectID
	session recording.SessionID
}

func (k sessionKey) compare(other sessionKey) int {
	return cmp.Or(cmp.Compare(k.project, other.project), cmp.Compare(k.session, other.session))
}

// listKeys is an SQL list of pairs (project, session).
func listKeys(keys []sessionKey) string {
	var sql strings.Builder
	for i, k := range keys {
		if i > 0 {
			sql.WriteByte(',')
		}
		sql.WriteString("('")
		sql.WriteString(quoter.Replace(string(k.project)))
		sql.WriteString("','")
		sql.WriteString(quoter.Replace(string(k.session)))
		sql.WriteString("')")
	}
	return sql.String()
}

var quoter = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// summarize computes the rows of sessions anew from all of their segments. It
// asks for the sessions of all projects of a write at once: to analyse the
// statement takes the server longer than to sum up a few sessions does.
//
// The version is read before the segments are: a row of a higher version has
// seen every segment that was stored when a row of a lower one was begun, so
// when two servers do this at once, the row that stays lacks nothing.
func (x *Index) summarize(ctx context.Context, sessions []sessionKey) error {
	if len(sessions) == 0 {
		return nil
	}
	var version int64
	if err := x.conn.QueryRow(ctx, "SELECT toUnixTimestamp64Nano(now64(9))").Scan(&version); err != nil {
		return err
	}
	for some := range slices.Chunk(sessions, summedPerQuery) {
		statement := strings.ReplaceAll(summarizeSessions, "{sessions}", listKeys(some))
		if err := x.conn.Exec(x.writing(ctx), statement, clickhouse.Named("version", version)); err != nil {
			return err
		}
	}
	return nil
}

// summarizeSessions sums the segments of sessions up: first those of a window
// and a user, which are few rows, then those. The signals are counted apart.
//
// A window's clock offset is the smallest of its segments, since a slow
// network only adds to it: a time on the device plus the window's offset is
// server time. "first" is the order of a segment's start, "last" of its end;
// in one window they are one number, of the device's ms and seq. Attributes
// are those of the user whose id the session has.
var summarizeSessions = `
INSERT INTO sessions (` + columnsOf[sessionRow]() + `, expires_ts, version)
WITH
    parts AS
    (
        WITH
            toUnixTimestamp64Milli(start_ts) - clock_offset_ms AS device_start,
            toUnixTimestamp64Milli(end_ts) - clock_offset_ms AS device_end,
            least(greatest(device_start, -1000000000000), 8000000000000) * 1000000 + least(seq, 999999) AS first,
            least(greatest(device_end, -1000000000000), 8000000000000) * 1000000 + least(seq, 999999) AS last
        SELECT
            project_id,
            session_id,
            window_id,
            user_id,
            min(clock_offset_ms) AS offset_ms,
            min(device_start) AS min_start,
            max(device_end) AS max_end,
            max(last) AS user_last,
            minIf(first, previous_session_id != '') AS previous_first,
            argMinIf(previous_session_id, first, previous_session_id != '') AS previous,
            max(last) AS class_last,
            argMax(class, last) AS last_class,
            maxIf(last, notEmpty(user_attributes)) AS attributes_last,
            argMaxIf(user_attributes, last, notEmpty(user_attributes)) AS attributes,
            groupArrayIf((device_start, seq, urls), notEmpty(urls)) AS visits,
            sum(segments.events) AS events,
            sum(segments.raw_bytes) AS raw_bytes,
            sum(segments.pages) AS pages,
            sum(segments.clicks) AS clicks,
            sum(segments.requests) AS requests,
            sum(segments.failed_requests) AS failed_requests,
            sum(segments.errors) AS errors,
            maxIf(last, release != '') AS release_last,
            argMaxIf(release, last, release != '') AS last_release,
            maxIf(last, environment != '') AS environment_last,
            argMaxIf(environment, last, environment != '') AS last_environment,
            maxIf(last, user_agent != '') AS user_agent_last,
            argMaxIf(user_agent, last, user_agent != '') AS last_user_agent,
            maxIf(last, country != '') AS country_last,
            argMaxIf(country, last, country != '') AS last_country,
            maxIf(last, recorder_version != '') AS recorder_last,
            argMaxIf(recorder_version, last, recorder_version != '') AS last_recorder,
            sum(object_length) AS stored_bytes,
            count() AS segments,
            max(received_ts) AS last_received,
            max(segments.expires_ts) AS expires
        FROM segments FINAL
        PREWHERE (project_id, session_id) IN ({sessions})
        GROUP BY project_id, session_id, window_id, user_id
    ),
    fixed AS
    (
        SELECT
            *,
            min(offset_ms) OVER (PARTITION BY project_id, session_id, window_id) AS window_offset,
            1000000 * window_offset AS shift
        FROM parts
    ),
    counted AS
    (
        SELECT project_id, session_id, sumMap(map(name, toUInt64(1))) AS signals
        FROM signals FINAL
        PREWHERE (project_id, session_id) IN ({sessions})
        WHERE name != ''
        GROUP BY project_id, session_id
    )
SELECT
    project_id,
    session_id,
    argMinIf(previous, (previous_first + shift, window_id), previous != ''),
    argMax(last_class, (class_last + shift, window_id)),
    fromUnixTimestamp64Milli(greatest(0, min(min_start + window_offset))),
    fromUnixTimestamp64Milli(greatest(0, max(max_end + window_offset))),
    argMaxIf(user_id, (user_last + shift, window_id), user_id != '') AS session_user_id,
    arrayFirst(known -> known.3 = session_user_id, arrayReverseSort(known -> (known.1, known.2),
        groupArrayIf((attributes_last + shift, window_id, user_id, attributes), notEmpty(attributes)))).4,
    arrayDistinct(arrayFlatten(arrayMap(visit -> visit.4, arraySort(arrayFlatten(groupArray(
        arrayMap(visit -> (greatest(0, visit.1 + window_offset), window_id, visit.2, visit.3), visits))))))),
    uniqExact(window_id),
    sum(fixed.events),
    sum(fixed.raw_bytes),
    sum(fixed.pages),
    sum(fixed.clicks),
    sum(fixed.requests),
    sum(fixed.failed_requests),
    sum(fixed.errors),
    any(counted.signals),
    argMaxIf(last_release, (release_last + shift, window_id), last_release != ''),
    argMaxIf(last_environment, (environment_last + shift, window_id), last_environment != ''),
    argMaxIf(last_user_agent, (user_agent_last + shift, window_id), last_user_agent != ''),
    argMaxIf(last_country, (country_last + shift, window_id), last_country != ''),
    argMaxIf(last_recorder, (recorder_last + shift, window_id), last_recorder != ''),
    sum(fixed.stored_bytes),
    sum(fixed.segments),
    max(last_received),
    max(expires),
    {version:UInt64}
FROM fixed LEFT JOIN counted USING (project_id, session_id)
GROUP BY project_id, session_id`
