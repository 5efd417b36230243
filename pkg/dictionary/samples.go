package dictionary

import (
	"slices"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

const (
	// sampleSessions is how many sessions of a site are held.
	sampleSessions = 12

	// sampleRawBytes is how much of a session is held: its first segments,
	// which have the full snapshot. On recordings of three sites 256 KiB gave
	// a ratio 4 to 40 % worse, 1 MiB none better than 5 %.
	sampleRawBytes = 512 << 10

	// sampleEvery is how often a site that has its samples takes another
	// session in place of an old one.
	sampleEvery = time.Minute

	// maxLinks bounds the sessions whose predecessors a site remembers. A
	// session follows another after half an hour of rest; a site with so many
	// in an hour holds none of them that long.
	maxLinks = 1024

	// maxNames bounds the user ids and the addresses that a session may have
	// before it is nobody's.
	maxNames = 8
)

// samples are sessions of one site, each of another person where possible.
type samples struct {
	sessions []*sampled // oldest first
	bytes    int        // held, compressed
	admitted time.Time  // the newest session
	fresh    int        // raw bytes kept since the last training
	previous map[recording.SessionID]recording.SessionID
	order    []recording.SessionID // of previous, oldest first
}

// sampled is what is held of a session.
type sampled struct {
	id        recording.SessionID
	users     []string
	addresses []uint64
	anybody   bool // it cannot be said whose it is
	frames    [][]byte
	rawBytes  int // kept or about to be
	bytes     int // of the frames
}

// reserve decides how many bytes of a segment are to be kept, of which session.
func (s *samples) reserve(o *Sample, now time.Time, in *intake) (*sampled, int) {
	s.link(o.Session, o.Person.Previous)
	session := s.find(o.Session)
	if session == nil {
		full := len(s.sessions) == sampleSessions
		if full && now.Sub(s.admitted) < sampleEvery || !in.room(now) {
			return nil, 0
		}
		session = &sampled{id: o.Session}
		session.meet(o.Person)
		s.admit(session, full)
		s.admitted = now
	} else {
		session.meet(o.Person)
	}
	n := min(sampleRawBytes-session.rawBytes, len(o.NDJSON))
	if n == 0 || !in.room(now) {
		return nil, 0
	}
	in.spent += n
	session.rawBytes += n
	return session, n
}

// keep adds a frame of n raw bytes to a session that is still held.
func (s *samples) keep(session *sampled, frame []byte, n int) {
	if !slices.Contains(s.sessions, session) {
		return
	}
	session.frames = append(session.frames, frame)
	session.bytes += len(frame)
	s.bytes += len(frame)
	s.fresh += n
}

func (s *samples) find(id recording.SessionID) *sampled {
	for _, session := range s.sessions {
		if session.id == id {
			return session
		}
	}
	return nil
}

// admit takes a session in, when there is no room in place of an older one of
// the same person, or else of the oldest.
func (s *samples) admit(session *sampled, full bool) {
	if full {
		i := max(0, slices.IndexFunc(s.sessions, func(o *sampled) bool { return !s.different(o, session) }))
		s.bytes -= s.sessions[i].bytes
		s.sessions = slices.Delete(s.sessions, i, i+1)
	}
	s.sessions = append(s.sessions, session)
}

// link remembers that one session followed another in the same browser.
func (s *samples) link(id, previous recording.SessionID) {
	if previous == "" || s.previous[id] != "" || s.root(previous) == id {
		return // known, or a circle
	}
	if s.previous == nil {
		s.previous = map[recording.SessionID]recording.SessionID{}
	}
	if len(s.order) == maxLinks {
		delete(s.previous, s.order[0])
		s.order = slices.Delete(s.order, 0, 1)
	}
	s.previous[id] = previous
	s.order = append(s.order, id)
}

// root returns the first session known of those that a session followed.
func (s *samples) root(id recording.SessionID) recording.SessionID {
	for {
		previous, ok := s.previous[id]
		if !ok {
			return id
		}
		id = previous
	}
}

// different reports whether two sessions are of different people. When in doubt
// they are not.
func (s *samples) different(a, b *sampled) bool {
	if a.anybody || b.anybody || s.root(a.id) == s.root(b.id) {
		return false
	}
	if len(a.users) > 0 && len(b.users) > 0 {
		return disjoint(a.users, b.users)
	}
	return len(a.addresses) > 0 && len(b.addresses) > 0 && disjoint(a.addresses, b.addresses)
}

func disjoint[T comparable](a, b []T) bool {
	return !slices.ContainsFunc(a, func(v T) bool { return slices.Contains(b, v) })
}

// crowd says which of the sessions are of different people.
func (s *samples) crowd() crowd {
	c := make(crowd, len(s.sessions))
	for i, a := range s.sessions {
		for j, b := range s.sessions {
			if i != j && s.different(a, b) {
				c[i] = c[i].with(j)
			}
		}
	}
	return c
}

// meet learns of the person that sent a segment of the session.
func (s *sampled) meet(p Person) {
	if p.UserID != "" && !slices.Contains(s.users, p.UserID) {
		s.users = append(s.users, p.UserID)
	}
	if p.AddressHash != 0 && !slices.Contains(s.addresses, p.AddressHash) {
		s.addresses = append(s.addresses, p.AddressHash)
	}
	if len(s.users) > maxNames || len(s.addresses) > maxNames {
		s.anybody, s.users, s.addresses = true, nil, nil
	}
}

const (
	// intakeRate is how many raw bytes a second are sampled in the long run;
	// at 400 MB/s, half a percent of a core.
	intakeRate = 2 << 20

	// intakeBurst fills the samples of a dozen new sites at once.
	intakeBurst = 64 << 20
)

// intake bounds what sampling costs when sites or sessions come in floods. Its
// zero value is full.
type intake struct {
	spent int // of intakeBurst
	since time.Time
}

// room reports whether anything may be taken now.
func (i *intake) room(now time.Time) bool {
	if elapsed := now.Sub(i.since); elapsed > 0 {
		i.spent -= int(min(elapsed.Seconds(), intakeBurst/intakeRate) * intakeRate)
		i.spent = max(i.spent, 0)
		i.since = now
	}
	return i.spent < intakeBurst
}
