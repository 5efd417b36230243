package indextest

import (
	"errors"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

func clearsProject(t *testing.T, x index.Index) {
	segments := visit()
	click := moment(segments[0], 1, recording.KindClick)
	click.TraceID = strings.Repeat("ab", 16)
	mustWrite(t, x, "batch", segments, click)
	theirs := inProject(blog, segments)
	mustWrite(t, x, "batch", theirs)

	if err := x.Clear(t.Context(), shop); err != nil {
		t.Fatalf("Clear: %v", err)
	}
	for name, q := range map[string]index.SessionQuery{"all": {}, "id": {SessionID: sid}, "trace": {TraceID: click.TraceID}, "user": {UserID: "berta"}} {
		q.Project = shop
		page, err := x.Sessions(t.Context(), q)
		if err != nil || len(page.Sessions) != 0 {
			t.Errorf("Sessions of a cleared project by %s = %v, %v, want none", name, page.Sessions, err)
		}
	}
	if _, err := x.Segments(t.Context(), shop, sid); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("Segments of a cleared project = %v, want ErrNotFound", err)
	}
	same(t, "Moments of a cleared project", mustMoments(t, x, index.MomentQuery{Project: shop}), []recording.Moment{})
	same(t, "Segments of another project", mustSegments(t, x, blog, sid), theirs)

	// What was there before can come back, the very same batch.
	mustWrite(t, x, "batch", segments, click)
	same(t, "session", mustSession(t, x, shop, sid), visited())
	same(t, "Segments", mustSegments(t, x, shop, sid), segments)
	same(t, "Moments", mustMoments(t, x, index.MomentQuery{Project: shop, TraceID: click.TraceID}), []recording.Moment{click})
}
