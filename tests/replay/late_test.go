package replay

import (
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/tests/traffic"
)

// delivery is a session as it was stored in stores of its own.
type delivery struct {
	stores   *playbacktest.Stores
	sessions []*traffic.Session
}

// deliver sends the recordings, always as the same sessions, by a browser
// whose clock is 90 s behind.
func deliver(t *testing.T, send func(c *clock, s *server, b *browser, all []*traffic.Upload)) delivery {
	t.Helper()
	d := delivery{stores: playbacktest.Open(t)}
	// No event is later than its upload.
	clock := &clock{now: begin.Add(20 * time.Minute)}
	server := serve(t, d.stores.Bucket, d.stores.Index, clock.Now, time.Minute, "")
	random := rand.New(rand.NewPCG(7, 7))
	d.sessions = sessions(random, recordings(t))
	send(clock, server, server.browser(clock.Now, -90*time.Second), traffic.Interleave(random, d.sessions))
	server.flush(t)
	server.stop()
	return d
}

func inOrder(c *clock, s *server, b *browser, all []*traffic.Upload, t *testing.T) {
	for _, u := range all {
		c.advance(300 * time.Millisecond)
		b.send(t, u)
	}
	s.flush(t)
}

func (d delivery) manifest(t *testing.T, s *traffic.Session) (*playback.Manifest, string) {
	t.Helper()
	manifest, streams := replay(t, d.stores.Index, d.stores.Bucket, s.ID)
	return manifest, streams[s.Window]
}

// Segments that come up to a day late and in any order end in the same replay.
func TestLateAndShuffledSegmentsEndInTheSameReplay(t *testing.T) {
	want := deliver(t, func(c *clock, s *server, b *browser, all []*traffic.Upload) { inOrder(c, s, b, all, t) })
	got := deliver(t, func(c *clock, s *server, b *browser, all []*traffic.Upload) {
		random := rand.New(rand.NewPCG(8, 8))
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for i, u := range all {
			c.advance(24 * time.Hour / time.Duration(len(all)))
			b.send(t, u)
			if i%15 == 14 { // so that the segments of a session are in several packs
				s.flush(t)
			}
		}
	})
	for _, session := range want.sessions {
		wantManifest, wantStream := want.manifest(t, session)
		gotManifest, gotStream := got.manifest(t, session)
		// Keyframes are made where the document is whole at the time.
		gotManifest.Windows[0].Keyframes, wantManifest.Windows[0].Keyframes = nil, nil
		a, b := encode(t, gotManifest), encode(t, wantManifest)
		if a != b {
			t.Errorf("manifest of %s:\n got %s\nwant %s", session.Recording.Name, around(a, b), around(b, a))
		}
		if gotStream != wantStream {
			t.Errorf("events of %s:\n got %s\nwant %s", session.Recording.Name, around(gotStream, wantStream), around(wantStream, gotStream))
		}
		if len(wantManifest.Windows) != 1 || len(wantManifest.Windows[0].Segments) != session.Len() || len(wantManifest.Windows[0].Gaps) != 0 || wantManifest.Windows[0].ClockOffsetMs != 90_000 {
			t.Errorf("%s has windows %+v, want one with %d segments", session.Recording.Name, wantManifest.Windows, session.Len())
		}
	}
}

// Of every seven segments one never comes: the manifest says where, the stream
// has the rest as it is, and a replay can begin at every full snapshot that
// did come.
func TestMissingSegmentsAreGaps(t *testing.T) {
	lost := func(u *traffic.Upload) bool { return u.Seq%7 == 3 }
	got := deliver(t, func(c *clock, s *server, b *browser, all []*traffic.Upload) {
		inOrder(c, s, b, slices.DeleteFunc(all, lost), t)
	})
	gapsSeen, snapshotsSeen := 0, 0
	for _, session := range got.sessions {
		manifest, stream := got.manifest(t, session)
		window := manifest.Windows[0]
		kept := slices.DeleteFunc(uploads(session), lost)
		var events strings.Builder
		for _, u := range kept {
			events.Write(u.NDJSON())
		}
		if withoutHeads(t, stream) != events.String() {
			t.Errorf("%s: the stream is not the events of the segments that came", session.Recording.Name)
		}
		for _, g := range window.Gaps {
			gapsSeen++
			if g.Cause != "not_received" || g.BeforeSeq-g.AfterSeq != 2 || (g.AfterSeq+1)%7 != 3 || g.StartMs > g.EndMs {
				t.Errorf("%s: gap %+v", session.Recording.Name, g)
			}
		}
		if want := session.Len() - len(kept); len(window.Gaps) != want && !lost(uploads(session)[session.Len()-1]) {
			t.Errorf("%s: %d gaps, want %d", session.Recording.Name, len(window.Gaps), want)
		}
		snapshotsSeen += beginAtSnapshots(t, got, session.ID, window)
	}
	if gapsSeen == 0 || snapshotsSeen == 0 {
		t.Errorf("%d gaps and %d full snapshots after them: this tests too little", gapsSeen, snapshotsSeen)
	}
}

// beginAtSnapshots checks that loading from a full snapshot after a gap begins
// with its segment, and returns how many there are.
func beginAtSnapshots(t *testing.T, d delivery, id recording.SessionID, window playback.Window) (found int) {
	t.Helper()
	reader := playback.New(playback.Config{Project: project, Bucket: d.stores.Bucket, Index: d.stores.Index, Log: slog.New(slog.DiscardHandler)})
	for _, gap := range window.Gaps {
		after := slices.IndexFunc(window.Segments, func(s playback.Segment) bool {
			return int64(s.Seq) >= gap.BeforeSeq && len(s.FullSnapshots) > 0
		})
		if after < 0 {
			continue
		}
		found++
		s := window.Segments[after]
		at := s.FullSnapshots[0]
		lines := stream(t, reader, id, playback.Selection{Window: window.ID, FromMs: at, ToMs: at, Snapshot: true})
		var seqs []uint32
		snapshot := false
		for line := range strings.Lines(lines) {
			if seq, isHead := head(t, line); isHead {
				seqs = append(seqs, seq)
			} else {
				snapshot = snapshot || strings.Contains(line, `"type":2`)
			}
		}
		if !slices.Contains(seqs, s.Seq) || !snapshot || int64(seqs[0]) < gap.BeforeSeq {
			t.Errorf("loading from the full snapshot of segment %d after the gap %+v gives the segments %v", s.Seq, gap, seqs)
		}
	}
	return found
}

// withoutHeads leaves the events of a stream.
func withoutHeads(t *testing.T, stream string) string {
	t.Helper()
	var events strings.Builder
	for line := range strings.Lines(stream) {
		if _, isHead := head(t, line); !isHead {
			events.WriteString(line)
		}
	}
	return events.String()
}

func head(t *testing.T, line string) (seq uint32, isHead bool) {
	t.Helper()
	if !strings.HasPrefix(line, `{"segment":`) {
		if strings.HasPrefix(line, `{"gap":`) {
			t.Errorf("a segment that is stored cannot be read: %s", line)
		}
		return 0, false
	}
	var h struct {
		Segment struct {
			Seq uint32 `json:"seq"`
		} `json:"segment"`
	}
	if err := json.Unmarshal([]byte(line), &h); err != nil {
		t.Fatal(err)
	}
	return h.Segment.Seq, true
}

func encode(t *testing.T, v any) string {
	t.Helper()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}
