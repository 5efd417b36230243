package ingest

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/ingest/wire/playhead"
	"github.com/playhead/playhead/pkg/recording"
)

const (
	// rememberedSessions bounds the sessions that are remembered; one takes
	// about 60 bytes. What is forgotten is asked of the index.
	rememberedSessions = 1 << 17

	// beginning is how long after its first segment a session takes others
	// without token, unless one came with it: two tabs may open at once, and a
	// page that is left within a moment never hears the answer. Once the
	// browser has the token, all of its tabs have.
	beginning = time.Minute

	// askPatience bounds what the index adds to an answer. Who asked is told to
	// come back, and the question goes on.
	askPatience = 250 * time.Millisecond

	// askTimeout is when the index counts as away.
	askTimeout = 5 * time.Second

	// asksTogether is how many sessions one query asks for. There is one query
	// at a time: what comes meanwhile waits for the next, so that a thousand
	// token-less uploads cost the index as much as twenty.
	asksTogether = 64

	// asksWaiting bounds the questions that wait.
	asksWaiting = 1024

	// askPause is how long the index is not asked after it did not answer.
	askPause = 5 * time.Second

	// rememberedAnswers bounds the segments that the index had nothing against,
	// until they are sent again.
	rememberedAnswers = 1 << 12
)

// noAnswer is what an index says that is away.
const noAnswer = "no_answer"

var (
	errToken = errors.New("the session has begun and the upload does not carry its token")

	// errAsk says that only the index can tell whether the session has begun.
	errAsk = errors.New("ask the index for the session")

	errAway = errors.New("the index is away")

	errAsking = errors.New("it is being found out whether the session has begun")
)

// sessions decides which uploads may add to a session: those with its token,
// and the first ones, which get it. A stranger who knows a write key and the
// id of a session must not write into it.
//
// It refuses what it knows to be wrong and accepts what it cannot know: an
// index that is away must not keep segments out.
type sessions struct {
	tokens   *tokens
	index    index.Index
	isStored func(journal.Identity) bool // accepted lately
	away     func() bool                 // the index is known to be
	now      func() time.Time
	metrics  *metrics
	asks     sync.WaitGroup // questions under way

	mu       sync.Mutex
	began    *generations[int64]            // ms since the epoch, by session; 0: it has its token
	allowed  *generations[string]           // what the index said of segments that it has nothing against
	pending  map[journal.Identity]*question // by segment, without answer
	waiting  []*question                    // those that are in no query yet
	isAsking bool
	askAfter time.Time
}

func newSessions(t *tokens, idx index.Index, s *Server) *sessions {
	return &sessions{
		tokens: t, index: idx, isStored: s.ledger.has, now: s.now, metrics: s.metrics,
		away:  func() bool { return !s.pipeline.storeStates()["index"].OK },
		began: newGenerations[int64](rememberedSessions), allowed: newGenerations[string](rememberedAnswers),
		pending: map[journal.Identity]*question{},
	}
}

// entry is an upload that wants to become part of its session.
type entry struct {
	project *project
	id      recording.SegmentID
	token   string
	current bool // the token is the one that the session gets now
	guessed bool // the index did not answer
}

func newEntry(p *project, h *playhead.Header) entry {
	return entry{
		project: p, token: h.Token,
		id: recording.SegmentID{Project: p.id, Session: h.Session, Window: h.Window, Seq: h.Seq},
	}
}

// sessionOf stands for the session of a segment.
func sessionOf(id recording.SegmentID) journal.Identity {
	return journal.IdentityOf(recording.SegmentID{Project: id.Project, Session: id.Session})
}

// check returns nil when the upload may be accepted, errToken when it may not,
// and errAsk when ask has to find out. It waits for nothing.
func (s *sessions) check(e *entry) error {
	if !e.project.tokens {
		return nil
	}
	if e.token != "" {
		var valid bool
		if valid, e.current = s.tokens.check(e.token, e.id.Project, e.id.Session); !valid {
			return errToken
		}
		return nil
	}
	id := journal.IdentityOf(e.id)
	s.mu.Lock()
	began, known := s.began.get(sessionOf(e.id))
	answer, allowed := s.allowed.get(id)
	s.mu.Unlock()
	e.guessed = answer == noAnswer
	now := s.now()
	switch {
	case allowed, known && now.Sub(time.UnixMilli(began)) < beginning:
		return nil
	case s.isStored(id):
		return nil // the answer was lost
	case known:
		return errToken
	case isFresh(e.id.Session, now):
		return nil
	}
	return errAsk
}

// ask finds out what the index knows of the session. It returns nil when check
// can decide, and errAsking when the answer takes long.
func (s *sessions) ask(ctx context.Context, e *entry) error {
	q := s.question(e)
	if q == nil {
		return errAsking
	}
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	select {
	case <-q.answered:
		return nil
	case <-ctx.Done():
		return errAsking
	}
}

// question is whether the session of a segment has begun.
type question struct {
	id       recording.SegmentID
	answered chan struct{} // closed with the answer
}

// question asks the index about a segment, unless it is being asked already.
// It returns nil when too much is being asked.
func (s *sessions) question(e *entry) *question {
	id := journal.IdentityOf(e.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.pending[id]; q != nil {
		return q
	}
	if len(s.waiting) == asksWaiting {
		return nil
	}
	q := &question{id: e.id, answered: make(chan struct{})}
	s.pending[id] = q
	s.waiting = append(s.waiting, q)
	if !s.isAsking {
		s.isAsking = true
		s.asks.Go(s.askAll)
	}
	return q
}

// askAll answers questions until none waits.
func (s *sessions) askAll() {
	for {
		together := s.next()
		if together == nil {
			return
		}
		stored, err := s.lookUp(together)
		begun := map[recording.SessionID]bool{}
		for id := range stored {
			begun[id.Session] = true
		}
		s.mu.Lock()
		for _, q := range together {
			_, repeated := stored[q.id]
			switch {
			case err != nil:
				s.answer(q, noAnswer)
			case repeated:
				s.answer(q, "repeat")
			case begun[q.id.Session]:
				s.answer(q, "known")
			default:
				s.answer(q, "unknown")
			}
		}
		if err != nil && !s.now().Before(s.askAfter) {
			s.askAfter = s.now().Add(askPause)
		}
		s.mu.Unlock()
	}
}

// next takes questions about sessions of one project.
func (s *sessions) next() []*question {
	s.mu.Lock()
	defer s.mu.Unlock()
	var together, rest []*question
	for _, q := range s.waiting {
		if len(together) < asksTogether && q.id.Project == s.waiting[0].id.Project {
			together = append(together, q)
		} else {
			rest = append(rest, q)
		}
	}
	s.waiting = rest
	s.isAsking = together != nil
	return together
}

func (s *sessions) lookUp(together []*question) (map[recording.SegmentID]struct{}, error) {
	s.mu.Lock()
	pause := s.now().Before(s.askAfter)
	s.mu.Unlock()
	if pause || s.away() {
		return nil, errAway
	}
	from := make(map[recording.SessionID]uint32, len(together))
	for _, q := range together {
		from[q.id.Session] = 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	return s.index.Stored(ctx, together[0].id.Project, from)
}

// answer notes what the index says, a word of the metrics; s.mu is held.
func (s *sessions) answer(q *question, answer string) {
	s.metrics.sessionAsks.WithLabelValues(answer).Inc()
	if answer == "repeat" || answer == "known" {
		s.began.put(sessionOf(q.id), 0)
	}
	id := journal.IdentityOf(q.id)
	if answer != "known" {
		s.allowed.put(id, answer)
	}
	delete(s.pending, id)
	close(q.answered)
}

// accepted remembers the session of an upload that was accepted, and returns
// the token that the answer carries; empty when the sender has it.
func (s *sessions) accepted(e *entry) string {
	if !e.project.tokens {
		return ""
	}
	session := sessionOf(e.id)
	s.mu.Lock()
	began, known := s.began.get(session)
	switch {
	case e.token != "" && (!known || began != 0):
		s.began.put(session, 0)
	case !known && !e.guessed:
		s.began.put(session, s.now().UnixMilli())
	}
	s.mu.Unlock()
	if e.current {
		return ""
	}
	return s.tokens.of(e.id.Project, e.id.Session)
}

// isFresh says whether an id is a UUIDv7 (RFC 9562) of this moment. Such a
// session is beginning, whatever the index would say, so that the usual first
// segment asks nobody. An old session cannot be made to look fresh: its id is
// what it is.
func isFresh(id recording.SessionID, now time.Time) bool {
	text := string(id)
	if len(text) != 36 || text[14] != '7' || text[8] != '-' || text[13] != '-' {
		return false
	}
	var ms [6]byte
	if _, err := hex.Decode(ms[:], []byte(strings.ReplaceAll(text[:13], "-", ""))); err != nil {
		return false
	}
	made := int64(0)
	for _, b := range ms {
		made = made<<8 | int64(b)
	}
	return now.Sub(time.UnixMilli(made)).Abs() < beginning
}
