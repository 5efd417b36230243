package clickhouse

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

// kind says what a term is.
type kind string

const (
	kindTrace  kind = "trace"
	kindUser   kind = "user"
	kindURL    kind = "url"
	kindSignal kind = "signal"
)

// key is what a term is found by in postings: the first 8 bytes of the
// SHA-256 of kind, NUL and the term in lower case, little-endian. Two terms
// with one key are as unlikely as 1 in 10^11 for 100 million terms and one
// that is looked for.
func (k kind) key(term string) uint64 {
	sum := sha256.Sum256([]byte(string(k) + "\x00" + strings.ToLower(term)))
	return binary.LittleEndian.Uint64(sum[:8])
}

// postingRow says that a session has a term, and had begun by a time.
type postingRow struct {
	ProjectID string    `ch:"project_id"`
	Key       uint64    `ch:"key"`
	SessionID string    `ch:"session_id"`
	BegunHour uint32    `ch:"begun_hour"`
	ExpiresTs time.Time `ch:"expires_ts"`
}

// unknownHour is when a session had begun of which it is not known: the end of
// time, which is right of all.
const unknownHour = math.MaxUint32

// begun is the hour, since 1970, by which a session had begun that had a term at
// a moment. A copy of the same segment can say that it was some minutes earlier.
func begun(ms int64) uint32 {
	const copiesDiffer = 10 * time.Minute
	return uint32(timeOf(ms).Add(copiesDiffer).Unix()/3600 + 1)
}

// termRow is a term of which a part can be looked for.
type termRow struct {
	ProjectID string    `ch:"project_id"`
	Kind      string    `ch:"kind"`
	Term      string    `ch:"term"`
	Key       uint64    `ch:"key"`
	ExpiresTs time.Time `ch:"expires_ts"`
}

// found collects the rows of postings and terms of batches, each once.
type found struct {
	postings map[hit]since
	terms    map[term]time.Time
}

// hit is a term in a session.
type hit struct {
	project recording.ProjectID
	key     uint64
	session recording.SessionID
}

// since is what is known of a hit: by when the session had begun, as the
// segments say that are kept longest, and how long they are.
type since struct {
	begunHour uint32
	expires   time.Time
}

// before reports whether another says more: that of segments that are gone says
// nothing about what is left of the session.
func (s since) before(other since) bool {
	return cmp.Or(s.expires.Compare(other.expires), cmp.Compare(s.begunHour, other.begunHour)) < 0
}

type term struct {
	project recording.ProjectID
	kind    kind
	text    string
}

func newFound() *found {
	return &found{postings: make(map[hit]since), terms: make(map[term]time.Time)}
}

func (f *found) segment(s recording.StoredSegment, expires time.Time) {
	at := since{begun(s.StartMs), expires}
	if s.Origin.UserID != "" {
		f.named(kindUser, s.Origin.UserID, s.SegmentID, at)
	}
	for _, url := range s.URLs {
		f.named(kindURL, url, s.SegmentID, at)
	}
}

// moment does not say by when the session of a trace had begun: a trace has one
// or few.
func (f *found) moment(m recording.Moment, expires time.Time) {
	if m.TraceID != "" {
		f.post(kindTrace.key(m.TraceID), m.SegmentID, since{unknownHour, expires})
	}
	if m.Kind == recording.KindSignal {
		f.post(kindSignal.key(m.Name), m.SegmentID, since{begun(m.TimestampMs), expires})
	}
}

// named is for terms of which a part can be looked for.
func (f *found) named(k kind, text string, in recording.SegmentID, at since) {
	t := term{in.Project, k, strings.ToLower(text)}
	if old, has := f.terms[t]; !has || old.Before(at.expires) {
		f.terms[t] = at.expires
	}
	f.post(k.key(text), in, at)
}

func (f *found) post(key uint64, in recording.SegmentID, at since) {
	h := hit{in.Project, key, in.Session}
	if old, has := f.postings[h]; !has || old.before(at) {
		f.postings[h] = at
	}
}

func (f *found) postingRows() []postingRow {
	rows := make([]postingRow, 0, len(f.postings))
	for h, at := range f.postings {
		rows = append(rows, postingRow{string(h.project), h.key, string(h.session), at.begunHour, at.expires})
	}
	return rows
}

func (f *found) termRows() []termRow {
	rows := make([]termRow, 0, len(f.terms))
	for t, expires := range f.terms {
		rows = append(rows, termRow{string(t.project), string(t.kind), t.text, t.kind.key(t.text), expires})
	}
	return rows
}
