package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/links"
	"github.com/playhead/playhead/pkg/moments"
	"github.com/playhead/playhead/pkg/recording"
)

func (q query) within() links.Range { return links.Range{FromMs: q.FromMs, ToMs: q.ToMs} }

// transcript answers with a session in words, as lines of a log.
func (d *Datasource) transcript(ctx context.Context, q query) (*data.Frame, error) {
	session, _, err := d.sessionOf(ctx, q)
	if err != nil {
		return nil, err
	}
	if frame, err := d.followed(ctx, q, session); frame != nil || err != nil {
		return frame, err
	}
	lines, err := d.reader.Transcript(ctx, session.ID)
	if err != nil {
		return nil, err
	}
	limit := q.Limit
	if limit == 0 {
		limit = maxMoments
	}
	shown := lines[:min(limit, len(lines))]
	frame, err := transcriptFrame(session, shown, d.links)
	if err != nil {
		return nil, err
	}
	if len(shown) < len(lines) {
		frame.AppendNotices(firstOnly(limit, "lines"))
	}
	return frame, nil
}

// transcriptFrame lays lines out as the data plane's contract says of log
// lines; further fields carry the links.
func transcriptFrame(session recording.Session, lines []moments.Line, to links.Config) (*data.Frame, error) {
	labels := make([]json.RawMessage, len(lines))
	for i, l := range lines {
		encoded, err := json.Marshal(labelsOf(l))
		if err != nil {
			return nil, fmt.Errorf("encode labels: %w", err)
		}
		labels[i] = encoded
	}
	id := column("session_id", lines, func(moments.Line) string { return string(session.ID) })
	id.Config = withLinks(to.Session(links.RowValue, links.RowTimestamp, rangeOfSessions([]recording.Session{session})))
	trace := column("trace_id", lines, func(l moments.Line) string { return l.TraceID })
	trace.Config = withLinks(to.Trace(links.RowValue, links.RowSpan))
	frame := data.NewFrame("transcript",
		column("timestamp", lines, func(l moments.Line) time.Time { return timeOf(l.TimestampMs) }),
		column("body", lines, func(l moments.Line) string { return l.Text }),
		column("severity", lines, func(l moments.Line) string { return l.Level }),
		column("id", lines, func(l moments.Line) string { return idOf(l.Moment) }),
		data.NewField("labels", nil, labels),
		id,
		trace,
		column("span_id", lines, func(l moments.Line) string { return l.SpanID }),
	)
	frame.Meta = &data.FrameMeta{Type: data.FrameTypeLogLines, PreferredVisualization: data.VisTypeLogs}
	return frame, nil
}

func labelsOf(l moments.Line) map[string]string {
	all := map[string]string{
		"session_id": string(l.Moment.Session), "window_id": string(l.Moment.Window), "page_id": string(l.Moment.Page),
		"kind": string(l.Moment.Kind), "name": l.Moment.Name, "url": l.Moment.URL, "trace_id": l.TraceID, "span_id": l.SpanID,
	}
	for name, value := range all {
		if value == "" {
			delete(all, name)
		}
	}
	return all
}

// idOf tells a moment from all others of its project.
func idOf(m recording.Moment) string {
	return fmt.Sprintf("%s/%s/%d/%d/%d", m.Session, m.Window, m.Seq, m.Event, m.Part)
}

// signals lists signals.
func (d *Datasource) signals(ctx context.Context, q query) (*data.Frame, error) {
	find := q.momentsOf(recording.KindSignal)
	find.Text = q.Find.Text
	if q.Find.Signal != index.AnySignal {
		find.Name = q.Find.Signal
	}
	found, err := d.reader.Moments(ctx, find)
	if err != nil {
		return nil, err
	}
	frame := signalsFrame(found, d.links)
	if limit := q.limitOr(defaultMoments); len(found) == limit {
		frame.AppendNotices(firstOnly(limit, "signals"))
	}
	q.noticeUnused(frame, "signals")
	return frame, nil
}

func (q query) limitOr(standard int) int {
	if q.Limit == 0 {
		return standard
	}
	return q.Limit
}

func signalsFrame(found []recording.Moment, to links.Config) *data.Frame {
	text := func(name string, of func(recording.Moment) string) *data.Field { return column(name, found, of) }
	trace := text("trace_id", func(m recording.Moment) string { return m.TraceID })
	trace.Config = withLinks(to.Trace(links.RowValue, links.RowSpan))
	duration := column("duration_ms", found, func(m recording.Moment) int64 { return m.DurationMs })
	duration.Config = &data.FieldConfig{Unit: "ms"}
	session := text("session_id", func(m recording.Moment) string { return string(m.Session) })
	session.Config = withLinks(to.Session(links.RowValue, links.RowTime, rangeOfMoments(found)))
	return table(data.NewFrame("signals",
		column("time", found, func(m recording.Moment) time.Time { return timeOf(m.TimestampMs) }),
		text("signal", func(m recording.Moment) string { return m.Name }),
		text("text", func(m recording.Moment) string { return m.Text }),
		text("element", func(m recording.Moment) string { return m.Attributes["element"] }),
		text("selector", func(m recording.Moment) string { return m.Selector }),
		text("url", func(m recording.Moment) string { return m.URL }),
		trace,
		text("span_id", func(m recording.Moment) string { return m.SpanID }),
		duration,
		column("status", found, func(m recording.Moment) int64 { return int64(m.Status) }),
		session,
	))
}

// trace is what is known of a trace from the browser.
type trace struct {
	first    recording.Moment
	endMs    int64
	requests int64
	failed   int64
}

// traces lists the traces of a session, or of all sessions of the time range,
// in the order in which they began.
func (d *Datasource) traces(ctx context.Context, q query) (*data.Frame, error) {
	find := q.momentsOf(recording.KindRequest)
	find.Text, find.InTrace = q.Find.Text, true
	found, err := d.reader.Moments(ctx, find)
	if err != nil {
		return nil, err
	}
	frame := tracesFrame(tracesOf(found), rangeOfMoments(found), d.links)
	if limit := q.limitOr(defaultMoments); len(found) == limit {
		frame.AppendNotices(firstOnly(limit, "requests"))
	}
	return frame, nil
}

func tracesOf(requests []recording.Moment) []trace {
	var all []trace
	at := make(map[string]int)
	for _, m := range requests {
		i, known := at[m.TraceID]
		if !known {
			i = len(all)
			at[m.TraceID] = i
			all = append(all, trace{first: m})
		}
		t := &all[i]
		t.endMs = max(t.endMs, m.TimestampMs+m.DurationMs)
		t.requests++
		if m.Status == 0 || m.Status >= 400 {
			t.failed++
		}
	}
	return all
}

func tracesFrame(all []trace, within links.Range, to links.Config) *data.Frame {
	text := func(name string, of func(recording.Moment) string) *data.Field {
		return column(name, all, func(t trace) string { return of(t.first) })
	}
	id := text("trace_id", func(m recording.Moment) string { return m.TraceID })
	id.Config = withLinks(to.Trace(links.RowValue, links.RowSpan))
	duration := column("duration_ms", all, func(t trace) int64 { return t.endMs - t.first.TimestampMs })
	duration.Config = &data.FieldConfig{Unit: "ms"}
	session := text("session_id", func(m recording.Moment) string { return string(m.Session) })
	session.Config = withLinks(to.Session(links.RowValue, links.RowTime, within))
	return table(data.NewFrame("traces",
		column("time", all, func(t trace) time.Time { return timeOf(t.first.TimestampMs) }),
		id,
		text("span_id", func(m recording.Moment) string { return m.SpanID }),
		text("name", func(m recording.Moment) string { return strings.TrimSpace(m.Name + " " + m.URL) }),
		column("status", all, func(t trace) int64 { return int64(t.first.Status) }),
		duration,
		column("requests", all, func(t trace) int64 { return t.requests }),
		column("failed_requests", all, func(t trace) int64 { return t.failed }),
		session,
	))
}

// annotation is an event as Grafana shows it.
type annotation struct {
	fromMs, toMs    int64
	title, text, id string
	tags            []string
	session         recording.SessionID
}

// annotations answers with what happened as events: signals and errors unless
// other kinds are asked for, and releases, at their first session.
func (d *Datasource) annotations(ctx context.Context, q query) (*data.Frame, error) {
	if len(q.Kinds) == 0 {
		q.Kinds = []recording.MomentKind{recording.KindSignal, recording.KindError}
	}
	var all []annotation
	releases := slices.Contains(q.Kinds, kindRelease)
	kinds := slices.DeleteFunc(slices.Clone(q.Kinds), func(k recording.MomentKind) bool { return k == kindRelease })
	if len(kinds) > 0 {
		find := q.momentsOf(kinds...)
		find.Text = q.Find.Text
		if q.Find.Signal != index.AnySignal {
			find.Name = q.Find.Signal
		}
		found, err := d.reader.Moments(ctx, find)
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			all = append(all, annotationOf(m))
		}
	}
	if releases {
		first, err := d.releases(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, first...)
	}
	slices.SortStableFunc(all, func(a, b annotation) int { return int(a.fromMs - b.fromMs) })
	return annotationsFrame(all, d.links), nil
}

func annotationOf(m recording.Moment) annotation {
	title := string(m.Kind)
	if m.Name != "" {
		title = strings.ReplaceAll(m.Name, "_", " ")
	}
	text := m.Text
	if text != "" && m.URL != "" {
		text += " · "
	}
	return annotation{
		fromMs: m.TimestampMs, toMs: m.TimestampMs + m.DurationMs, title: title, text: text + m.URL,
		id: idOf(m), tags: []string{string(m.Kind)}, session: m.Session,
	}
}

// knownReleaseMs is how long before the time range a release that is not new
// was seen.
const knownReleaseMs = 30 * 24 * int64(time.Hour/time.Millisecond)

// releases are the releases of which the first session is in the time range.
func (d *Datasource) releases(ctx context.Context, q query) ([]annotation, error) {
	if q.ToMs <= q.FromMs {
		return nil, refusef("annotations need a time range")
	}
	known, err := d.reader.Values(ctx, index.ValuesQuery{Field: index.FieldRelease, FromMs: max(q.FromMs-knownReleaseMs, 1), ToMs: q.FromMs, Limit: maxSessions})
	if err != nil {
		return nil, err
	}
	points, err := d.reader.Series(ctx, index.SeriesQuery{
		Metric: index.MetricSessions, By: index.LabelRelease, FromMs: q.FromMs, ToMs: q.ToMs, StepMs: q.StepMs, Limit: maxSessions,
		Environment: q.Find.Environment,
	})
	if err != nil {
		return nil, err
	}
	var all []annotation
	for _, p := range points { // ordered by label and time
		if p.Label == "" || slices.Contains(known, p.Label) {
			continue
		}
		known = append(known, p.Label)
		at := max(p.TimeMs, q.FromMs)
		all = append(all, annotation{fromMs: at, toMs: at, title: "release " + p.Label, text: "First session of " + p.Label, id: "release/" + p.Label, tags: []string{string(kindRelease)}})
	}
	return all, nil
}

// withoutMarkup keeps what a recorded page says from being markup: Grafana takes
// an annotation's title and text for HTML, of which its sanitizer lets images
// through, and an image would call whoever wrote the page.
func withoutMarkup(text string) string { return strings.ReplaceAll(text, "<", "&lt;") }

func annotationsFrame(all []annotation, to links.Config) *data.Frame {
	within := links.Range{}
	if len(all) > 0 {
		within = links.Range{FromMs: all[0].fromMs, ToMs: all[len(all)-1].toMs}
	}
	session := column("session_id", all, func(a annotation) string { return string(a.session) })
	session.Config = withLinks(to.Session(links.RowValue, links.RowTime, within))
	return table(data.NewFrame("annotations",
		column("time", all, func(a annotation) time.Time { return timeOf(a.fromMs) }),
		column("timeEnd", all, func(a annotation) time.Time { return timeOf(a.toMs) }),
		column("title", all, func(a annotation) string { return withoutMarkup(a.title) }),
		column("text", all, func(a annotation) string { return withoutMarkup(a.text) }),
		column("tags", all, func(a annotation) string { return strings.Join(a.tags, ",") }),
		column("id", all, func(a annotation) string { return a.id }),
		session,
	))
}
