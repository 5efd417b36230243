package indextest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// texts are what breaks a query that is put together from strings, and what
// breaks a pattern.
var texts = []string{
	`it's`, `"quoted"`, "`ticks`", `back\slash`, `\`, `\\`, `\'`, `ends with \`, `100%`, `%`, `_`, `a_b`, `a%b`, `{x:String}`,
	`'; DROP TABLE sessions; --`, "tab\there", "line\nbreak", "carriage\rreturn", "nul\x00byte", `\N`, `NULL`, `\t`, `?`, `$1`, `@user`,
	`日本語のテキスト`, `Ünïcödé`, `👩‍💻 wrote 🎬`, ` leading and trailing `,
}

func takesAnyText(t *testing.T, x index.Index) {
	var segments []recording.StoredSegment
	var moments []recording.Moment
	for n, text := range texts {
		s := segment(sessionID(n), "window-1", 0)
		s.Origin.UserID = text
		s.Origin.UserAttributes = map[string]string{text: text}
		s.URLs = []string{"https://shop.example/" + text}
		m := moment(s, n, recording.KindClick)
		m.Text, m.Name, m.Attributes = text, text, map[string]string{text: text}
		segments, moments = append(segments, s), append(moments, m)
	}
	mustWrite(t, x, `tok'en\`, segments, moments...)

	holds := func(text string) (want []recording.SessionID, wantMoments []recording.Moment) {
		for n, other := range texts {
			if strings.Contains(strings.ToLower(other), strings.ToLower(text)) {
				want = append([]recording.SessionID{sessionID(n)}, want...)
				wantMoments = append(wantMoments, moments[n])
			}
		}
		return want, wantMoments
	}
	for n, text := range texts {
		same(t, fmt.Sprintf("segments of %q", text), mustSegments(t, x, shop, sessionID(n)), segments[n:n+1])
		page, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, UserID: text})
		if err != nil {
			t.Errorf("user %q: %v", text, err)
			continue
		}
		same(t, fmt.Sprintf("sessions of user %q", text), idsOf(page.Sessions), []recording.SessionID{sessionID(n)})
		want, wantMoments := holds(text)
		for name, q := range map[string]index.SessionQuery{"URL": {URL: text}, "text": {Text: text}} {
			q.Project = shop
			page, err := x.Sessions(t.Context(), q)
			if err != nil {
				t.Errorf("%s %q: %v", name, text, err)
				continue
			}
			same(t, fmt.Sprintf("sessions by %s %q", name, text), idsOf(page.Sessions), want)
		}
		same(t, fmt.Sprintf("moments by text %q", text), mustMoments(t, x, index.MomentQuery{Project: shop, Text: text}), wantMoments)
	}
	for _, q := range []string{"ÜNÏCÖDÉ", "WROTE 🎬", "日本語"} {
		page, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, Text: q})
		if err != nil || len(page.Sessions) != 1 {
			t.Errorf("text %q found %v, %v, want one session", q, idsOf(page.Sessions), err)
		}
	}
}

func takesAnyInsight(t *testing.T, x index.Index) {
	var segments []recording.StoredSegment
	for n := range texts {
		segments = append(segments, segment(sessionID(n), "window-1", 0))
	}
	mustWrite(t, x, "batch", segments)
	seen := index.Batch{Project: shop, Token: "seen", Class: recording.ClassNormal}
	for n, text := range texts {
		seen.Texts = append(seen.Texts, seenText(segments[n], text, int64(n), int64(n)))
		found := signal(segments[n], 0, text)
		found.Attributes = map[string]string{"element": text}
		seen.Moments = append(seen.Moments, found)
	}
	mustWriteBatch(t, x, seen)
	same(t, "Texts", mustTexts(t, x, index.TextQuery{Project: shop}), seen.Texts)
	for n, text := range texts {
		page, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, Signal: text})
		if err != nil {
			t.Errorf("signal %q: %v", text, err)
			continue
		}
		same(t, fmt.Sprintf("sessions with signal %q", text), idsOf(page.Sessions), []recording.SessionID{sessionID(n)})
	}
	for _, words := range []string{"it's", "日本語のテキスト", "NUL byte", "DROP TABLE", "back\\slash", "x String"} {
		page, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, Seen: words})
		if err != nil || len(page.Sessions) != 1 {
			t.Errorf("seen %q found %v, %v, want one session", words, idsOf(page.Sessions), err)
		}
	}
}

// takesAnyTime: a browser's clock can say anything the wire lets through, and
// a batch that can never be written would block all after it.
func takesAnyTime(t *testing.T, x index.Index) {
	times := []int64{0, 1, -5, 8_640_000_000_000_000, -8_640_000_000_000_000, 253_402_300_800_000}
	for n, ms := range times {
		s := segment(sessionID(n), "window-1", 0)
		s.StartMs, s.EndMs, s.ClockOffsetMs, s.FullSnapshots = ms, ms, base-ms, []int64{ms}
		mustWrite(t, x, fmt.Sprint(n), []recording.StoredSegment{s}, moment(s, 0, recording.KindClick))
		mustSegments(t, x, shop, s.Session)
		mustSession(t, x, shop, s.Session)
		if got := mustMoments(t, x, index.MomentQuery{Project: shop, SessionID: s.Session}); len(got) != 1 {
			t.Errorf("%d moments of time %d, want 1", len(got), ms)
		}
	}
	page, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop, FromMs: -1 << 62, ToMs: 1 << 62})
	if err != nil || len(page.Sessions) != len(times) {
		t.Errorf("%d sessions of all times, %v, want %d", len(page.Sessions), err, len(times))
	}
}

func saysNotFound(t *testing.T, x index.Index) {
	if _, err := x.Segments(t.Context(), shop, sid); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("Segments of an unknown session = %v, want ErrNotFound", err)
	}
	page, err := x.Sessions(t.Context(), index.SessionQuery{Project: shop})
	if err != nil || len(page.Sessions) != 0 || page.Next != "" {
		t.Errorf("Sessions of an empty index = %+v, %v", page, err)
	}
	same(t, "Moments of an empty index", mustMoments(t, x, index.MomentQuery{Project: shop}), []recording.Moment{})
	for _, sessions := range []map[recording.SessionID]uint32{nil, {sid: 0}} {
		stored, err := x.Stored(t.Context(), shop, sessions)
		if err != nil || len(stored) != 0 {
			t.Errorf("Stored of an empty index = %v, %v", stored, err)
		}
	}
	if err := x.Write(t.Context(), index.Batch{Project: shop, Token: "empty"}); err != nil {
		t.Errorf("Write of an empty batch: %v", err)
	}
}

func refusesQueries(t *testing.T, x index.Index) {
	for name, q := range map[string]index.SessionQuery{
		"no project": {Project: ""}, "limit below": {Project: shop, Limit: -1}, "limit above": {Project: shop, Limit: 1001},
		"cursor": {Project: shop, Before: "rubbish"}, "half a cursor": {Project: shop, Before: "12."},
		"cursor of another kind": {Project: shop, Before: "x." + string(sid)},
	} {
		if _, err := x.Sessions(t.Context(), q); !errors.Is(err, index.ErrQuery) {
			t.Errorf("Sessions with %s = %v, want ErrQuery", name, err)
		}
	}
	for name, q := range map[string]index.MomentQuery{
		"no project": {Project: ""}, "limit below": {Project: shop, Limit: -1}, "limit above": {Project: shop, Limit: 100001},
	} {
		if _, err := x.Moments(t.Context(), q); !errors.Is(err, index.ErrQuery) {
			t.Errorf("Moments with %s = %v, want ErrQuery", name, err)
		}
	}
	_, keyframesErr := x.Keyframes(t.Context(), "", sid)
	_, textsErr := x.Texts(t.Context(), index.TextQuery{})
	_, textsLimitErr := x.Texts(t.Context(), index.TextQuery{Project: shop, Limit: 100001})
	_, valuesErr := x.Values(t.Context(), index.ValuesQuery{Field: index.FieldUser})
	_, valuesLimitErr := x.Values(t.Context(), index.ValuesQuery{Project: shop, Field: index.FieldUser, Limit: 1001})
	for name, err := range map[string]error{
		"Keyframes of no project": keyframesErr, "Texts of no project": textsErr, "too many Texts": textsLimitErr,
		"Values of no project": valuesErr, "too many Values": valuesLimitErr,
	} {
		if !errors.Is(err, index.ErrQuery) {
			t.Errorf("%s = %v, want ErrQuery", name, err)
		}
	}
	if _, err := x.Segments(t.Context(), "", sid); !errors.Is(err, index.ErrQuery) {
		t.Errorf("Segments of no project = %v, want ErrQuery", err)
	}
	if _, err := x.Stored(t.Context(), "", map[recording.SessionID]uint32{sid: 0}); !errors.Is(err, index.ErrQuery) {
		t.Errorf("Stored of no project = %v, want ErrQuery", err)
	}
}

func obeysContext(t *testing.T, x index.Index) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := segment(sid, "window-1", 0)
	_, storedErr := x.Stored(ctx, shop, map[recording.SessionID]uint32{sid: 0})
	_, sessionsErr := x.Sessions(ctx, index.SessionQuery{Project: shop})
	_, segmentsErr := x.Segments(ctx, shop, sid)
	_, momentsErr := x.Moments(ctx, index.MomentQuery{Project: shop})
	_, keyframesErr := x.Keyframes(ctx, shop, sid)
	_, textsErr := x.Texts(ctx, index.TextQuery{Project: shop})
	_, seriesErr := x.Series(ctx, index.SeriesQuery{Project: shop, Metric: index.MetricSessions, ToMs: 1})
	_, valuesErr := x.Values(ctx, index.ValuesQuery{Project: shop, Field: index.FieldUser})
	for name, err := range map[string]error{
		"Migrate": x.Migrate(ctx), "Check": x.Check(ctx), "Stored": storedErr, "Sessions": sessionsErr,
		"Segments": segmentsErr, "Moments": momentsErr, "Keyframes": keyframesErr, "Texts": textsErr, "Series": seriesErr, "Values": valuesErr,
		"Write": x.Write(ctx, index.Batch{Project: shop, Token: "t", Segments: []recording.StoredSegment{s}}),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context = %v, want context.Canceled", name, err)
		}
	}
}
