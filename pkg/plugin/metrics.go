package plugin

import (
	"context"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/playhead/playhead/pkg/index"
)

// maxPoints bounds the points of a series, as pkg/index does.
const maxPoints = 11_000

// minStepMs is the shortest bucket.
const minStepMs = 1000

// stepOf is the width of the buckets that Grafana asks for, or a wider one when
// there would be too many.
func stepOf(q backend.DataQuery, fromMs, toMs int64) int64 {
	step := max(q.Interval.Milliseconds(), minStepMs)
	if q.Interval == 0 && q.MaxDataPoints > 0 {
		step = max((toMs-fromMs)/q.MaxDataPoints, minStepMs)
	}
	return max(step, (toMs-fromMs+maxPoints-1)/maxPoints)
}

// measures reports whether the answer is numbers.
func (q query) measures() bool {
	return q.Type == queryMetrics || q.Type == querySignals && (q.Format != "" || q.By != "")
}

func (q *query) checkMetric() error {
	if !q.measures() {
		return nil
	}
	if q.Metric == "" {
		q.Metric = index.MetricSessions
	}
	if q.Type == querySignals && q.Metric != index.MetricSignalSessions {
		q.Metric = index.MetricSignals
	}
	if q.Format == "" {
		q.Format = formatSeries
		if q.Type == querySignals {
			q.Format = formatTable
		}
	}
	switch {
	case !slices.Contains(index.Metrics, q.Metric):
		return refusef("unknown metric %.40q", string(q.Metric))
	case q.By != "" && !slices.Contains(index.Labels, q.By):
		return refusef("by cannot be %.40q", string(q.By))
	case q.Format != formatSeries && q.Format != formatTable:
		return refusef("format must be %s or %s", formatSeries, formatTable)
	case !(q.Quantile >= 0 && q.Quantile <= 1): // so that NaN is refused too
		return refusef("quantile must be from 0 to 1")
	}
	return nil
}

// counts reports whether a bucket without rows is 0 and not unknown.
func counts(m index.Metric) bool {
	return m != index.MetricRequestDuration && m != index.MetricVital
}

// measure answers with a metric: a series for each label, or a number.
func (d *Datasource) measure(ctx context.Context, q query) (data.Frames, error) {
	f := q.Find
	if f.Text != "" || f.Seen != "" || f.Errors || f.MinDurationMs != 0 || f.MaxDurationMs != 0 || q.Session != "" || q.Trace != "" {
		return nil, refusef("%s can be filtered by user, url, release, env, browser, country and signal", q.Type)
	}
	if q.ToMs <= q.FromMs {
		return nil, refusef("%s need a time range", q.Type)
	}
	find := index.SeriesQuery{
		Metric: q.Metric, FromMs: q.FromMs, ToMs: q.ToMs, By: q.By, Quantile: q.Quantile, Limit: q.Limit,
		Name: q.Name, URL: f.URL, UserID: f.UserID, Release: f.Release, Environment: f.Environment, Browser: f.Browser, Country: f.Country,
	}
	if find.Name == "" && f.Signal != index.AnySignal {
		find.Name = f.Signal
	}
	if q.Format == formatSeries {
		find.StepMs = q.StepMs
	}
	points, err := d.reader.Series(ctx, find)
	if err != nil {
		return nil, err
	}
	if q.Format == formatTable {
		return data.Frames{d.numbers(q, points)}, nil
	}
	return d.series(q, points), nil
}

// numbers is a table of the labels and their numbers (numeric long in the
// data plane's words).
func (d *Datasource) numbers(q query, points []index.Point) *data.Frame {
	if len(points) == 0 && q.By == "" && counts(q.Metric) {
		points = []index.Point{{TimeMs: q.FromMs}}
	}
	slices.SortStableFunc(points, func(a, b index.Point) int {
		switch {
		case a.Value > b.Value:
			return -1
		case a.Value < b.Value:
			return 1
		}
		return 0
	})
	value := column(string(q.Metric), points, func(p index.Point) float64 { return p.Value })
	value.Config = &data.FieldConfig{Unit: unitOf(q)}
	frame := data.NewFrame(string(q.Metric))
	if q.By != "" {
		label := column(string(q.By), points, func(p index.Point) string { return p.Label })
		label.Config = withLinks(d.links.Sessions(filterOf(q), q.within()))
		frame.Fields = append(frame.Fields, label)
	}
	frame.Fields = append(frame.Fields, value)
	frame.Meta = &data.FrameMeta{Type: data.FrameTypeNumericLong, TypeVersion: data.FrameTypeVersion{0, 1}, PreferredVisualization: data.VisTypeTable}
	return frame
}

// series makes a frame for each label (time series multi).
func (d *Datasource) series(q query, points []index.Point) data.Frames {
	meta := func() *data.FrameMeta {
		return &data.FrameMeta{Type: data.FrameTypeTimeSeriesMulti, TypeVersion: data.FrameTypeVersion{0, 1}, PreferredVisualization: data.VisTypeGraph}
	}
	byLabel := make(map[string]map[int64]float64)
	var labels []string
	for _, p := range points {
		if byLabel[p.Label] == nil {
			byLabel[p.Label] = make(map[int64]float64)
			labels = append(labels, p.Label)
		}
		byLabel[p.Label][p.TimeMs] = p.Value
	}
	if len(labels) == 0 && q.By == "" && counts(q.Metric) {
		labels = []string{""}
	}
	var frames data.Frames
	for _, label := range labels {
		frame := seriesFrame(q, label, byLabel[label])
		frame.Meta = meta()
		frames = append(frames, frame)
	}
	if len(frames) == 0 {
		frame := data.NewFrame(string(q.Metric))
		frame.Meta = meta()
		return data.Frames{frame}
	}
	return frames
}

func seriesFrame(q query, label string, values map[int64]float64) *data.Frame {
	var times []time.Time
	var numbers []float64
	for at := q.FromMs / q.StepMs * q.StepMs; at < q.ToMs; at += q.StepMs {
		value, known := values[at]
		if known || counts(q.Metric) {
			times, numbers = append(times, timeOf(at)), append(numbers, value)
		}
	}
	var labels data.Labels
	if q.By != "" {
		labels = data.Labels{string(q.By): label}
	}
	value := data.NewField(string(q.Metric), labels, numbers)
	value.Config = &data.FieldConfig{Unit: unitOf(q)}
	return data.NewFrame(string(q.Metric), data.NewField("time", nil, times), value)
}

// unitOf is Grafana's name of a metric's unit.
func unitOf(q query) string {
	switch {
	case q.Metric == index.MetricRequestDuration, q.Metric == index.MetricVital && q.Name != "CLS":
		return "ms"
	case q.Metric == index.MetricVital:
		return "none"
	}
	return "short"
}

// filterOf is the filter that selects sessions by the label of a row; empty
// when there is none.
func filterOf(q query) string {
	switch q.By {
	case index.LabelName:
		if q.Metric == index.MetricSignals || q.Metric == index.MetricSignalSessions || q.Metric == index.MetricSessions {
			return "signal"
		}
	case index.LabelURL:
		if q.Metric != index.MetricRequests && q.Metric != index.MetricFailedRequests && q.Metric != index.MetricRequestDuration {
			return "url"
		}
	case index.LabelUser, index.LabelRelease, index.LabelEnvironment, index.LabelBrowser, index.LabelCountry:
		return string(q.By)
	}
	return ""
}
