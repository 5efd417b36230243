//go:build unix

package faults

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// oracle knows what was sent and what was acknowledged, and compares it with
// what a player finds.
type oracle struct {
	mu    sync.Mutex
	known map[recording.SegmentID]*fact
}

// fact is what the oracle knows of a segment.
type fact struct {
	sum          [sha256.Size]byte
	events       int
	moments      int
	bytes        int
	acknowledged bool
	damaged      bool // by the suite: it may be lost
}

func newOracle() *oracle { return &oracle{known: map[recording.SegmentID]*fact{}} }

// offer notes a segment that is about to be sent: it may be stored from now on.
func (o *oracle) offer(u *upload) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known[u.id] == nil {
		o.known[u.id] = &fact{sum: u.sum(), events: u.count, moments: u.moments, bytes: len(u.events)}
	}
}

// acknowledge notes that the server promised to keep a segment.
func (o *oracle) acknowledge(u *upload) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known[u.id].acknowledged = true
}

// damage notes that the suite itself destroyed a segment.
func (o *oracle) damage(id recording.SegmentID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f := o.known[id]; f != nil {
		f.damaged = true
	}
}

// verdict is the comparison of what was promised and what is there.
type verdict struct {
	acked      int // segments
	stored     int
	lost       int // acknowledged and not there, or not with the same bytes
	damaged    int // not there because the suite destroyed them
	duplicated int // in the player's manifest or in its segments more than once
	strange    int // there, but never sent so
	totals     int // sessions whose totals are not the sums of their segments
	copies     int // segments that lie in more than one pack
	packs      int
	examples   []string
}

func (v *verdict) example(format string, args ...any) {
	if len(v.examples) < 5 {
		v.examples = append(v.examples, fmt.Sprintf(format, args...))
	}
}

// sessions returns the ids of all sessions of a project, in order.
func (o *oracle) sessions(project recording.ProjectID) []recording.SessionID {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen := map[recording.SessionID]bool{}
	var ids []recording.SessionID
	for id := range o.known {
		if id.Project == project && !seen[id.Session] {
			seen[id.Session] = true
			ids = append(ids, id.Session)
		}
	}
	slices.Sort(ids)
	return ids
}

// check reads back everything that was sent to the main project.
func (o *oracle) check(ctx context.Context, v *vault) (*verdict, error) {
	const project = mainProject
	reader := v.reader(project)
	found := map[recording.SegmentID]int{}
	out := &verdict{}
	for _, session := range o.sessions(project) {
		if err := o.checkSession(ctx, reader, project, session, found, out); err != nil {
			return nil, fmt.Errorf("read session %s: %w", session, err)
		}
	}
	o.mu.Lock()
	for id, f := range o.known {
		if id.Project != project {
			continue
		}
		if f.acknowledged {
			out.acked++
		}
		switch {
		case found[id] > 0:
			out.stored++
		case f.damaged:
			out.damaged++
		case f.acknowledged:
			out.lost++
			out.example("lost: session %s window %s seq %d", id.Session, id.Window, id.Seq)
		}
	}
	o.mu.Unlock()
	var err error
	out.packs, out.copies, err = countCopies(ctx, v.bucket, project)
	return out, err
}

// checkSession reads one session as a player does, and counts its segments.
func (o *oracle) checkSession(ctx context.Context, reader *playback.Reader, project recording.ProjectID, session recording.SessionID, found map[recording.SegmentID]int, out *verdict) error {
	manifest, err := reader.Manifest(ctx, session)
	if errors.Is(err, index.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var events, moments int
	var size int64
	for _, w := range manifest.Windows {
		listed := map[uint32]int{}
		for _, s := range w.Segments {
			id := recording.SegmentID{Project: project, Session: session, Window: w.ID, Seq: s.Seq}
			listed[s.Seq]++
			if listed[s.Seq] > 1 {
				out.duplicated++
				out.example("twice in the manifest: session %s seq %d", session, s.Seq)
			}
			if f := o.fact(id); f != nil {
				events, moments, size = events+f.events, moments+f.moments, size+int64(f.bytes)
			}
		}
		if err := o.checkWindow(ctx, reader, project, session, w.ID, listed, found, out); err != nil {
			return err
		}
	}
	total, told := manifest.Session, 0
	for _, m := range manifest.Moments {
		if isTold(m.Kind) {
			told++
		}
	}
	if total.Events != events || total.RawBytes != size || told != moments {
		out.totals++
		out.example("totals of session %s: %d events, %d bytes, %d moments; its segments have %d, %d, %d",
			session, total.Events, total.RawBytes, told, events, size, moments)
	}
	return nil
}

// isTold says whether a tape makes moments of a kind by itself. Others are what
// the server concludes: that a segment which was refused and given up is
// missing is a moment as well.
func isTold(kind recording.MomentKind) bool {
	return kind == recording.KindCustom || kind == recording.KindPageLoad
}

func (o *oracle) fact(id recording.SegmentID) *fact {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.known[id]
}

// checkWindow reads the events of a window and compares them, segment by
// segment.
func (o *oracle) checkWindow(ctx context.Context, reader *playback.Reader, project recording.ProjectID, session recording.SessionID, window recording.WindowID, listed map[uint32]int, found map[recording.SegmentID]int, out *verdict) error {
	var b bytes.Buffer
	sel := playback.Selection{Window: window, BySeq: true, ToSeq: 1<<32 - 1}
	if err := reader.WriteSegments(ctx, &b, session, sel); err != nil {
		return err
	}
	played, gaps, err := splitPlayed(&b)
	if err != nil {
		return err
	}
	for _, g := range gaps {
		out.example("unreadable (%s): session %s seq %d", g.Cause, session, g.Seq)
	}
	for _, p := range played {
		id := recording.SegmentID{Project: project, Session: session, Window: window, Seq: p.Seq}
		found[id]++
		f := o.fact(id)
		switch {
		case f == nil:
			out.strange++
			out.example("never sent: session %s seq %d", session, p.Seq)
		case sha256.Sum256(p.events) != f.sum:
			out.strange++
			found[id]-- // other bytes are not the segment
			out.example("other bytes: session %s seq %d", session, p.Seq)
		case found[id] > 1:
			out.duplicated++
			out.example("played twice: session %s seq %d", session, p.Seq)
		}
	}
	if len(played)+len(gaps) != len(listed) {
		out.example("session %s lists %d segments and plays %d", session, len(listed), len(played))
	}
	return nil
}

// played is a segment as the playback API gives it.
type playedSegment struct {
	Seq    uint32 `json:"seq"`
	Events int    `json:"events"`
	events []byte
}

type playedGap struct {
	Seq   uint32 `json:"seq"`
	Cause string `json:"cause"`
}

// splitPlayed takes an answer of the segments route apart.
func splitPlayed(r io.Reader) (segments []playedSegment, gaps []playedGap, err error) {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return segments, gaps, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read answer: %w", err)
		}
		var head struct {
			Segment *playedSegment `json:"segment"`
			Gap     *playedGap     `json:"gap"`
		}
		if err := json.Unmarshal(line, &head); err != nil {
			return nil, nil, fmt.Errorf("read answer: %w", err)
		}
		if head.Gap != nil {
			gaps = append(gaps, *head.Gap)
			continue
		}
		if head.Segment == nil {
			return nil, nil, fmt.Errorf("read answer: a line that is neither segment nor gap: %.80s", line)
		}
		for range head.Segment.Events {
			event, err := in.ReadBytes('\n')
			if err != nil {
				return nil, nil, fmt.Errorf("read answer: %w", err)
			}
			head.Segment.events = append(head.Segment.events, event...)
		}
		segments = append(segments, *head.Segment)
	}
}

// countCopies reads the footers of all packs of a project. A segment in two
// packs costs space and is no fault: rows name one of them.
func countCopies(ctx context.Context, bucket objectstore.Bucket, project recording.ProjectID) (packs, copies int, err error) {
	in := map[recording.SegmentID]int{}
	err = bucket.List(ctx, "v1/"+string(project)+"/", func(object objectstore.Object) error {
		if !strings.HasSuffix(object.Key, ".pack") {
			return nil
		}
		packs++
		body, err := bucket.Get(ctx, object.Key, 0, -1)
		if err != nil {
			return err
		}
		defer body.Close()
		data, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		footer, err := segment.ReadFooter(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return fmt.Errorf("read footer of %s: %w", object.Key, err)
		}
		for _, e := range footer.Entries {
			if in[e.SegmentID]++; in[e.SegmentID] > 1 {
				copies++
			}
		}
		return nil
	})
	if err != nil {
		return packs, copies, fmt.Errorf("list packs: %w", err)
	}
	return packs, copies, nil
}

// judge reports a verdict and breaks the row when a promise was broken.
func (t *trial) judge(v *verdict) {
	t.figure("acked", float64(v.acked))
	t.figure("stored", float64(v.stored))
	t.figure("lost", float64(v.lost))
	t.figure("duplicated", float64(v.duplicated))
	t.figure("packs", float64(v.packs))
	t.figure("copies_in_packs", float64(v.copies))
	t.expect(v.acked > 0, "nothing was acknowledged")
	t.expect(v.lost == 0, "%d acknowledged segments are lost", v.lost)
	t.expect(v.duplicated == 0, "%d segments are there twice", v.duplicated)
	t.expect(v.strange == 0, "%d segments are there that were never sent so", v.strange)
	t.expect(v.totals == 0, "%d sessions have wrong totals", v.totals)
	for _, e := range v.examples {
		t.note("%s", e)
	}
}

// lifeAfter sends a fresh session and looks whether a player finds it.
func (t *trial) lifeAfter(s *sender, v *vault) error {
	ctx, cancel := t.withTimeout(readyLimit)
	defer cancel()
	fresh := newTape(t.rng.Uint64(), "fresh")
	u := fresh.cut()
	if err := s.deliver(ctx, u); err != nil {
		return fmt.Errorf("a fresh session is not accepted: %w", err)
	}
	reader := v.reader(u.id.Project)
	return t.until(readyLimit, "a fresh session can be played", func() bool {
		_, err := reader.Manifest(ctx, u.id.Session)
		return err == nil
	})
}
