package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/links"
	"github.com/playhead/playhead/pkg/recording"
)

// PanelID is the plugin id of the panel that shows a replay frame.
const PanelID = "playhead-replay-panel"

// defaultMoments is pkg/index's own limit when none is given; here it decides
// whether to say that there may be more.
const defaultMoments = 1000

// sessions lists sessions.
func (d *Datasource) sessions(ctx context.Context, q query) (*data.Frame, error) {
	find := q.Find
	find.FromMs, find.ToMs, find.SessionID, find.TraceID, find.Limit = q.FromMs, q.ToMs, q.Session, q.Trace, q.Limit
	page, err := d.reader.Sessions(ctx, find)
	if err != nil {
		return nil, err
	}
	frame := sessionsFrame(page.Sessions, d.links)
	if page.Next != "" {
		frame.AppendNotices(firstOnly(len(page.Sessions), "sessions"))
	}
	return frame, nil
}

func sessionsFrame(sessions []recording.Session, to links.Config) *data.Frame {
	id := column("session_id", sessions, func(s recording.Session) string { return string(s.ID) })
	id.Config = withLinks(to.Session(links.RowValue, links.RowStart, rangeOfSessions(sessions)))
	duration := column("duration_ms", sessions, func(s recording.Session) int64 { return s.EndMs - s.StartMs })
	duration.Config = &data.FieldConfig{Unit: "ms"}
	count := func(name string, of func(recording.Session) int) *data.Field {
		return column(name, sessions, func(s recording.Session) int64 { return int64(of(s)) })
	}
	return table(data.NewFrame("sessions",
		id,
		column("start", sessions, func(s recording.Session) time.Time { return timeOf(s.StartMs) }),
		duration,
		column("user_id", sessions, func(s recording.Session) string { return s.UserID }),
		column("first_url", sessions, firstURL),
		count("pages", func(s recording.Session) int { return s.Counts.Pages }),
		count("clicks", func(s recording.Session) int { return s.Counts.Clicks }),
		count("requests", func(s recording.Session) int { return s.Counts.Requests }),
		count("failed_requests", func(s recording.Session) int { return s.Counts.FailedRequests }),
		count("errors", func(s recording.Session) int { return s.Counts.Errors }),
		column("signals", sessions, func(s recording.Session) int64 { return signalsOf(s) }),
		count("events", func(s recording.Session) int { return s.Events }),
		column("release", sessions, func(s recording.Session) string { return s.Release }),
		column("environment", sessions, func(s recording.Session) string { return s.Environment }),
		column("user_agent", sessions, func(s recording.Session) string { return s.UserAgent }),
		column("country", sessions, func(s recording.Session) string { return s.Country }),
	))
}

// replay makes the frame that the player plays: which session, and from where.
func (d *Datasource) replay(ctx context.Context, q query) (*data.Frame, error) {
	session, trace, err := d.sessionOf(ctx, q)
	if err != nil {
		return nil, err
	}
	at := session.StartMs
	switch {
	case q.AtMs != 0:
		at = q.AtMs
	case trace != "":
		if at, err = d.firstOfTrace(ctx, session, trace); err != nil {
			return nil, err
		}
	}
	return replayFrame(session, min(max(at, session.StartMs), session.EndMs), d.self.UID), nil
}

// sessionOf finds the session that a replay query means, and the trace that it
// came from, if any.
func (d *Datasource) sessionOf(ctx context.Context, q query) (recording.Session, string, error) {
	id, trace := q.Session, q.Trace
	if id == "" {
		text := q.Text
		if trace != "" {
			text = trace
		}
		if text == "" {
			return recording.Session{}, "", refusef("a %s needs sessionId, traceId or query", cmp.Or(q.Type, queryReplay))
		}
		found, err := d.reader.Resolve(ctx, text)
		if err != nil {
			return recording.Session{}, "", err
		}
		if found.Session == "" {
			return recording.Session{}, "", index.ErrNotFound
		}
		id, trace = found.Session, found.TraceID
	}
	session, err := d.reader.Session(ctx, id)
	return session, trace, err
}

// firstOfTrace is when the session first took part in a trace, or the
// session's start when no moment says so.
func (d *Datasource) firstOfTrace(ctx context.Context, session recording.Session, trace string) (int64, error) {
	moments, err := d.reader.Moments(ctx, index.MomentQuery{SessionID: session.ID, TraceID: trace, Limit: 1})
	if err != nil {
		return 0, err
	}
	if len(moments) == 0 {
		return session.StartMs, nil
	}
	return moments[0].TimestampMs, nil
}

func replayFrame(session recording.Session, atMs int64, uid string) *data.Frame {
	frame := data.NewFrame("replay",
		data.NewField("session_id", nil, []string{string(session.ID)}),
		data.NewField("start", nil, []time.Time{timeOf(session.StartMs)}),
		data.NewField("end", nil, []time.Time{timeOf(session.EndMs)}),
		data.NewField("datasource_uid", nil, []string{uid}),
		data.NewField("at", nil, []time.Time{timeOf(atMs)}),
		data.NewField("user_id", nil, []string{session.UserID}),
		data.NewField("first_url", nil, []string{firstURL(session)}),
	)
	frame.Meta = &data.FrameMeta{PreferredVisualizationPluginID: PanelID}
	return frame
}

// moments lists what happened, in one session, in one trace or in all
// sessions of the time range.
func (d *Datasource) moments(ctx context.Context, q query) (*data.Frame, error) {
	if q.Session != "" {
		session, err := d.reader.Session(ctx, q.Session)
		if err != nil && !errors.Is(err, index.ErrNotFound) {
			return nil, err
		}
		if frame, err := d.followed(ctx, q, session); frame != nil || err != nil {
			return frame, err
		}
	}
	find := q.momentsOf(q.Kinds...)
	find.Text = q.Text
	moments, err := d.reader.Moments(ctx, find)
	if err != nil {
		return nil, err
	}
	frame := momentsFrame(moments, d.links)
	limit := q.Limit
	if limit == 0 {
		limit = defaultMoments
	}
	if len(moments) == limit {
		frame.AppendNotices(firstOnly(limit, "moments"))
	}
	q.noticeUnused(frame, "moments")
	return frame, nil
}

// momentsOf is the query for moments of these kinds.
func (q query) momentsOf(kinds ...recording.MomentKind) index.MomentQuery {
	return index.MomentQuery{
		SessionID: q.Session, TraceID: q.Trace, FromMs: q.FromMs, ToMs: q.ToMs, Kinds: kinds, Limit: q.Limit,
		URL: q.Find.URL, UserID: q.Find.UserID, Release: q.Find.Release, Environment: q.Find.Environment, Browser: q.Find.Browser, Country: q.Find.Country,
	}
}

// noticeUnused says which filters select sessions only.
func (q query) noticeUnused(frame *data.Frame, what string) {
	f := q.Find
	if f.Errors || f.Seen != "" || f.MinDurationMs != 0 || f.MaxDurationMs != 0 || what == "moments" && f.Signal != "" {
		frame.AppendNotices(data.Notice{Severity: data.NoticeSeverityWarning, Text: "Filters by errors, seen text, length and signal select sessions, not " + what + "."})
	}
}

func momentsFrame(moments []recording.Moment, to links.Config) *data.Frame {
	text := func(name string, of func(recording.Moment) string) *data.Field { return column(name, moments, of) }
	trace := text("trace_id", func(m recording.Moment) string { return m.TraceID })
	trace.Config = withLinks(to.Trace(links.RowValue, links.RowSpan))
	duration := column("duration_ms", moments, func(m recording.Moment) int64 { return m.DurationMs })
	duration.Config = &data.FieldConfig{Unit: "ms"}
	session := text("session_id", func(m recording.Moment) string { return string(m.Session) })
	session.Config = withLinks(to.Session(links.RowValue, links.RowTime, rangeOfMoments(moments)))
	return table(data.NewFrame("moments",
		column("time", moments, func(m recording.Moment) time.Time { return timeOf(m.TimestampMs) }),
		text("kind", func(m recording.Moment) string { return string(m.Kind) }),
		text("name", func(m recording.Moment) string { return m.Name }),
		text("text", func(m recording.Moment) string { return m.Text }),
		text("url", func(m recording.Moment) string { return m.URL }),
		text("selector", func(m recording.Moment) string { return m.Selector }),
		trace,
		text("span_id", func(m recording.Moment) string { return m.SpanID }),
		duration,
		column("status", moments, func(m recording.Moment) int64 { return int64(m.Status) }),
		session,
		text("window_id", func(m recording.Moment) string { return string(m.Window) }),
	))
}

// column makes a field with one value for each row.
func column[Row any, Value any](name string, rows []Row, of func(Row) Value) *data.Field {
	values := make([]Value, len(rows))
	for i, row := range rows {
		values[i] = of(row)
	}
	return data.NewField(name, nil, values)
}

func table(frame *data.Frame) *data.Frame {
	frame.Meta = &data.FrameMeta{
		Type:                   data.FrameTypeTable,
		TypeVersion:            data.FrameTypeVersion{0, 1},
		PreferredVisualization: data.VisTypeTable,
	}
	return frame
}

func withLinks(all []links.Link) *data.FieldConfig {
	config := &data.FieldConfig{}
	for _, link := range all {
		config.Links = append(config.Links, dataLink(link))
	}
	return config
}

func dataLink(link links.Link) data.DataLink {
	if link.URL != "" {
		return data.DataLink{Title: link.Title, URL: link.URL}
	}
	internal := &data.InternalDataLink{DatasourceUID: link.Target.UID, DatasourceName: link.Target.Name, Query: link.Query}
	if link.Panels != nil {
		state := data.ExplorePanelsState(link.Panels)
		internal.ExplorePanelsState = &state
	}
	return data.DataLink{Title: link.Title, Internal: internal}
}

func rangeOfSessions(sessions []recording.Session) links.Range {
	if len(sessions) == 0 {
		return links.Range{}
	}
	within := links.Range{FromMs: sessions[0].StartMs, ToMs: sessions[0].EndMs}
	for _, s := range sessions[1:] {
		within.FromMs, within.ToMs = min(within.FromMs, s.StartMs), max(within.ToMs, s.EndMs)
	}
	return within
}

// rangeOfMoments relies on their order.
func rangeOfMoments(moments []recording.Moment) links.Range {
	if len(moments) == 0 {
		return links.Range{}
	}
	return links.Range{FromMs: moments[0].TimestampMs, ToMs: moments[len(moments)-1].TimestampMs}
}

func firstOnly(n int, what string) data.Notice {
	return data.Notice{
		Severity: data.NoticeSeverityInfo,
		Text:     fmt.Sprintf("Only the first %s %s are shown. Raise the limit or narrow the query.", strconv.Itoa(n), what),
	}
}

func signalsOf(s recording.Session) (sum int64) {
	for _, n := range s.Signals {
		sum += int64(n)
	}
	return sum
}

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func firstURL(s recording.Session) string {
	if len(s.URLs) == 0 {
		return ""
	}
	return s.URLs[0]
}
