package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/recording"
)

// answers are what every question that a reader may have is answered with, as
// JSON by question.
type answers map[string]string

func (a answers) put(t *testing.T, question string, answer any) {
	t.Helper()
	encoded, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, twice := a[question]; twice {
		t.Fatalf("%s is asked twice", question)
	}
	a[question] = string(encoded)
}

// ask asks an index and a bucket everything about a project: the lists of
// sessions by every filter, and of every session its segments, moments,
// manifest and events.
func ask(t *testing.T, idx index.Index, bucket objectstore.Bucket) answers {
	t.Helper()
	a := answers{}
	all := list(t, idx, index.SessionQuery{Limit: 3})
	a.put(t, "sessions", all)
	questions := map[string]index.SessionQuery{
		"errors": {Errors: true},
		"from":   {FromMs: begin.UnixMilli() + 10_000},
		"to":     {ToMs: begin.UnixMilli() + 10_000},
	}
	for _, s := range all {
		questions["id "+string(s.ID)] = index.SessionQuery{SessionID: s.ID}
		questions["user "+s.UserID] = index.SessionQuery{UserID: s.UserID}
		questions["text "+s.UserID] = index.SessionQuery{Text: strings.ToUpper(s.UserID[2:9])}
		for _, url := range s.URLs[:min(len(s.URLs), 2)] {
			questions["url "+url] = index.SessionQuery{URL: url}
		}
		for trace := range askSession(t, a, idx, bucket, s.ID) {
			questions["trace "+trace] = index.SessionQuery{TraceID: trace}
		}
	}
	for name, q := range questions {
		a.put(t, "sessions by "+name, list(t, idx, q))
	}
	for _, kind := range []recording.MomentKind{recording.KindClick, recording.KindRequest, recording.KindState, recording.KindLongFrame, recording.KindPageLoad} {
		a.put(t, "moments "+string(kind), moments(t, idx, index.MomentQuery{Kinds: []recording.MomentKind{kind}, Limit: 100_000}))
	}
	a.put(t, "moments by text", moments(t, idx, index.MomentQuery{Text: "order", Limit: 100_000}))
	return a
}

// askSession returns the trace ids of the session.
func askSession(t *testing.T, a answers, idx index.Index, bucket objectstore.Bucket, id recording.SessionID) map[string]bool {
	t.Helper()
	segments, err := idx.Segments(t.Context(), project, id)
	if err != nil {
		t.Fatal(err)
	}
	a.put(t, "segments "+string(id), segments)
	found := moments(t, idx, index.MomentQuery{SessionID: id, Limit: 100_000})
	a.put(t, "moments of "+string(id), found)
	traces := map[string]bool{}
	for _, m := range found {
		if m.TraceID != "" {
			traces[m.TraceID] = true
		}
	}
	manifest, streams := replay(t, idx, bucket, id)
	a.put(t, "manifest "+string(id), manifest)
	a.put(t, "events "+string(id), streams)
	return traces
}

// replay is what a player loads of a session: the manifest, and the lines of
// each window.
func replay(t *testing.T, idx index.Index, bucket objectstore.Bucket, id recording.SessionID) (*playback.Manifest, map[recording.WindowID]string) {
	t.Helper()
	reader := playback.New(playback.Config{Project: project, Bucket: bucket, Index: idx, Log: slog.New(slog.DiscardHandler)})
	manifest, err := reader.Manifest(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	streams := map[recording.WindowID]string{}
	for _, w := range manifest.Windows {
		streams[w.ID] = stream(t, reader, id, playback.Selection{Window: w.ID, BySeq: true, ToSeq: 1 << 31})
	}
	return manifest, streams
}

func stream(t *testing.T, reader *playback.Reader, id recording.SessionID, selection playback.Selection) string {
	t.Helper()
	var lines bytes.Buffer
	if err := reader.WriteSegments(t.Context(), &lines, id, selection); err != nil {
		t.Fatal(err)
	}
	return lines.String()
}

func list(t *testing.T, idx index.Index, q index.SessionQuery) []recording.Session {
	t.Helper()
	q.Project = project
	all := []recording.Session{}
	for {
		page, err := idx.Sessions(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Sessions...)
		if page.Next == "" {
			return all
		}
		q.Before = page.Next
	}
}

func moments(t *testing.T, idx index.Index, q index.MomentQuery) []recording.Moment {
	t.Helper()
	q.Project = project
	found, err := idx.Moments(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// diff says where answers differ.
func diff(t *testing.T, got, want answers) {
	t.Helper()
	questions := slices.Sorted(maps.Keys(want))
	for question := range got {
		if _, known := want[question]; !known {
			t.Errorf("%s: not asked before", question)
		}
	}
	for _, q := range questions {
		if got[q] != want[q] {
			t.Errorf("%s:\n got %s\nwant %s", q, around(got[q], want[q]), around(want[q], got[q]))
		}
	}
}

// around is the part of a text where it begins to differ from another.
func around(text, other string) string {
	i := 0
	for i < len(text) && i < len(other) && text[i] == other[i] {
		i++
	}
	return fmt.Sprintf("…%s… (%d bytes)", text[max(0, i-60):min(len(text), i+120)], len(text))
}

// blind is an index that does not say what is stored: ingest then stores a
// segment that it could know of.
type blind struct{ index.Index }

func (blind) Stored(context.Context, recording.ProjectID, map[recording.SessionID]uint32) (map[recording.SegmentID]struct{}, error) {
	return map[recording.SegmentID]struct{}{}, nil
}

func readAll(t *testing.T, bucket objectstore.Bucket, key string) []byte {
	t.Helper()
	body, err := bucket.Get(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
