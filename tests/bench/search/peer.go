package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/playhead/playhead/tests/bench/rig"
)

// The peer is a table with the engine, the keys and the granularity of
// PostHog's session_replay_events, and the columns that the questions need.
// It is at its best here: one row a session, where PostHog has one for each
// flush until they are merged.
const (
	peerName     = "PostHog's table"
	peerDatabase = "posthog"
	peerTable    = "session_replay_events"
)

var peerTables = []string{
	"CREATE DATABASE IF NOT EXISTS " + peerDatabase,
	`CREATE OR REPLACE TABLE ` + peerTable + `
(
    session_id String,
    team_id Int64,
    distinct_id String,
    min_first_timestamp SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    max_last_timestamp SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    block_first_timestamps SimpleAggregateFunction(groupArrayArray, Array(DateTime64(6, 'UTC'))),
    block_last_timestamps SimpleAggregateFunction(groupArrayArray, Array(DateTime64(6, 'UTC'))),
    block_urls SimpleAggregateFunction(groupArrayArray, Array(String)),
    first_url AggregateFunction(argMin, Nullable(String), DateTime64(6, 'UTC')),
    all_urls SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    click_count SimpleAggregateFunction(sum, Int64),
    keypress_count SimpleAggregateFunction(sum, Int64),
    mouse_activity_count SimpleAggregateFunction(sum, Int64),
    active_milliseconds SimpleAggregateFunction(sum, Int64),
    console_log_count SimpleAggregateFunction(sum, Int64),
    console_warn_count SimpleAggregateFunction(sum, Int64),
    console_error_count SimpleAggregateFunction(sum, Int64),
    size SimpleAggregateFunction(sum, Int64),
    event_count SimpleAggregateFunction(sum, Int64),
    message_count SimpleAggregateFunction(sum, Int64),
    retention_period_days SimpleAggregateFunction(max, Nullable(Int64))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(min_first_timestamp)
ORDER BY (toDate(min_first_timestamp), team_id, session_id)
SETTINGS index_granularity = 512, allow_dimensions_outside_sorting_key = 1`,
}

const peerRows = `
INSERT INTO ` + peerTable + `
WITH {rules}
SELECT
    session, 2, if(user = '', concat('anonymous-', toString(n_)), user),
    fromUnixTimestamp64Milli(start_ms), fromUnixTimestamp64Milli(end_ms),
    [fromUnixTimestamp64Milli(start_ms)], [fromUnixTimestamp64Milli(end_ms)],
    [concat('s3://recordings/30d/', toString(start_ms), '-', substring(id_random, 1, 16), '?range=bytes=', toString(n_ % 100 * 1000), '-', toString(n_ % 100 * 1000 + 999))],
    initializeAggregation('argMinState', toNullable(visited[1]), fromUnixTimestamp64Micro(start_ms * 1000, 'UTC')),
    arrayDistinct(visited), 2, 3, 40, intDiv(end_ms - start_ms, 3), 1, 0, failed, 16000, 80, 1, 30
FROM numbers({from}, {count})`

func fillPeer(ctx context.Context, e *engine, of *database) error {
	if of.kept.has(peerTable) {
		return nil
	}
	d, begin := of.data, time.Now()
	if _, err := e.run(ctx, "default", peerTables[0]); err != nil {
		return err
	}
	if _, err := e.run(ctx, peerDatabase, peerTables[1]); err != nil {
		return err
	}
	for from := 0; from < d.sessions; from += portion {
		if _, err := e.run(ctx, peerDatabase, d.sql(peerRows, from, min(portion, d.sessions-from))); err != nil {
			return err
		}
	}
	rig.Say("%s: %d rows in %v", peerName, d.sessions, time.Since(begin).Round(time.Second))
	return of.kept.add(peerTable)
}

// askPeer returns the peer's p95 in ms.
func askPeer(ctx context.Context, e *engine, q question, a *asker) (float64, error) {
	var took []time.Duration
	for i := range *peerRuns {
		begin := time.Now()
		if _, err := e.run(ctx, peerDatabase, q.peer(a, i)); err != nil {
			return 0, fmt.Errorf("ask the peer for %s: %w", q.name, err)
		}
		took = append(took, time.Since(begin))
	}
	return rig.Percentile(took, 0.95), nil
}

// peerList is the peer's list of sessions: its rows are parts of sessions, so
// every question adds them up. With one row a session the conditions can come
// before that, which is faster.
func peerList(conditions ...string) string {
	where := strings.Join(append([]string{"team_id = 2"}, conditions...), " AND ")
	return `SELECT session_id, any(team_id), any(distinct_id), min(min_first_timestamp) AS start_time, max(max_last_timestamp) AS end_time,
    dateDiff('SECOND', start_time, end_time) AS duration, argMinMerge(first_url), groupUniqArrayArray(all_urls), sum(click_count), sum(keypress_count),
    sum(mouse_activity_count), sum(active_milliseconds), sum(console_log_count), sum(console_warn_count), sum(console_error_count), sum(size), sum(event_count)
FROM ` + peerTable + ` WHERE ` + where + ` GROUP BY session_id ORDER BY start_time DESC LIMIT 51`
}

// peerRange is a range of starts. For all of time the peer is asked for the
// last week only: grouping a month takes more than 4 GB.
func (a *asker) peerRange(i int) string {
	from, to := a.timeRange(i)
	if from == 0 {
		to = a.d.data.startMs + days*dayMs
		from = to - 7*dayMs
	}
	return startsIn(from, to)
}

func startsIn(fromMs, toMs int64) string {
	return fmt.Sprintf("min_first_timestamp >= fromUnixTimestamp64Milli(%d) AND min_first_timestamp < fromUnixTimestamp64Milli(%d)", fromMs, toMs)
}

func peerHasURL(part string) string {
	return "arrayExists(u -> positionCaseInsensitive(u, '" + part + "') > 0, all_urls)"
}

func peerNewest(a *asker, i int) string { return peerList(a.peerRange(i)) }

func peerErrors(a *asker, i int) string { return peerList(a.peerRange(i), "console_error_count > 0") }

func peerFilter(a *asker, i int) string { return peerFiltered(a.filters(i)) }

func peerRare(a *asker, i int) string { return peerFiltered(a.rareFilters(i)) }

// peerFiltered leaves out release, environment and browser, which the table
// does not have: the peer is asked for less.
func peerFiltered(f filters) string {
	conditions := []string{startsIn(f.fromMs, f.toMs), peerHasURL(f.url)}
	if f.errors {
		conditions = append(conditions, "console_error_count > 0")
	}
	if f.shortestDuration > 0 {
		conditions = append(conditions, fmt.Sprintf("dateDiff('SECOND', min_first_timestamp, max_last_timestamp) >= %d", f.shortestDuration/1000))
	}
	return peerList(conditions...)
}

func peerUser(a *asker, i int) string {
	return peerList("distinct_id = '" + a.examples[i%len(a.examples)].user + "'")
}

func peerURL(a *asker, i int) string {
	return peerList(peerHasURL(a.urlPart(i)))
}

func peerSegments(a *asker, i int) string {
	return "SELECT min(min_first_timestamp), groupArrayArray(block_first_timestamps), groupArrayArray(block_last_timestamps), groupArrayArray(block_urls) FROM " +
		peerTable + " WHERE team_id = 2 AND session_id = '" + a.examples[i%len(a.examples)].session + "'"
}
