package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/search"
)

// The query types.
const (
	querySessions    = "sessions"
	queryReplay      = "replay"
	queryMoments     = "moments"
	queryTranscript  = "transcript"
	querySignals     = "signals"
	queryMetrics     = "metrics"
	queryTraces      = "traces"
	queryAnnotations = "annotations"
)

var queryTypes = []string{querySessions, queryReplay, queryMoments, queryTranscript, querySignals, queryMetrics, queryTraces, queryAnnotations}

// The formats of signals and metrics.
const (
	formatSeries = "time_series"
	formatTable  = "table"
)

// maxMillis is the last instant of an ECMAScript date.
const maxMillis = 8_640_000_000_000_000

// The largest limits, as pkg/index documents them.
const (
	maxSessions = 1000
	maxMoments  = 100_000
)

// kindRelease is, among annotations, the first session of a release.
const kindRelease recording.MomentKind = "release"

var momentKinds = []recording.MomentKind{
	recording.KindPageLoad, recording.KindNavigation, recording.KindClick, recording.KindRequest,
	recording.KindConsole, recording.KindError, recording.KindVisibility, recording.KindLongFrame,
	recording.KindIdentify, recording.KindCustom, recording.KindState, recording.KindInput,
	recording.KindSubmit, recording.KindScroll, recording.KindVital, recording.KindTextAppeared,
	recording.KindTextVanished, recording.KindGap, recording.KindSignal,
}

// queryModel is the query of docs/format/playback.md, as it comes from an
// editor, a link, a correlation or an alert rule.
type queryModel struct {
	Query     string  `json:"query"`
	SessionID string  `json:"sessionId"`
	TraceID   string  `json:"traceId"`
	At        instant `json:"at"`
	Filters   struct {
		User        string `json:"user"`
		URL         string `json:"url"`
		Errors      bool   `json:"errors"`
		Signal      string `json:"signal"`
		Seen        string `json:"seen"`
		Release     string `json:"release"`
		Environment string `json:"environment"`
		Browser     string `json:"browser"`
		Country     string `json:"country"`
	} `json:"filters"`
	AdHoc []struct {
		Key      string `json:"key"`
		Operator string `json:"operator"`
		Value    string `json:"value"`
	} `json:"adhocFilters"`
	Kinds    []recording.MomentKind `json:"kinds"`
	Metric   index.Metric           `json:"metric"`
	By       index.Label            `json:"by"`
	Name     string                 `json:"name"`
	Quantile float64                `json:"quantile"`
	Format   string                 `json:"format"`
	Live     *bool                  `json:"live"`
	Limit    int                    `json:"limit"`
}

// instant is a time in ms since the epoch. A link that Grafana filled in holds
// it as text.
type instant int64

// UnmarshalJSON reads a number, a text of digits, or nothing.
func (i *instant) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "" || text == "null" {
		return nil
	}
	ms, err := strconv.ParseFloat(text, 64)
	// Written so that NaN is refused too.
	if err != nil || !(ms >= 0 && ms <= maxMillis) {
		return &json.UnmarshalTypeError{Value: "text", Field: "at"}
	}
	*i = instant(ms)
	return nil
}

// query is a query that has been read and checked.
type query struct {
	Type    string // as given; empty is the bare query
	Text    string // as given
	Session recording.SessionID
	Trace   string
	AtMs    int64
	FromMs  int64
	ToMs    int64
	Find    index.SessionQuery // what filters and the search say
	Kinds   []recording.MomentKind
	Limit   int
	Live    bool // follow a session that runs

	Metric   index.Metric
	By       index.Label
	Name     string
	Quantile float64
	Format   string // formatSeries, formatTable; of signals empty for a list
	StepMs   int64
}

// errUser is a mistake in a query: nobody's fault but the asker's.
type errUser struct{ text string }

func (e *errUser) Error() string { return e.text }

func refusef(format string, args ...any) error { return &errUser{fmt.Sprintf(format, args...)} }

func parseQuery(q backend.DataQuery) (query, error) {
	var m queryModel
	if err := json.Unmarshal(q.JSON, &m); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return query{}, refusef("%s must not be a %s", wrong.Field, wrong.Value)
		}
		return query{}, refusef("the query must be a JSON object")
	}
	out := query{
		Type:     q.QueryType,
		Text:     strings.TrimSpace(m.Query),
		AtMs:     int64(m.At),
		FromMs:   q.TimeRange.From.UnixMilli(),
		ToMs:     q.TimeRange.To.UnixMilli(),
		Kinds:    m.Kinds,
		Limit:    m.Limit,
		Live:     m.Live == nil || *m.Live,
		Metric:   m.Metric,
		By:       m.By,
		Name:     m.Name,
		Quantile: m.Quantile,
		Format:   m.Format,
	}
	out.StepMs = stepOf(q, out.FromMs, out.ToMs)
	if err := out.check(m); err != nil {
		return out, err
	}
	return out, out.find(m)
}

func (q *query) check(m queryModel) error {
	if q.Type != "" && !slices.Contains(queryTypes, q.Type) {
		return refusef("unknown query type %.40q: use one of %s", q.Type, strings.Join(queryTypes, ", "))
	}
	if most := q.mostRows(); q.Limit < 0 || q.Limit > most {
		return refusef("limit must be from 0 to %d", most)
	}
	for _, kind := range q.Kinds {
		if !slices.Contains(momentKinds, kind) && (q.Type != queryAnnotations || kind != kindRelease) {
			return refusef("unknown kind of moment %.40q", string(kind))
		}
	}
	if err := q.checkMetric(); err != nil {
		return err
	}
	var err error
	if m.SessionID != "" {
		if q.Session, err = recording.ParseSessionID(m.SessionID); err != nil {
			return refusef("sessionId must be the id of a session")
		}
	}
	if m.TraceID != "" {
		if q.Trace, err = playback.ParseTraceID(m.TraceID); err != nil {
			return refusef("traceId must be 32 hex digits")
		}
	}
	return nil
}

// mostRows is the largest limit.
func (q *query) mostRows() int {
	switch {
	case q.Type == queryMoments, q.Type == queryTranscript, q.Type == queryTraces, q.Type == queryAnnotations, q.Type == querySignals && !q.measures():
		return maxMoments
	}
	return maxSessions
}

// find fills in what is looked for. Text that moments hold is no search.
func (q *query) find(m queryModel) error {
	f := m.Filters
	q.Find = index.SessionQuery{
		UserID: f.User, URL: f.URL, Errors: f.Errors, Signal: f.Signal, Seen: f.Seen,
		Release: f.Release, Environment: f.Environment, Browser: f.Browser, Country: f.Country,
	}
	var err error
	for _, filter := range m.AdHoc {
		if filter.Operator != "=" && filter.Operator != "" {
			return refusef("filter %.40q: only = is possible", filter.Key)
		}
		if !slices.Contains(search.Keys, filter.Key) {
			return refusef("there is no filter %.40q", filter.Key)
		}
		if q.Find, err = search.Parse(filter.Key+":"+search.Quote(filter.Value), q.Find); err != nil {
			return refusef("filter %s: %s", filter.Key, err)
		}
	}
	switch q.Type {
	case querySessions, querySignals, queryMetrics, queryTraces, queryAnnotations:
		if q.Find, err = search.Parse(q.Text, q.Find); err != nil {
			return refusef("query: %s", err)
		}
	}
	if q.Find.SessionID != "" {
		q.Session = q.Find.SessionID
	}
	if q.Find.TraceID != "" {
		q.Trace = q.Find.TraceID
	}
	return nil
}

// QueryData answers every query on its own: one that fails leaves the others
// alone.
func (d *Datasource) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	response := backend.NewQueryDataResponse()
	for _, q := range req.Queries {
		frames, err := d.answer(ctx, q)
		if err != nil {
			response.Responses[q.RefID] = d.errorResponse(ctx, q, err)
			continue
		}
		for _, frame := range frames {
			frame.RefID = q.RefID
		}
		response.Responses[q.RefID] = backend.DataResponse{Status: backend.StatusOK, Frames: frames}
	}
	return response, nil
}

func (d *Datasource) answer(ctx context.Context, dq backend.DataQuery) (data.Frames, error) {
	if d.problem != nil {
		return nil, refusef("the data source's settings cannot work: %s", d.problem)
	}
	q, err := parseQuery(dq)
	if err != nil {
		return nil, err
	}
	if q.measures() {
		return d.measure(ctx, q)
	}
	frame, err := d.frame(ctx, q)
	if err != nil {
		return nil, err
	}
	return data.Frames{frame}, nil
}

// frame answers a query whose answer is one frame.
func (d *Datasource) frame(ctx context.Context, q query) (*data.Frame, error) {
	switch q.Type {
	case querySessions:
		return d.sessions(ctx, q)
	case queryReplay:
		return d.replay(ctx, q)
	case queryMoments:
		return d.moments(ctx, q)
	case queryTranscript:
		return d.transcript(ctx, q)
	case querySignals:
		return d.signals(ctx, q)
	case queryTraces:
		return d.traces(ctx, q)
	case queryAnnotations:
		return d.annotations(ctx, q)
	default:
		return d.bare(ctx, q)
	}
}

// bare answers a query that says no more than what a link could: a session, a
// trace, or a text that is one of both or else searched for.
func (d *Datasource) bare(ctx context.Context, q query) (*data.Frame, error) {
	if q.Session == "" && q.Trace == "" {
		found, err := d.reader.Resolve(ctx, q.Text)
		if err != nil {
			return nil, err
		}
		if found.Session == "" {
			if q.Find, err = search.Parse(q.Text, q.Find); err != nil {
				return nil, refusef("query: %s", err)
			}
			q.Session, q.Trace = q.Find.SessionID, q.Find.TraceID
			return d.sessions(ctx, q)
		}
		q.Session, q.Trace = found.Session, found.TraceID
	}
	return d.replay(ctx, q)
}

// errorResponse says whose fault an error is, and no more of a store's error
// than that it has one: the log has the rest.
func (d *Datasource) errorResponse(ctx context.Context, q backend.DataQuery, err error) backend.DataResponse {
	status, text := backend.StatusBadGateway, "a store does not answer; Save & test of the data source says more"
	var user *errUser
	switch {
	case errors.As(err, &user):
		status, text = backend.StatusBadRequest, user.text
	case errors.Is(err, index.ErrNotFound):
		status, text = backend.StatusNotFound, "there is no such recording in project "+string(d.settings.Project)
	case errors.Is(err, index.ErrQuery):
		status, text = backend.StatusBadRequest, "the query cannot be answered as it is asked"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		status, text = backend.StatusTimeout, "the query was cancelled or took too long"
	default:
		d.log.ErrorContext(ctx, "Query cannot be answered", "refId", q.RefID, "queryType", q.QueryType, "error", d.settings.redact(err.Error()))
	}
	return backend.ErrDataResponseWithSource(status, backend.ErrorSourceDownstream, text)
}
