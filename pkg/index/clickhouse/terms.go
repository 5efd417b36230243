package clickhouse

import (
	"crypto/sha256"
	"encoding/binary"
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

// postingRow says that a session has a term.
type postingRow struct {
	ProjectID string    `ch:"project_id"`
	Key       uint64    `ch:"key"`
	SessionID string    `ch:"session_id"`
	ExpiresTs time.Time `ch:"expires_ts"`
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
	postings map[posting]time.Time
	terms    map[term]time.Time
}

type posting struct {
	project recording.ProjectID
	key     uint64
	session recording.SessionID
}

type term struct {
	project recording.ProjectID
	kind    kind
	text    string
}

func newFound() *found {
	return &found{postings: make(map[posting]time.Time), terms: make(map[term]time.Time)}
}

func (f *found) segment(s recording.StoredSegment, expires time.Time) {
	if s.Origin.UserID != "" {
		f.named(kindUser, s.Origin.UserID, s.SegmentID, expires)
	}
	for _, url := range s.URLs {
		f.named(kindURL, url, s.SegmentID, expires)
	}
}

func (f *found) moment(m recording.Moment, expires time.Time) {
	if m.TraceID != "" {
		f.post(kindTrace.key(m.TraceID), m.SegmentID, expires)
	}
	if m.Kind == recording.KindSignal {
		f.post(kindSignal.key(m.Name), m.SegmentID, expires)
	}
}

// named is for terms of which a part can be looked for.
func (f *found) named(k kind, text string, in recording.SegmentID, expires time.Time) {
	t := term{in.Project, k, strings.ToLower(text)}
	if old, has := f.terms[t]; !has || old.Before(expires) {
		f.terms[t] = expires
	}
	f.post(k.key(text), in, expires)
}

func (f *found) post(key uint64, in recording.SegmentID, expires time.Time) {
	p := posting{in.Project, key, in.Session}
	if old, has := f.postings[p]; !has || old.Before(expires) {
		f.postings[p] = expires
	}
}

func (f *found) postingRows() []postingRow {
	rows := make([]postingRow, 0, len(f.postings))
	for p, expires := range f.postings {
		rows = append(rows, postingRow{string(p.project), p.key, string(p.session), expires})
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
