package clickhouse

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// sought is text that was seen as it is looked for.
type sought struct {
	words   []string
	phrases []string // lower case, their words one space apart
}

// soughtIn reads what index.SessionQuery.Seen says.
func soughtIn(text string) (sought, error) {
	words, err := wordsOf(text)
	if err != nil {
		return sought{}, err
	}
	s := sought{words: words}
	parts := strings.Split(text, `"`)
	for i := 1; i+1 < len(parts); i += 2 { // the last one is not closed
		phrase := strings.Join(strings.Fields(strings.ToLower(parts[i])), " ")
		if phrase != "" && !slices.Contains(words, phrase) { // one word is looked for already
			s.phrases = append(s.phrases, phrase)
		}
	}
	return s, nil
}

// condition is that a text holds all of it. The index of texts finds the words,
// and of what it finds the text is read. They are written into the statement as
// ids are, see list.
func (s sought) condition() string {
	terms := []string{"hasAllTokens(lowerUTF8(text), [" + list(s.words) + "])"}
	for _, phrase := range s.phrases {
		terms = append(terms, "position(lowerUTF8(text), '"+quoter.Replace(phrase)+"') > 0")
	}
	return strings.Join(terms, " AND ")
}

// maxWords bounds the words of a text that is looked for.
const maxWords = 32

// wordsOf are the words of a text as the index of texts cuts them: what lies
// between characters of ASCII that are no letters and no digits.
func wordsOf(text string) ([]string, error) {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return r < 0x80 && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	if len(words) == 0 || len(words) > maxWords {
		return nil, fmt.Errorf("%w: text that was seen is found by 1 to %d words", index.ErrQuery, maxWords)
	}
	return words, nil
}

const (
	// A window of time in which more than maxPosted sessions first saw the text
	// is cut down by seenFactor, at least to mayBeMany, until it is as short as
	// shortestSeen; after one with fewer the next is as long, those that follow are
	// each longer by seenFactor, and instead of one that is much longer than
	// longestSeen all the time that is left is tried.
	mayBeMany    = int64(20 * time.Minute / time.Millisecond)
	shortestSeen = int64(time.Second / time.Millisecond)
	longestSeen  = 60 * 24 * int64(time.Hour/time.Millisecond)
	seenFactor   = 8

	// maxGoingOn bounds the sessions that are looked at because they began
	// before an instant and go on after it.
	maxGoingOn = 100_000

	// seenSettings are for reading texts: an index is asked once for all of a part,
	// not in each granule again, and rows in order are read no further than needed.
	seenSettings = " SETTINGS use_skip_indexes_on_data_read = 0, read_in_order_use_buffering = 0"
)

// seenSearch looks for sessions that saw a text. In its search the text is not
// asked for again: the sessions come from texts.
type seenSearch struct {
	search
	text sought
}

// bySeen finds the sessions that saw a text.
func (s *search) bySeen(ctx context.Context) ([]sessionRow, error) {
	b := seenSearch{search: *s, text: s.seen}
	b.seen = sought{}
	var last lately
	var err error
	phrase := len(b.text.phrases) > 0
	if !phrase {
		if last, err = b.sawLast(ctx); err != nil {
			return nil, err
		}
	}
	if !last.enough {
		all, few, err := b.sawIn(ctx, 0, 0, 2*(b.limit+1))
		if err != nil {
			return nil, err
		}
		if few {
			return b.among(ctx, all)
		}
	}
	if phrase { // not before: one that nobody saw is looked for in all that has its words
		if last, err = b.sawLast(ctx); err != nil {
			return nil, err
		}
	}
	return b.newestSeen(ctx, last)
}

// newestSeen goes back in time from the newest session. A session begins before
// it sees something: those that first saw the text in a window of time began in
// it, or wait for one of the next.
func (b *seenSearch) newestSeen(ctx context.Context, last lately) ([]sessionRow, error) {
	oldest := max(b.q.FromMs, 0)
	to, waiting, err := b.seenUntil(ctx)
	if err != nil {
		return nil, err
	}
	var rows []sessionRow
	for end, from, span := b.latest(), last.fromMs, last.spanMs; ; {
		if from = max(from, oldest); span > longestSeen {
			from = oldest
		}
		most := maxPosted
		if end-from <= shortestSeen {
			most = 0
		}
		saw, few, err := b.sawIn(ctx, from, to, most)
		if err != nil {
			return nil, err
		}
		if !few {
			span = max(min((end-from)/seenFactor, mayBeMany), shortestSeen)
			from = end - span
			continue
		}
		waiting = append(waiting, saw...)
		here, err := b.startedSince(ctx, waiting, from)
		if err != nil {
			return nil, err
		}
		if rows = append(rows, here...); len(rows) > b.limit {
			return rows[:b.limit+1], nil
		}
		if from <= oldest {
			break
		}
		waiting, end, to = without(waiting, here), from, from
		from, span = from-span, span*seenFactor
	}
	if oldest == 0 {
		return rows, nil
	}
	goOn, err := b.goingOn(ctx, window{toMs: oldest, endsFromMs: oldest})
	if err != nil {
		return nil, err
	}
	return b.fill(ctx, rows, goOn)
}

// seenUntil is the end of the time in which the text is looked for, 0 when it
// is now, and the sessions that saw it and can have done so later still.
func (b *seenSearch) seenUntil(ctx context.Context) (int64, []recording.SessionID, error) {
	latest := b.latest()
	if latest >= b.x.now().UnixMilli() {
		return 0, nil, nil
	}
	goOn, err := b.goingOn(ctx, window{toMs: latest + 1, endsFromMs: latest})
	return latest, idsOf(goOn), err
}

// goingOn returns the sessions of a window that saw the text, newest first.
func (b *seenSearch) goingOn(ctx context.Context, w window) ([]candidate, error) {
	candidates, err := b.candidates(ctx, w, b.before, maxGoingOn)
	if err != nil {
		return nil, err
	}
	saw := make(map[string]bool)
	for some := range slices.Chunk(idsOf(candidates), sessionsPerQuery) {
		found := where(b.q.Project)
		found.terms = append(found.terms, "session_id IN ("+list(some)+")", b.text.condition())
		rows, err := b.sightings(ctx, "SELECT DISTINCT session_id FROM texts WHERE "+found.String()+seenSettings, found)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			saw[r.SessionID] = true
		}
	}
	return slices.DeleteFunc(candidates, func(c candidate) bool { return !saw[c.SessionID] }), nil
}

func idsOf(candidates []candidate) []recording.SessionID {
	ids := make([]recording.SessionID, len(candidates))
	for i, c := range candidates {
		ids[i] = recording.SessionID(c.SessionID)
	}
	return ids
}

// sighting says that a session saw the text.
type sighting struct {
	SessionID string    `ch:"session_id"`
	FirstTs   time.Time `ch:"first_ts"`
}

func (b *seenSearch) sightings(ctx context.Context, query string, found *conditions) (rows []sighting, err error) {
	err = b.x.conn.Select(ctx, &rows, query, found.args...)
	return rows, err
}

// lately is when sessions saw the text last, as far as ids tell: the time since
// when enough did, and how long that took them.
type lately struct {
	fromMs, spanMs int64
	enough         bool // or there are fewer, or they have other ids
}

// sawLast reads the last texts of sessions, in the order of their ids: some more
// than sessions are asked for. Recorders' ids begin with the time (UUIDv7), so
// that these rows are of the newest sessions and lie together. With other ids,
// or clocks that are wrong, they are any, and so they say no more than where to
// begin.
func (b *seenSearch) sawLast(ctx context.Context) (lately, error) {
	latest := b.latest()
	found := where(b.q.Project)
	found.terms = append(found.terms, b.text.condition(), "session_id < '"+idSince(latest+1)+"'")
	most := (b.limit + 1) * 5 / 4
	query := "SELECT session_id, first_ts FROM texts WHERE " + found.String() + fmt.Sprintf(" ORDER BY session_id DESC LIMIT %d", most) + seenSettings
	rows, err := b.sightings(ctx, query, found)
	if err != nil {
		return lately{}, err
	}
	if len(rows) < most {
		return lately{fromMs: latest - mayBeMany, spanMs: mayBeMany}, nil
	}
	first, last := int64(math.MaxInt64), int64(0)
	for _, r := range rows {
		first, last = min(first, r.FirstTs.UnixMilli()), max(last, r.FirstTs.UnixMilli())
	}
	// Some began before the first was seen.
	span := max(last-first, shortestSeen)
	return lately{fromMs: min(first, latest) - span/4, spanMs: span, enough: true}, nil
}

// idSince is the begin of the UUIDv7s of a time in ms.
func idSince(ms int64) string { return fmt.Sprintf("%08x-%04x", ms>>16, ms&0xffff) }

// sawIn returns the sessions of which a page first showed the text from one
// instant until another, 0 for now. There are not more than most, or it is not
// few; all when most is 0.
func (b *seenSearch) sawIn(ctx context.Context, fromMs, toMs int64, most int) (saw []recording.SessionID, few bool, err error) {
	found := where(b.q.Project)
	found.terms = append(found.terms, b.text.condition())
	if fromMs > 0 {
		found.add("first_ts >= fromUnixTimestamp64Milli({from:Int64})", "from", fromMs)
	}
	if toMs > 0 {
		found.add("first_ts < fromUnixTimestamp64Milli({to:Int64})", "to", toMs)
	}
	query := "SELECT DISTINCT session_id FROM texts WHERE " + found.String()
	if most > 0 {
		query += fmt.Sprintf(" LIMIT %d", most+1)
	}
	rows, err := b.sightings(ctx, query+seenSettings, found)
	if err != nil {
		return nil, false, err
	}
	for _, r := range rows {
		saw = append(saw, recording.SessionID(r.SessionID))
	}
	return saw, most == 0 || len(saw) <= most, nil
}

// startedSince returns those of sessions that fit the query and began since an
// instant, newest first, one more than the limit if there are so many.
func (b *seenSearch) startedSince(ctx context.Context, sessions []recording.SessionID, fromMs int64) ([]sessionRow, error) {
	since := b.search
	since.startsFromMs = fromMs
	return since.among(ctx, sessions)
}

// without returns sessions without those of rows.
func without(sessions []recording.SessionID, rows []sessionRow) []recording.SessionID {
	listed := make(map[string]bool, len(rows))
	for _, r := range rows {
		listed[r.SessionID] = true
	}
	return slices.DeleteFunc(sessions, func(s recording.SessionID) bool { return listed[string(s)] })
}

// fill adds the rows of candidates, until there is one more than the limit.
func (s *search) fill(ctx context.Context, rows []sessionRow, candidates []candidate) ([]sessionRow, error) {
	for len(candidates) > 0 && len(rows) <= s.limit {
		some := candidates[:min(len(candidates), s.limit+1-len(rows))]
		current, err := s.current(ctx, some)
		if err != nil {
			return nil, err
		}
		rows, candidates = append(rows, current...), candidates[len(some):]
	}
	return rows, nil
}
