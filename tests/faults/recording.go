//go:build unix

package faults

import (
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

// upload is a segment on its way to a server. The same upload sent again has
// the same events.
type upload struct {
	id       recording.SegmentID
	page     string
	header   map[string]any // members that differ from the usual
	events   []byte         // NDJSON, each line with its newline
	count    int            // of events
	moments  int            // that its events make
	firstMs  int64          // the recorder's clock
	lastMs   int64
	snapshot bool // it holds a full snapshot
}

func (u *upload) sum() [sha256.Size]byte { return sha256.Sum256(u.events) }

// tape makes the segments of one window of one session.
type tape struct {
	project recording.ProjectID
	session recording.SessionID
	window  recording.WindowID
	rng     *rand.Rand
	clock   func() int64 // ms, the browser's
	lines   int          // events of a segment
	text    int          // bytes of text in each event
	next    uint32
	every   uint32 // segments between full snapshots; 0: only the first
}

// newTape begins a session. Its content follows from seed and name alone.
func newTape(seed uint64, name string) *tape {
	h := fnv.New64a()
	h.Write([]byte(name)) //nolint:errcheck // never fails
	rng := rand.New(rand.NewPCG(seed, h.Sum64()))
	return &tape{
		project: mainProject, session: recording.SessionID(uuid7(rng, time.Now())), window: recording.WindowID(uuid7(rng, time.Now())),
		rng: rng, clock: func() int64 { return time.Now().UnixMilli() }, lines: 3, text: 40,
	}
}

// uuid7 returns an id as the recorder makes them (RFC 9562).
func uuid7(rng *rand.Rand, at time.Time) string {
	random := rng.Uint64()
	return fmt.Sprintf("%08x-%04x-7%03x-%04x-%012x", at.UnixMilli()>>16, at.UnixMilli()&0xffff, random&0xfff, 0x8000|random>>50, rng.Uint64()&0xffffffffffff)
}

// cut makes the next segment: a full snapshot in the first one, then text
// mutations, and one custom event, which makes one moment.
func (t *tape) cut() *upload {
	seq := t.next
	t.next++
	now := t.clock()
	u := &upload{
		id:   recording.SegmentID{Project: t.project, Session: t.session, Window: t.window, Seq: seq},
		page: "page-" + string(t.window), firstMs: now, moments: 1,
	}
	var b strings.Builder
	line := func(format string, args ...any) {
		fmt.Fprintf(&b, format+"\n", args...)
		u.count++
		u.lastMs = now
		now++
	}
	u.snapshot = seq == 0 || t.every > 0 && seq%t.every == 0
	if u.snapshot {
		line(`{"type":4,"timestamp":%d,"data":{"href":"https://shop.example.com/cart","width":1280,"height":720}}`, now)
		line(`{"type":2,"timestamp":%d,"data":{"node":{"type":0,"id":1,"childNodes":[{"type":2,"id":2,"tagName":"p","attributes":{},"childNodes":[{"type":3,"id":3,"textContent":"%s"}]}]},"initialOffset":{"left":0,"top":0}}}`, now, t.words())
		u.moments++
	}
	for range t.lines {
		line(`{"type":3,"timestamp":%d,"data":{"source":0,"texts":[{"id":3,"value":"%s"}],"attributes":[],"removes":[],"adds":[]}}`, now, t.words())
	}
	line(`{"type":5,"timestamp":%d,"data":{"tag":"playhead.custom","payload":{"name":"segment","attributes":{"seq":"%d"}}}}`, now, seq)
	u.events = []byte(b.String())
	return u
}

// words returns text that no rule of scrubbing knows: letters from g to v, so
// that nothing looks like a card or a token.
func (t *tape) words() string {
	b := make([]byte, 0, t.text+8)
	for len(b) < t.text {
		for bits := t.rng.Uint32(); bits > 15; bits >>= 4 {
			b = append(b, byte('g'+bits&15))
		}
		b = append(b, ' ')
	}
	return string(b)
}
