package traffic

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/playhead/playhead/pkg/recording"
)

// Session is a recording sent as if somebody new did the same once more.
type Session struct {
	ID        recording.SessionID
	Previous  recording.SessionID // empty: none
	Window    recording.WindowID
	User      string // empty: unknown
	Site      string // host of its pages
	Recording *Recording

	unique int
	random *rand.Rand
	pages  []recording.PageID
}

// SessionOptions change what NewSession makes by default.
type SessionOptions struct {
	// User replaces the user id, which is new by default.
	User string
	// Site replaces the recording's.
	Site string
	// Began is the time that the ids say, as those of a browser do; zero: one
	// long ago, of the random source. The server asks the index whether it knows a
	// session of which the id is old, and not one that begins now.
	Began time.Time
	// Unique is the length of a text that each segment has for itself, in an
	// event of its own; 0: no such event, and the events of two sessions of one
	// recording are the same.
	Unique int
}

// NewSession makes a session of a recording. Ids come from random, so that a
// seed gives the same ones again.
func NewSession(r *Recording, random *rand.Rand, o SessionOptions) *Session {
	s := &Session{
		ID:        recording.SessionID(newID(random, o.Began)),
		Window:    recording.WindowID(newID(random, o.Began)),
		User:      o.User,
		Site:      o.Site,
		Recording: r,
		unique:    o.Unique,
		random:    random,
	}
	if s.User == "" {
		s.User = fmt.Sprintf("user-%016x", random.Uint64())
	}
	if s.Site == "" {
		s.Site = r.Site
	}
	for range r.Segments[len(r.Segments)-1].Page + 1 {
		s.pages = append(s.pages, recording.PageID(newID(random, o.Began)))
	}
	return s
}

// idEpochMs stands for the time in ids, which would not be repeatable.
const idEpochMs = 1_760_000_000_000

// newID is a UUIDv7 of a time, as the recorder makes them.
func newID(random *rand.Rand, at time.Time) string {
	var id uuid.UUID
	ms := uint64(idEpochMs) + random.Uint64N(1<<32)
	if !at.IsZero() {
		ms = uint64(at.UnixMilli())
	}
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	for i := 6; i < 16; i++ {
		id[i] = byte(random.Uint32())
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// Len is the number of uploads of the session.
func (s *Session) Len() int { return len(s.Recording.Segments) }

// Upload makes the i-th upload of the session, with i as its seq.
func (s *Session) Upload(i int) *Upload {
	segment := &s.Recording.Segments[i]
	u := &Upload{Session: s, Seq: uint32(i), Page: s.pages[segment.Page], segment: segment}
	if s.unique > 0 {
		u.extra = s.uniqueEvent(segment)
	}
	return u
}

func (s *Session) uniqueEvent(segment *Segment) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	text := make([]byte, s.unique)
	for i := range text {
		text[i] = alphabet[s.random.Uint32()&31]
	}
	return fmt.Appendf(nil, `{"type":5,"timestamp":%d,"data":{"tag":"traffic.unique","payload":{"text":"%s"}}}`+"\n", s.Recording.Start.Add(segment.At).UnixMilli(), text)
}

// Upload is one request to POST /v1/segments.
type Upload struct {
	Session *Session
	Seq     uint32
	Page    recording.PageID

	segment *Segment
	extra   []byte // a line that only this upload has
}

// ID says which segment this is.
func (u *Upload) ID() SegmentID {
	return SegmentID{Session: u.Session.ID, Window: u.Session.Window, Seq: u.Seq}
}

// Last says that no other upload of the session follows.
func (u *Upload) Last() bool { return int(u.Seq) == u.Session.Len()-1 }

// At is when the recorder would have sent it, from the session's start.
func (u *Upload) At() time.Duration { return u.segment.At }

// RawBytes is the size of the events, uncompressed.
func (u *Upload) RawBytes() int { return len(u.segment.NDJSON) + len(u.extra) }

// Events is the number of events.
func (u *Upload) Events() int {
	if u.extra != nil {
		return u.segment.Events + 1
	}
	return u.segment.Events
}

// NDJSON is the events as they are sent, and stored unless scrubbing finds a
// secret in them. It must not be changed.
func (u *Upload) NDJSON() []byte {
	if u.extra == nil {
		return u.segment.NDJSON
	}
	return append(append(make([]byte, 0, u.RawBytes()), u.segment.NDJSON...), u.extra...)
}

// Sum is the SHA-256 of NDJSON.
func (u *Upload) Sum() [sha256.Size]byte {
	h := sha256.New()
	h.Write(u.segment.NDJSON)
	h.Write(u.extra)
	return [sha256.Size]byte(h.Sum(nil))
}

type header struct {
	V         int                 `json:"v"`
	Token     string              `json:"token,omitempty"`
	SessionID recording.SessionID `json:"session_id"`
	Previous  recording.SessionID `json:"previous_id,omitempty"`
	WindowID  recording.WindowID  `json:"window_id"`
	PageID    recording.PageID    `json:"page_id"`
	Seq       uint32              `json:"seq"`
	SentAt    int64               `json:"sent_at"`
	Reason    string              `json:"reason"`
	Final     bool                `json:"final"`
	Recorder  headerRecorder      `json:"recorder"`
	Page      headerPage          `json:"page"`
	User      headerUser          `json:"user"`
	Release   string              `json:"release"`
	Env       string              `json:"environment"`
}

type headerRecorder struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	RRWeb   string `json:"rrweb"`
}

type headerPage struct {
	URL      string `json:"url"`
	Referrer string `json:"referrer"`
	Viewport [2]int `json:"viewport"`
}

type headerUser struct {
	ID         string            `json:"id"`
	Attributes map[string]string `json:"attributes"`
}

// AppendBody appends the body of the request, gzipped, as a recorder that
// sends it at the given time would. The token is the one that the server gave
// the session, empty before that.
func (u *Upload) AppendBody(dst []byte, sentAt time.Time, token string) ([]byte, error) {
	line, err := u.headerLine(sentAt, token)
	if err != nil {
		return dst, err
	}
	dst = AppendStored(dst, line)
	dst = append(dst, u.segment.compressed...)
	if u.extra != nil {
		dst = AppendStored(dst, u.extra)
	}
	return dst, nil
}

// Plain is the body without compression.
func (u *Upload) Plain(sentAt time.Time, token string) ([]byte, error) {
	line, err := u.headerLine(sentAt, token)
	if err != nil {
		return nil, err
	}
	return append(line, u.NDJSON()...), nil
}

func (u *Upload) headerLine(sentAt time.Time, token string) ([]byte, error) {
	s := u.Session
	line, err := json.Marshal(header{
		V: 1, Token: token, SessionID: s.ID, Previous: s.Previous, WindowID: s.Window, PageID: u.Page,
		Seq: u.Seq, SentAt: sentAt.UnixMilli(), Reason: "sampled", Final: u.Last(),
		Recorder: headerRecorder{Name: "traffic", Version: "1.0.0", RRWeb: "2.1.6"}, // its recordings do not describe clicks
		Page:     headerPage{URL: "https://" + s.Site + "/page/" + fmt.Sprint(u.segment.Page), Referrer: "https://" + s.Site + "/", Viewport: [2]int{1280, 720}},
		User:     headerUser{ID: s.User, Attributes: map[string]string{"plan": "pro"}},
		Release:  "1.0.0", Env: "bench",
	})
	if err != nil {
		return nil, fmt.Errorf("make header: %w", err)
	}
	return append(line, '\n'), nil
}
