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

	// askTimeout bounds what the index adds to an answer.
	askTimeout = 250 * time.Millisecond

	// asksAtOnce bounds what token-less uploads cost the index.
	asksAtOnce = 16

	// askPause is how long the index is not asked after it did not answer.
	askPause = 5 * time.Second
)

var (
	errToken = errors.New("the session has begun and the upload does not carry its token")

	// errAsk says that only the index can tell whether the session has begun.
	errAsk = errors.New("ask the index for the session")
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
	asking   chan struct{} // a slot per question

	mu       sync.Mutex
	began    *generations[int64] // ms since the epoch, by session; 0: it has its token
	askAfter time.Time
}

func newSessions(t *tokens, idx index.Index, s *Server) *sessions {
	return &sessions{
		tokens: t, index: idx, isStored: s.ledger.has, now: s.now, metrics: s.metrics,
		away:   func() bool { return !s.pipeline.storeStates()["index"].OK },
		asking: make(chan struct{}, asksAtOnce),
		began:  newGenerations[int64](rememberedSessions),
	}
}

// entry is an upload that wants to become part of its session.
type entry struct {
	project *project
	id      recording.SegmentID
	token   string
	asked   bool // the index does not know the session, or nobody could be asked
	current bool // the token is the one that the session gets now
}

func newEntry(p *project, h *playhead.Header) entry {
	return entry{
		project: p, token: h.Token,
		id: recording.SegmentID{Project: p.id, Session: h.Session, Window: h.Window, Seq: h.Seq},
	}
}

func (e *entry) session() journal.Identity {
	return journal.IdentityOf(recording.SegmentID{Project: e.id.Project, Session: e.id.Session})
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
	s.mu.Lock()
	began, known := s.began.get(e.session())
	s.mu.Unlock()
	now := s.now()
	switch {
	case known && now.Sub(time.UnixMilli(began)) < beginning:
		return nil
	case s.isStored(journal.IdentityOf(e.id)):
		return nil // the answer was lost
	case e.asked:
		return nil
	case known:
		return errToken
	case isFresh(e.id.Session, now):
		return nil
	}
	return errAsk
}

// ask finds out what the index knows of the session. It returns nil when check
// can decide, and errToken.
func (s *sessions) ask(ctx context.Context, e *entry) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stored, err := s.stored(ctx, e.id)
	_, repeated := stored[e.id]
	switch {
	case err != nil:
		s.metrics.sessionAsks.WithLabelValues("no_answer").Inc()
	case len(stored) == 0:
		s.metrics.sessionAsks.WithLabelValues("unknown").Inc()
	case repeated:
		s.metrics.sessionAsks.WithLabelValues("repeat").Inc()
		s.remember(e.session(), 0)
	default:
		s.metrics.sessionAsks.WithLabelValues("known").Inc()
		s.remember(e.session(), 0)
		return errToken
	}
	e.asked = true
	return nil
}

var errIndexAway = errors.New("the index is away")

func (s *sessions) stored(ctx context.Context, id recording.SegmentID) (map[recording.SegmentID]struct{}, error) {
	s.mu.Lock()
	pause := s.now().Before(s.askAfter)
	s.mu.Unlock()
	if pause || s.away() {
		return nil, errIndexAway
	}
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	stored, err := s.index.Stored(ctx, id.Project, []recording.SessionID{id.Session})
	if err != nil {
		s.mu.Lock()
		s.askAfter = s.now().Add(askPause)
		s.mu.Unlock()
	}
	return stored, err
}

// accepted remembers the session of an upload that was accepted, and returns
// the token that the answer carries; empty when the sender has it.
func (s *sessions) accepted(e *entry) string {
	if !e.project.tokens {
		return ""
	}
	session := e.session()
	s.mu.Lock()
	began, known := s.began.get(session)
	switch {
	case e.token != "" && (!known || began != 0):
		s.began.put(session, 0)
	case !known:
		s.began.put(session, s.now().UnixMilli())
	}
	s.mu.Unlock()
	if e.current {
		return ""
	}
	return s.tokens.of(e.id.Project, e.id.Session)
}

func (s *sessions) remember(session journal.Identity, began int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began.put(session, began)
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
