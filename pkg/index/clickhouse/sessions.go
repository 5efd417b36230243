package clickhouse

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

const (
	// recent is the time before the newest session in question that is looked
	// at first: what many sessions have is found there, and it says how much
	// more time is needed to find what fewer have.
	recent = 3 * time.Hour

	// someLately is how many sessions of the newest say that more will be found
	// among those before them sooner than by the URLs.
	someLately = 8

	// aDay of signals is read sooner than the sessions of one are looked up.
	aDay = 24 * time.Hour

	// widest is the longest time that is read as a whole.
	widest = 10 * 24 * time.Hour

	// maxTerms is how many URLs may hold a part that is looked for.
	maxTerms = 1000
)

// Sessions implements index.Index.
//
// It finds candidates, newest first, in sessions_by_start or through postings,
// and then reads the rows of those from sessions, which knows the truth.
func (x *Index) Sessions(ctx context.Context, q index.SessionQuery) (index.SessionPage, error) {
	s, err := newSearch(x, q)
	if err != nil {
		return index.SessionPage{}, err
	}
	rows, err := s.run(ctx)
	if err != nil {
		return index.SessionPage{}, failed("read sessions from index", err)
	}
	var page index.SessionPage
	if len(rows) > s.limit {
		rows = rows[:s.limit]
		page.Next = cursor{startMs: rows[s.limit-1].StartTs.UnixMilli(), session: rows[s.limit-1].SessionID}.String()
	}
	for _, r := range rows {
		page.Sessions = append(page.Sessions, r.session())
	}
	return page, nil
}

// search is one query for sessions.
type search struct {
	x      *Index
	q      index.SessionQuery
	limit  int
	before *cursor
	keys   []uint64 // those of the URLs that hold a part, once they are known and few
	seen   sought

	startsFromMs int64 // only sessions that begin since
}

func newSearch(x *Index, q index.SessionQuery) (*search, error) {
	if err := needProject(q.Project); err != nil {
		return nil, err
	}
	limit, err := limitOf(q.Limit, 50, 1000)
	if err != nil {
		return nil, err
	}
	s := &search{x: x, q: q, limit: limit}
	if q.Seen != "" {
		if s.seen, err = soughtIn(q.Seen); err != nil {
			return nil, err
		}
	}
	if q.Before != "" {
		c, err := parseCursor(q.Before)
		if err != nil {
			return nil, err
		}
		s.before = &c
	}
	if q.SessionID != "" || q.TraceID != "" {
		s.q.FromMs, s.q.ToMs = 0, 0
	}
	return s, nil
}

// run returns one row more than the limit when there is a next page.
func (s *search) run(ctx context.Context) ([]sessionRow, error) {
	switch {
	case s.q.SessionID != "":
		return s.rows(ctx, list([]recording.SessionID{s.q.SessionID}))
	case s.q.TraceID != "":
		return s.rows(ctx, fmt.Sprintf("SELECT session_id FROM postings WHERE project_id = {project:String} AND key = %d", kindTrace.key(s.q.TraceID)))
	case s.q.UserID != "":
		return s.byTerm(ctx, kindUser.key(s.q.UserID))
	case s.q.Seen != "":
		return s.bySeen(ctx)
	case s.q.Signal != "" && s.q.Signal != index.AnySignal:
		return s.bySignal(ctx)
	case s.q.URL != "" || s.q.Text != "":
		return s.byPart(ctx)
	}
	return s.byStart(ctx)
}

// byTerm finds the sessions that have a term.
func (s *search) byTerm(ctx context.Context, key uint64) ([]sessionRow, error) {
	all, few, err := s.posted(ctx, []uint64{key})
	switch {
	case err != nil:
		return nil, err
	case few:
		return s.newestPosted(ctx, all)
	}
	return s.byStart(ctx)
}

// bySignal finds the sessions that have a signal. Most signals many have, so
// that they are found among the newest: it looks there at the same time.
func (s *search) bySignal(ctx context.Context) ([]sessionRow, error) {
	var all []posting
	var few bool
	l, newest := listing{search: s}, s.newestWindow(recent)
	full, err := l.lookMeanwhile(ctx, newest, func(ctx context.Context) (err error) {
		all, few, err = s.posted(ctx, []uint64{kindSignal.key(s.q.Signal)})
		return err
	})
	switch {
	case err != nil || full:
		return l.rows, err
	case few && l.latest()-s.q.FromMs > aDay.Milliseconds():
		return s.newestPosted(ctx, all)
	}
	return l.older(ctx, newest)
}

// byPart finds the sessions with a part of a URL, or of a user id. It looks for
// them among the newest at the same time, and reads what few terms have without
// waiting for that.
func (s *search) byPart(ctx context.Context) ([]sessionRow, error) {
	var keys []uint64
	var all []posting
	var few, fewPosted bool
	l, newest := listing{search: s}, s.newestWindow(recent)
	full, err := l.lookMeanwhile(ctx, newest, func(ctx context.Context) (err error) {
		if keys, few, err = s.termsWith(ctx); err == nil && len(keys) <= firstKeys {
			all, fewPosted, err = s.posted(ctx, keys)
		}
		return err
	})
	if err != nil || full {
		return l.rows, err
	}
	if few && len(keys) > firstKeys && l.found() < someLately {
		if all, fewPosted, err = s.posted(ctx, keys); err != nil {
			return nil, err
		}
	}
	if fewPosted && l.found() < someLately {
		return s.newestPosted(ctx, all)
	}
	if few {
		s.keys = keys
	}
	return l.older(ctx, newest)
}

// termsWith returns the keys of the terms that hold the part, unless there are
// more than maxTerms.
func (s *search) termsWith(ctx context.Context) (keys []uint64, few bool, err error) {
	kinds, part := []string{string(kindURL)}, s.q.URL
	if part == "" {
		kinds, part = append(kinds, string(kindUser)), s.q.Text
	}
	having := where(s.q.Project)
	having.add("kind IN {kinds:Array(String)}", "kinds", kinds)
	having.add("term LIKE {part:String}", "part", "%"+patternQuoter.Replace(strings.ToLower(part))+"%")
	var rows []struct {
		Key uint64 `ch:"key"`
	}
	query := "SELECT DISTINCT key FROM terms WHERE " + having.String() + fmt.Sprintf(" LIMIT %d", maxTerms+1)
	if err := s.x.conn.Select(ctx, &rows, query, having.args...); err != nil {
		return nil, false, err
	}
	for _, r := range rows {
		keys = append(keys, r.Key)
	}
	return keys, len(keys) <= maxTerms, nil
}

// patternQuoter takes their meaning from the characters of LIKE.
var patternQuoter = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func numbers[N uint32 | uint64](keys []N) string {
	texts := make([]string, len(keys))
	for i, k := range keys {
		texts[i] = strconv.FormatUint(uint64(k), 10)
	}
	return strings.Join(texts, ",")
}

// low are the halves of keys that sessions_by_start has.
func low(keys []uint64) []uint32 {
	halves := make([]uint32, len(keys))
	for i, k := range keys {
		halves[i] = uint32(k)
	}
	return halves
}

// among finds sessions among some. Of many it looks at what they are filtered
// by first, and then reads the rows of those that it returns.
func (s *search) among(ctx context.Context, sessions []recording.SessionID) ([]sessionRow, error) {
	if len(sessions) == 0 {
		return nil, nil
	}
	if len(sessions) <= 2*(s.limit+1) {
		found := s.truth()
		s.after(found, s.before)
		rows, err := s.unordered(ctx, sessions, found)
		return newestOf(rows, s.limit+1), err
	}
	var found []candidate
	for some := range slices.Chunk(sessions, sessionsPerQuery) {
		var newest []candidate
		if err := s.newest(ctx, &newest, "start_ts, session_id", list(some)); err != nil {
			return nil, err
		}
		found = append(found, newest...)
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(b.StartTs.Compare(a.StartTs), strings.Compare(b.SessionID, a.SessionID))
	})
	found = slices.Compact(found)
	return s.current(ctx, found[:min(len(found), s.limit+1)])
}

// rows reads the sessions of a list or of a subquery.
func (s *search) rows(ctx context.Context, ids string) ([]sessionRow, error) {
	var rows []sessionRow
	err := s.newest(ctx, &rows, columnsOf[sessionRow](), ids)
	return rows, err
}

// unordered reads the rows of a few sessions that fulfil conditions. It leaves
// the order to the caller: a server that is asked for the newest reads what it
// sorts by first, and what else is in a row by a second look at each place.
func (s *search) unordered(ctx context.Context, sessions []recording.SessionID, found *conditions) (rows []sessionRow, err error) {
	err = s.x.conn.Select(ctx, &rows, s.selectAmong(columnsOf[sessionRow](), list(sessions), found), found.args...)
	return rows, err
}

// newest reads columns of the sessions with those ids that fit the query.
func (s *search) newest(ctx context.Context, into any, columns, ids string) error {
	found := s.truth()
	s.after(found, s.before)
	query := s.selectAmong(columns, ids, found) + fmt.Sprintf(" ORDER BY start_ts DESC, session_id DESC LIMIT %d", s.limit+1)
	return s.x.conn.Select(ctx, into, query, found.args...)
}

// selectAmong reads what is no more than the rows of those ids first.
func (s *search) selectAmong(columns, ids string, found *conditions) string {
	if len(s.seen.words) > 0 {
		ids = "SELECT session_id FROM texts WHERE project_id = {project:String} AND session_id GLOBAL IN (" + ids + ") AND " + s.seen.condition()
	}
	return "SELECT " + columns + " FROM sessions FINAL PREWHERE session_id GLOBAL IN (" + ids + ") WHERE " + found.String()
}

// truth are the conditions on sessions.
func (s *search) truth() *conditions {
	c := where(s.q.Project)
	c.between("end_ts", s.q.FromMs, "start_ts", s.q.ToMs)
	if s.q.URL != "" {
		c.add("arrayExists(url -> position(lowerUTF8(url), lowerUTF8({url:String})) > 0, urls)", "url", s.q.URL)
	}
	if s.q.Text != "" {
		c.add("(position(lowerUTF8(user_id), lowerUTF8({text:String})) > 0"+
			" OR arrayExists(url -> position(lowerUTF8(url), lowerUTF8({text:String})) > 0, urls))", "text", s.q.Text)
	}
	if s.q.Errors {
		c.terms = append(c.terms, "(errors > 0 OR failed_requests > 0)")
	}
	switch s.q.Signal {
	case "":
	case index.AnySignal:
		c.terms = append(c.terms, "notEmpty(signals)")
	default:
		c.add("mapContains(signals, {signal:String})", "signal", s.q.Signal)
	}
	if s.q.UserAgent != "" {
		c.add("position(lowerUTF8(user_agent), lowerUTF8({user_agent:String})) > 0", "user_agent", s.q.UserAgent)
	}
	if s.startsFromMs != 0 {
		c.add("start_ts >= fromUnixTimestamp64Milli({starts:Int64})", "starts", s.startsFromMs)
	}
	s.shared(c)
	return c
}

// hints are the conditions on sessions_by_start: what fulfils truth fulfils
// them in the row of its last version.
func (s *search) hints() *conditions {
	c := &conditions{} // what is quickly read comes first
	if s.q.Errors {
		c.terms = append(c.terms, "has_errors")
	}
	switch s.q.Signal {
	case "":
	case index.AnySignal:
		c.terms = append(c.terms, "notEmpty(signals)")
	default:
		c.add("has(signals, {signal:String})", "signal", s.q.Signal)
	}
	s.shared(c)
	if s.q.UserAgent != "" {
		c.add("position(user_agent, lowerUTF8({user_agent:String})) > 0", "user_agent", s.q.UserAgent)
	}
	switch {
	case s.keys != nil && s.q.URL != "":
		c.terms = append(c.terms, "hasAny(url_keys, ["+numbers(low(s.keys))+"])")
	case s.q.URL != "":
		c.add("position(urls, lowerUTF8({url:String})) > 0", "url", s.q.URL)
	}
	if s.q.Text != "" {
		c.add("(position(lowerUTF8(user_id), lowerUTF8({text:String})) > 0 OR position(urls, lowerUTF8({text:String})) > 0)", "text", s.q.Text)
	}
	return c
}

// shared adds the conditions that are the same on both tables.
func (s *search) shared(c *conditions) {
	const duration = "toUnixTimestamp64Milli(end_ts) - toUnixTimestamp64Milli(start_ts)"
	if s.q.UserID != "" {
		c.add("user_id = {user:String}", "user", s.q.UserID)
	}
	if s.q.MinDurationMs != 0 {
		c.add(duration+" >= {min_duration:Int64}", "min_duration", s.q.MinDurationMs)
	}
	if s.q.MaxDurationMs != 0 {
		c.add(duration+" <= {max_duration:Int64}", "max_duration", s.q.MaxDurationMs)
	}
	traits{release: s.q.Release, environment: s.q.Environment, browser: s.q.Browser, country: s.q.Country}.add(c)
}

// after adds that a session comes after another one in the list.
func (s *search) after(c *conditions, last *cursor) {
	if last == nil {
		return
	}
	c.add("start_ts <= fromUnixTimestamp64Milli({before_start:Int64})", "before_start", last.startMs)
	c.add("(start_ts, session_id) < (fromUnixTimestamp64Milli({before_start:Int64}), {before_session:String})",
		"before_session", last.session)
}

// window is a range of starts. With endsFromMs it is of sessions that go on
// until then; one of which little is expected is read as a whole.
type window struct {
	fromMs, toMs, endsFromMs int64
	whole                    bool
}

// byStart goes back in time from the newest session.
func (s *search) byStart(ctx context.Context) ([]sessionRow, error) {
	l, newest := listing{search: s}, s.newestWindow(recent)
	if full, err := l.look(ctx, newest); err != nil || full {
		return l.rows, err
	}
	return l.older(ctx, newest)
}

// newestWindow is the end of the query's time range, of a length.
func (s *search) newestWindow(length time.Duration) window {
	return window{fromMs: max(s.latest()-length.Milliseconds(), s.q.FromMs), toMs: s.q.ToMs}
}

// latest is the last start of a session that can be found.
func (s *search) latest() int64 {
	latest := s.x.now().UnixMilli()
	if s.q.ToMs != 0 {
		latest = min(latest, s.q.ToMs)
	}
	if s.before != nil {
		latest = min(latest, s.before.startMs)
	}
	return latest
}

// candidate is a row of sessions_by_start, which may be out of date.
type candidate struct {
	StartTs   time.Time `ch:"start_ts"`
	SessionID string    `ch:"session_id"`
}

// candidateColumns are all columns of sessions_by_start that are read.
const candidateColumns = "start_ts, session_id, end_ts, user_id, urls, url_keys, has_errors, signals, release, environment, user_agent, country"

func (s *search) candidates(ctx context.Context, w window, last *cursor, limit int) ([]candidate, error) {
	inside := where(s.q.Project)
	if w.fromMs > 0 {
		inside.add("start_ts >= fromUnixTimestamp64Milli({from:Int64})", "from", w.fromMs)
	}
	if w.toMs != 0 {
		inside.add("start_ts < fromUnixTimestamp64Milli({to:Int64})", "to", w.toMs)
	}
	s.after(inside, last)
	hints := s.hints()
	if w.endsFromMs != 0 {
		hints.add("end_ts >= fromUnixTimestamp64Milli({ends:Int64})", "ends", w.endsFromMs)
	}
	query := "SELECT start_ts, session_id FROM sessions_by_start"
	if len(hints.terms) > 0 {
		// Left to itself, the server reads all these columns in full and asks
		// of each row first whether it is among the newest.
		query += " PREWHERE " + hints.String()
	}
	query += " WHERE " + inside.String() + fmt.Sprintf(" ORDER BY start_ts DESC, session_id DESC LIMIT %d", limit)
	if w.whole { // by all threads, in large blocks
		query += " SETTINGS optimize_read_in_order = 0"
	}
	var found []candidate
	err := s.x.conn.Select(ctx, &found, query, append(inside.args, hints.args...)...)
	return found, err
}

// current returns the sessions of candidates that are what their last version
// says, in the same order.
func (s *search) current(ctx context.Context, candidates []candidate) ([]sessionRow, error) {
	ids := make([]recording.SessionID, len(candidates))
	for i, c := range candidates {
		ids[i] = recording.SessionID(c.SessionID)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	all, err := s.unordered(ctx, ids, s.truth())
	if err != nil {
		return nil, err
	}
	byID := make(map[string]sessionRow, len(all))
	for _, r := range all {
		byID[r.SessionID] = r
	}
	var rows []sessionRow
	for _, c := range candidates {
		if r, found := byID[c.SessionID]; found && r.StartTs.Equal(c.StartTs) {
			rows = append(rows, r)
		}
	}
	return rows, nil
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
