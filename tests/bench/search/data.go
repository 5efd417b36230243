package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/index/clickhouse"
	"github.com/playhead/playhead/tests/bench/rig"
)

const (
	project = "shop"
	// days is the time over which the sessions began, up to now.
	days = 30
	// momentsPerSession and tracesPerSession are what a session has.
	momentsPerSession = 10
	tracesPerSession  = 2.5
	// textsPerSession are the texts that a session saw, each on one page.
	textsPerSession = 8
	// portion is how many sessions are made by one statement.
	portion = 500_000
)

// data says what the sessions of a database are. Everything about session n,
// counted from 0, follows from n: made by the engine when the tables are
// filled, and by the same rule when a question needs a session that is there.
type data struct {
	sessions int
	startMs  int64 // of session 0
	stepMs   int64 // between two sessions
}

// allMs is the time over which the sessions began.
const allMs = int64(days) * dayMs

func newData(k *kept) data {
	return data{sessions: k.Sessions, startMs: k.StartMs, stepMs: allMs / int64(k.Sessions)}
}

// now is when the newest session began: the questions are asked as if the data
// had just been made.
func (d data) now() time.Time { return time.UnixMilli(d.startMs + allMs) }

// The rules, as SQL over the session's number n.
//
// A signal of eight names is in 6 % to 0.01 % of the sessions. Of the texts one in
// 300 is about a payment that was declined by one of 200 banks, one in 50 about
// an order, which no other session saw, and the others are one of 40 000.
//
// A tenth of the users make a third of the visits; two of five visitors are
// not known. Of the URLs 60 % are one of 3 200 pages, 38 % one of 200 000
// products, popular ones more often, and 2 % orders that occur once.
const rules = `
    toUInt64(number) AS n_,
    {start} + toInt64(n_) * {step} + cityHash64(n_, 1) % {step} AS start_ms,
    start_ms + 1000 + 1000 * toInt64(pow(cityHash64(n_, 4) / 18446744073709551616, 3) * 3600) AS end_ms,
    leftPad(lower(hex(start_ms)), 12, '0') AS id_time,
    lower(hex(sipHash128(n_))) AS id_random,
    concat(substring(id_time, 1, 8), '-', substring(id_time, 9, 4), '-7', substring(id_random, 1, 3), '-8', substring(id_random, 4, 3), '-', substring(id_random, 7, 12)) AS session,
    concat('user-', toString(toUInt32(pow(cityHash64(n_, 2) / 18446744073709551616, 2) * {sessions} / 5))) AS known_user,
    if(cityHash64(n_, 3) % 100 < 60, known_user, '') AS user,
    arrayMap(i -> multiIf(
        cityHash64(n_, i, 5) % 100 < 60, concat('https://shop.example.com/',
            ['account', 'help', 'category', 'checkout', 'cart', 'search', 'blog', 'offers'][1 + cityHash64(n_, i, 6) % 8], '/',
            ['start', 'list', 'step-1', 'step-2', 'step-3', 'payment', 'summary', 'address', 'invoice', 'overview'][1 + cityHash64(n_, i, 7) % 10], '/',
            toString(toUInt32(pow(cityHash64(n_, i, 8) / 18446744073709551616, 3) * 40))),
        cityHash64(n_, i, 5) % 100 < 98, concat('https://shop.example.com/Product/', toString(10000 + toUInt32(pow(cityHash64(n_, i, 8) / 18446744073709551616, 3) * 200000))),
        concat('https://shop.example.com/orders/', toString(50000000 + n_))), range(1 + cityHash64(n_, 9) % 5)) AS visited,
    cityHash64(n_, 10) % 100 < 8 AS failed,
    arrayFilter((name, of) -> cityHash64(n_, name) % 10000 < of, ['rage_click', 'dead_click', 'failed_request', 'error', 'slow_request', 'quick_back', 'double_submit', 'vanished_message'], [200, 600, 400, 300, 100, 50, 5, 1]) AS signs,
    concat('2026.', toString(intDiv(n_ * 40, {sessions})), '.', toString(cityHash64(n_, 11) % 2)) AS version_of_site,
    ['production', 'production', 'production', 'staging'][1 + cityHash64(n_, 14) % 4] AS stage,
    concat('Mozilla/5.0 (', ['X11; Linux x86_64', 'Windows NT 10.0; Win64; x64', 'Macintosh; Intel Mac OS X 10_15_7', 'iPhone; CPU iPhone OS 18_0 like Mac OS X'][1 + cityHash64(n_, 12) % 4],
        ') AppleWebKit/537.36 (KHTML, like Gecko) Chrome/', toString(100 + cityHash64(n_, 13) % 50), '.0.0.0 Safari/537.36') AS browser,
    toDateTime(toStartOfDay(fromUnixTimestamp64Milli(end_ms, 'UTC')) + INTERVAL 31 DAY, 'UTC') AS expires`

// trace is the trace id of moment k of session n.
const trace = `lower(hex(sipHash128(n_, k, 'trace')))`

// traced says whether moment k of session n is a request, which has a trace.
const traced = `(k % 4 = 3 OR k = 1 AND n_ % 2 = 0)`

// text is the k-th that session n saw.
const text = `multiIf(
    cityHash64(n_, k, 20) % 300 = 0, concat('Payment declined by bank', toString(cityHash64(n_, k, 21) % 200)),
    cityHash64(n_, k, 20) % 50 = 1, concat('Order ', toString(50000000 + n_), ' is on its way'),
    concat(['Add to cart', 'Delivery to your door', 'Customer reviews', 'Only a few left', 'Free returns', 'You may also like', 'Sold out', 'Size guide'][1 + cityHash64(n_, k, 22) % 8],
        ': product', toString(toUInt32(pow(cityHash64(n_, k, 23) / 18446744073709551616, 2) * 5000))))`

// key is that of a term in postings.
const key = `reinterpretAsUInt64(substring(SHA256(concat(kind, '\0', lowerUTF8(term))), 1, 8))`

// hour is when a session had begun, in postings.
const hour = `toUInt32(intDiv(start_ms + 600000, 3600000) + 1)`

// made are sessions with all that the rules say, once each.
const made = `(WITH {rules} SELECT n_, session, start_ms, end_ms, user, visited, failed, signs, version_of_site, stage, browser, expires FROM numbers({from}, {count}))`

// statement fills a table. Those with questions are left out when none of them
// is asked.
type statement struct {
	table     string
	questions []string
	sql       string
}

var statements = []statement{
	{"segments", []string{"segments"}, `INSERT INTO segments (project_id, session_id, window_id, seq, page_id, start_ts, end_ts, clock_offset_ms, events, raw_bytes, full_snapshots, received_ts, reason, recorder_name, recorder_version, rrweb_version, url, viewport_width, viewport_height, user_id, release, environment, user_agent, pages, clicks, requests, errors, urls, class, object, object_offset, object_length, expires_ts)
SELECT '{project}', session, concat('w', substring(session, 2)), k, concat('p', substring(session, 2)), fromUnixTimestamp64Milli(start_ms + k * 5000), fromUnixTimestamp64Milli(start_ms + k * 5000 + 4900), 12, 80, 16000, if(k = 0, [fromUnixTimestamp64Milli(start_ms)], []), fromUnixTimestamp64Milli(end_ms + 2000), 'sampled', 'playhead', '1.0.0', '2.1.6', visited[1], 1280, 720, user, version_of_site, stage, browser, k = 0, 2, 3, failed, visited, 'normal', concat('v1/shop/normal/2026/11/22/17/', toString(intDiv(n_, 2000)), '.pack'), n_ % 2000 * 900, 880, expires
FROM {made} ARRAY JOIN range(1 + n_ % 3) AS k`},

	{"moments", []string{"moments"}, `INSERT INTO moments (project_id, session_id, window_id, seq, event, page_id, ts, kind, name, text, selector, url, trace_id, span_id, duration_ms, status, expires_ts)
WITH {traced} AS requests, if(requests, {trace}, '') AS trace
SELECT '{project}', session, window, k % (1 + n_ % 3), k, page, fromUnixTimestamp64Milli(start_ms + k * 1300), if(requests, 'request', ['page_load', 'click', 'console'][1 + k % 3]), if(requests, 'GET', 'button'), if(requests, '', concat('Place order ', toString(cityHash64(n_, k) % 1000))), if(requests, '', concat('#main > div.row > button:nth-child(', toString(k), ')')), url, trace, substring(trace, 1, 16), cityHash64(n_, k, 3) % 900, if(requests, 200, 0), expires
FROM (SELECT n_, session, concat('w', substring(session, 2)) AS window, concat('p', substring(session, 2)) AS page, start_ms, visited[1] AS url, expires FROM {made}) ARRAY JOIN range({moments}) AS k`},

	{"texts", []string{"seen", "phrase"}, `INSERT INTO texts (project_id, session_id, window_id, page_id, text, first_ts, last_ts, expires_ts)
SELECT '{project}', session, window, page, {text}, fromUnixTimestamp64Milli(start_ms + k * 4000), fromUnixTimestamp64Milli(start_ms + k * 4000 + 3000), expires
FROM (SELECT n_, session, concat('w', substring(session, 2)) AS window, concat('p', substring(session, 2)) AS page, start_ms, expires FROM {made}) ARRAY JOIN range({texts}) AS k`},

	{"postings", nil, `INSERT INTO postings (project_id, key, session_id, begun_hour, expires_ts)
SELECT '{project}', {key}, session, begun, expires
FROM (
    SELECT 'trace' AS kind, {trace} AS term, session, 4294967295 AS begun, expires FROM (SELECT n_, session, expires FROM {made}) ARRAY JOIN range({moments}) AS k WHERE {traced}
    UNION ALL
    SELECT 'url' AS kind, term, session, {hour} AS begun, expires FROM {made} ARRAY JOIN arrayDistinct(visited) AS term
    UNION ALL
    SELECT 'user' AS kind, user AS term, session, {hour} AS begun, expires FROM {made} WHERE user != ''
    UNION ALL
    SELECT 'signal' AS kind, term, session, {hour} AS begun, expires FROM {made} ARRAY JOIN signs AS term
)`},

	{"terms", nil, `INSERT INTO terms (project_id, kind, term, key, expires_ts)
SELECT '{project}', kind, lowerUTF8(term), {key}, max(expires)
FROM (
    SELECT 'url' AS kind, term, expires FROM {made} ARRAY JOIN visited AS term
    UNION ALL
    SELECT 'user' AS kind, user AS term, expires FROM {made} WHERE user != ''
)
GROUP BY kind, term`},

	{"sessions", nil, `INSERT INTO sessions (project_id, session_id, class, start_ts, end_ts, user_id, urls, windows, events, raw_bytes, pages, clicks, requests, failed_requests, errors, signals, release, environment, user_agent, recorder_version, stored_bytes, segments, last_received_ts, expires_ts, version)
SELECT '{project}', session, 'normal', fromUnixTimestamp64Milli(start_ms), fromUnixTimestamp64Milli(end_ms), user, arrayDistinct(visited), 1, 80 * (1 + n_ % 3), 16000 * (1 + n_ % 3), 1, 2, 3, 0, failed, mapFromArrays(signs, arrayMap(name -> toUInt64(1), signs)), version_of_site, stage, browser, '1.0.0', 880 * (1 + n_ % 3), 1 + n_ % 3, fromUnixTimestamp64Milli(end_ms + 2000), expires, 1000000 * end_ms
FROM {made}`},
}

// sql fills in a statement for sessions from to from+count.
func (d data) sql(statement string, from, count int) string {
	number := func(n int64) string { return fmt.Sprint(n) }
	for _, r := range []*strings.Replacer{
		strings.NewReplacer("{made}", made),
		strings.NewReplacer("{rules}", rules, "{trace}", trace, "{traced}", traced, "{key}", key, "{text}", text, "{hour}", hour),
		strings.NewReplacer(
			"{project}", project, "{moments}", number(momentsPerSession), "{texts}", number(textsPerSession), "{sessions}", number(int64(d.sessions)),
			"{start}", number(d.startMs), "{step}", number(d.stepMs), "{from}", number(int64(from)), "{count}", number(int64(count))),
	} {
		statement = r.Replace(statement)
	}
	return statement
}

// database is one that has been filled.
type database struct {
	name  string
	kept  *kept
	data  data
	index *clickhouse.Index
	proxy *httptest.Server
}

func (d *database) close() {
	_ = d.index.Close() // it only asked questions
	d.proxy.Close()
}

func fill(ctx context.Context, e *engine, dir, name string, sessions int) (*database, error) {
	k, err := keptOf(dir, name, sessions)
	if err != nil {
		return nil, err
	}
	d := &database{name: name, kept: k, data: newData(k), proxy: e.proxy()}
	d.index, err = clickhouse.New(clickhouse.Config{
		Protocol: clickhouse.ProtocolHTTP, Addresses: []string{d.proxy.Listener.Addr().String()},
		Database: name, Username: e.address.User, Password: e.address.Password,
	}, clickhouse.Options{Now: d.data.now})
	if err != nil {
		d.proxy.Close()
		return nil, err
	}
	if err := d.fill(ctx, e); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *database) fill(ctx context.Context, e *engine) error {
	begin := time.Now()
	if err := d.index.Migrate(ctx); err != nil {
		return err
	}
	var missing []statement
	var tables []string
	for _, s := range statements {
		if (s.questions == nil || slices.ContainsFunc(s.questions, asked)) && !d.kept.has(s.table) {
			missing, tables = append(missing, s), append(tables, s.table)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	for from := 0; from < d.data.sessions; from += portion {
		count := min(portion, d.data.sessions-from)
		for _, s := range missing {
			if _, err := e.run(ctx, d.name, d.data.sql(s.sql, from, count)); err != nil {
				return err
			}
		}
	}
	rig.Say("%s: %s of %d sessions in %v", d.name, strings.Join(tables, ", "), d.data.sessions, time.Since(begin).Round(time.Second))
	return d.kept.add(tables...)
}
