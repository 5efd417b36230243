package clickhouse

import (
	"cmp"
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
	// firstSeen is the length of the first window of time in which sessions
	// that saw a text are looked for, when there are many. One in which more than maxPosted saw it is
	// cut down by seenFactor, until it is as short as shortestSeen; after one
	// with fewer the next is longer by seenFactor, and instead of one that is longer
	// than longestSeen all the time that is left is tried.
	firstSeen    = int64(20 * time.Minute / time.Millisecond)
	shortestSeen = int64(time.Second / time.Millisecond)
	longestSeen  = 60 * 24 * int64(time.Hour/time.Millisecond)
	seenFactor   = 8

	// maxProbed is how many sessions of all time are read that saw a text before
	// windows of time are looked through: each lies in a stretch of rows of its
	// own, which is read whole.
	maxProbed = 100

	// maxGoingOn bounds the sessions that are looked at because they began
	// before an instant and go on after it.
	maxGoingOn = 100_000
)

// bySeen finds the sessions that saw a text.
func (s *search) bySeen(ctx context.Context) ([]sessionRow, error) {
	saw, few, err := s.sawIn(ctx, 0, 0, maxProbed)
	if err != nil {
		return nil, err
	}
	if !few {
		return s.newestSeen(ctx)
	}
	all, _, err := s.startedSince(ctx, saw, math.MinInt64)
	if err != nil {
		return nil, err
	}
	return s.fill(ctx, nil, all)
}

// newestSeen goes back in time from the newest session. A session begins before
// it sees something: those that first saw the text in a window of time began in
// it, or wait for one of the next.
func (s *search) newestSeen(ctx context.Context) ([]sessionRow, error) {
	oldest := max(s.q.FromMs, 0)
	to, waiting, err := s.seenUntil(ctx)
	if err != nil {
		return nil, err
	}
	var rows []sessionRow
	for end, width := s.latest(), firstSeen; ; {
		from := max(end-width, oldest)
		if width > longestSeen {
			from = oldest
		}
		most := maxPosted
		if width <= shortestSeen {
			most = 0
		}
		saw, few, err := s.sawIn(ctx, from, to, most)
		if err != nil {
			return nil, err
		}
		if !few {
			width = min(max((end-from)/seenFactor, shortestSeen), longestSeen)
			continue
		}
		here, earlier, err := s.startedSince(ctx, append(waiting, saw...), from)
		if err != nil {
			return nil, err
		}
		if rows, err = s.fill(ctx, rows, here); err != nil || len(rows) > s.limit {
			return rows, err
		}
		if from <= oldest {
			break
		}
		waiting, end, to, width = earlier, from, from, width*seenFactor
	}
	if oldest == 0 {
		return rows, nil
	}
	goOn, err := s.collect(ctx, window{toMs: oldest, endsFromMs: oldest})
	return append(rows, goOn...), err
}

// seenUntil is the end of the time in which the text is looked for, 0 when it
// is now, and the sessions that can have seen it later still.
func (s *search) seenUntil(ctx context.Context) (int64, []recording.SessionID, error) {
	latest := s.latest()
	if latest >= s.x.now().UnixMilli() {
		return 0, nil, nil
	}
	found, err := s.candidates(ctx, window{toMs: latest + 1, endsFromMs: latest}, s.before, maxGoingOn)
	if err != nil {
		return 0, nil, err
	}
	goOn := make([]recording.SessionID, len(found))
	for i, c := range found {
		goOn[i] = recording.SessionID(c.SessionID)
	}
	return latest, goOn, nil
}

// sawIn returns the sessions of which a page first showed the text from one
// instant until another, 0 for now. There are not more than most, or it is not
// few; all when most is 0.
func (s *search) sawIn(ctx context.Context, fromMs, toMs int64, most int) (saw []recording.SessionID, few bool, err error) {
	found := where(s.q.Project)
	found.terms = append(found.terms, s.seen.condition())
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
	var rows []struct {
		SessionID string `ch:"session_id"`
	}
	if err := s.x.conn.Select(ctx, &rows, query, found.args...); err != nil {
		return nil, false, err
	}
	for _, r := range rows {
		saw = append(saw, recording.SessionID(r.SessionID))
	}
	return saw, most == 0 || len(saw) <= most, nil
}

// startedSince parts the sessions that fit the query into those that began
// since an instant, newest first, and earlier ones.
func (s *search) startedSince(ctx context.Context, sessions []recording.SessionID, fromMs int64) (since []candidate, earlier []recording.SessionID, err error) {
	all := *s
	all.seen = sought{} // the sessions are those that saw it, or current will look
	found := s.truth()
	s.after(found, s.before)
	for some := range slices.Chunk(sessions, sessionsPerQuery) {
		var rows []candidate
		if err := s.x.conn.Select(ctx, &rows, all.selectAmong("start_ts, session_id", list(some), found), found.args...); err != nil {
			return nil, nil, err
		}
		for _, r := range rows {
			if r.StartTs.UnixMilli() >= fromMs {
				since = append(since, r)
			} else {
				earlier = append(earlier, recording.SessionID(r.SessionID))
			}
		}
	}
	slices.SortFunc(since, func(a, b candidate) int {
		return cmp.Or(b.StartTs.Compare(a.StartTs), strings.Compare(b.SessionID, a.SessionID))
	})
	return slices.Compact(since), earlier, nil
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
