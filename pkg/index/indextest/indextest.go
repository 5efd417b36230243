// Package indextest holds the suite that every index.Index passes. It is for
// tests only.
package indextest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// Run checks every promise of index.Index. newIndex returns an index without
// a schema and without data; what it opens it closes with t.Cleanup.
func Run(t *testing.T, newIndex func(t *testing.T) index.Index) {
	t.Run("Check says that the schema is missing", func(t *testing.T) {
		x := newIndex(t)
		if err := x.Check(t.Context()); !errors.Is(err, index.ErrSchema) {
			t.Errorf("Check before Migrate = %v, want ErrSchema", err)
		}
	})
	t.Run("Migrate runs twice and at once", func(t *testing.T) { migratesAtOnce(t, newIndex(t)) })

	tests := []struct {
		name string
		test func(*testing.T, index.Index)
	}{
		{"keeps segments and moments whole", keepsRowsWhole},
		{"sums sessions up", sumsSessionsUp},
		{"corrects clocks by window", correctsClocks},
		{"stores a batch once", storesBatchOnce},
		{"says what is stored from a seq on", storedFrom},
		{"stores a segment once", storesSegmentOnce},
		{"does not depend on the order", ignoresOrder},
		{"joins concurrent writers", joinsWriters},
		{"keeps projects apart", keepsProjectsApart},
		{"filters sessions", filtersSessions},
		{"filters moments", filtersMoments},
		{"finds traces at any time", findsTraces},
		{"pages without repeats or holes", pages},
		{"follows what changes", followsChanges},
		{"lists what goes on in a time range", listsWhatGoesOn},
		{"writes batches together", writesBatchesTogether},
		{"takes any text", takesAnyText},
		{"takes any insight", takesAnyInsight},
		{"takes any time", takesAnyTime},
		{"takes large batches", takesLargeBatches},
		{"takes the batch of a large pack", takesLargePack},
		{"keeps insight whole", keepsInsightWhole},
		{"keeps late insight", keepsLateInsight},
		{"stores a keyframe once", storesKeyframeOnce},
		{"finds insight", findsInsight},
		{"finds what many saw", findsWhatManySaw},
		{"finds what some have", FindsWhatSomeHave},
		{"measures series", measuresSeries},
		{"clears a project", clearsProject},
		{"says not found", saysNotFound},
		{"refuses what cannot be asked", refusesQueries},
		{"refuses mixed batches", refusesMixedBatches},
		{"obeys a cancelled context", obeysContext},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := newIndex(t)
			if err := x.Migrate(t.Context()); err != nil {
				t.Fatalf("Migrate: %v", err)
			}
			tt.test(t, x)
		})
	}
}

const (
	shop = recording.ProjectID("shop")
	blog = recording.ProjectID("blog")
	sid  = recording.SessionID("0199a1b2-0000-7000-8000-000000000001")
	base = int64(1_763_791_872_000) // ms; any time will do
)

// segment is segment seq of a window, one second long, starting seq seconds
// after base, received two seconds after its end.
func segment(session recording.SessionID, window string, seq uint32) recording.StoredSegment {
	start := base + int64(seq)*1000
	return recording.StoredSegment{
		Segment: recording.Segment{
			SegmentID: recording.SegmentID{Project: shop, Session: session, Window: recording.WindowID(window), Seq: seq},
			Page:      "page-0001",
			StartMs:   start,
			EndMs:     start + 1000,
			Events:    10,
			RawBytes:  1000,
			Origin:    recording.Origin{Reason: recording.ReasonSampled},

			ReceivedMs: start + 3000,
		},
		Class:    recording.ClassNormal,
		Location: recording.Location{Object: "v1/shop/normal/a.pack", Offset: int64(seq) * 100, Length: 100},
	}
}

func moment(s recording.StoredSegment, event int, kind recording.MomentKind) recording.Moment {
	return recording.Moment{SegmentID: s.SegmentID, Event: event, Page: s.Page, TimestampMs: s.StartMs + int64(event), Kind: kind}
}

// inProject moves segments to another project.
func inProject(project recording.ProjectID, segments []recording.StoredSegment) []recording.StoredSegment {
	moved := slices.Clone(segments)
	for i := range moved {
		moved[i].Project = project
	}
	return moved
}

// sessionID is the n-th of ids that are ordered as n is.
func sessionID(n int) recording.SessionID {
	return recording.SessionID(fmt.Sprintf("0199a1b2-0000-7000-8000-%012d", n))
}

func mustWrite(t *testing.T, x index.Index, token string, segments []recording.StoredSegment, moments ...recording.Moment) {
	t.Helper()
	b := index.Batch{Token: token, Segments: segments, Moments: moments}
	if len(segments) > 0 {
		b.Project = segments[0].Project
	} else {
		b.Project = moments[0].Project
	}
	if err := x.Write(t.Context(), b); err != nil {
		t.Fatalf("Write(%s): %v", token, err)
	}
}

func mustSession(t *testing.T, x index.Index, project recording.ProjectID, session recording.SessionID) recording.Session {
	t.Helper()
	page, err := x.Sessions(t.Context(), index.SessionQuery{Project: project, SessionID: session})
	if err != nil {
		t.Fatalf("Sessions: %v", err)
	}
	if len(page.Sessions) != 1 {
		t.Fatalf("Sessions found %d rows for session %s, want 1", len(page.Sessions), session)
	}
	return page.Sessions[0]
}

func mustSegments(t *testing.T, x index.Index, project recording.ProjectID, session recording.SessionID) []recording.StoredSegment {
	t.Helper()
	segments, err := x.Segments(t.Context(), project, session)
	if err != nil {
		t.Fatalf("Segments: %v", err)
	}
	return segments
}

func mustStored(t *testing.T, x index.Index, from map[recording.SessionID]uint32) map[recording.SegmentID]struct{} {
	t.Helper()
	stored, err := x.Stored(t.Context(), shop, from)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func mustMoments(t *testing.T, x index.Index, q index.MomentQuery) []recording.Moment {
	t.Helper()
	moments, err := x.Moments(t.Context(), q)
	if err != nil {
		t.Fatalf("Moments: %v", err)
	}
	return moments
}

// same reports a difference; an empty slice or map is the same as none.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
