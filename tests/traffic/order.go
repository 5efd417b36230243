package traffic

import "math/rand/v2"

// Interleave returns all uploads of the sessions in an order that random
// chooses: those of one session stay in theirs, as the recorder sends one
// segment at a time.
func Interleave(random *rand.Rand, sessions []*Session) []*Upload {
	var turns []*Session
	for _, s := range sessions {
		for range s.Len() {
			turns = append(turns, s)
		}
	}
	random.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	next := map[*Session]int{}
	uploads := make([]*Upload, len(turns))
	for i, s := range turns {
		uploads[i] = s.Upload(next[s])
		next[s]++
	}
	return uploads
}

// Lane is an endless sequence of uploads of several sessions at a time; one
// that ends is followed by a new one. A connection that sends one lane has
// the answer to a segment before it sends the session's next. It is for one
// goroutine.
type Lane struct {
	recordings []*Recording
	deck       []*Recording
	random     *rand.Rand
	options    func(*Recording) SessionOptions
	open       []running
}

type running struct {
	session *Session
	next    int
}

// NewLane makes a lane of `concurrent` sessions. Each recording is dealt once
// before any is dealt again. options is asked for every session; nil means
// the defaults.
func NewLane(recordings []*Recording, seed uint64, concurrent int, options func(*Recording) SessionOptions) *Lane {
	if options == nil {
		options = func(*Recording) SessionOptions { return SessionOptions{} }
	}
	l := &Lane{recordings: recordings, random: rand.New(rand.NewPCG(seed, seed)), options: options}
	for range concurrent {
		l.open = append(l.open, running{session: l.deal()})
	}
	return l
}

// Next is the next upload.
func (l *Lane) Next() *Upload {
	r := &l.open[l.random.IntN(len(l.open))]
	if r.next == r.session.Len() {
		*r = running{session: l.deal()}
	}
	u := r.session.Upload(r.next)
	r.next++
	return u
}

func (l *Lane) deal() *Session {
	if len(l.deck) == 0 {
		l.deck = append(l.deck, l.recordings...)
		l.random.Shuffle(len(l.deck), func(i, j int) { l.deck[i], l.deck[j] = l.deck[j], l.deck[i] })
	}
	last := len(l.deck) - 1
	r := l.deck[last]
	l.deck = l.deck[:last]
	return NewSession(r, l.random, l.options(r))
}
