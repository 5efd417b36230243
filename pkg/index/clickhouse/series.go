package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// source is where a metric is counted.
type source struct {
	table string // sessions, moments or signals
	kinds []recording.MomentKind
	where string // further condition, empty: none
	value string
}

// unique counts sessions.
const unique = "toFloat64(uniqExact(session_id))"

var sources = map[index.Metric]source{
	index.MetricSessions: {table: "sessions", value: unique},
	index.MetricErrors: {table: "moments", kinds: []recording.MomentKind{recording.KindError, recording.KindConsole},
		where: "(kind = 'error' OR name = 'error')", value: "toFloat64(count())"},
	index.MetricClicks:         {table: "moments", kinds: []recording.MomentKind{recording.KindClick}, value: "toFloat64(count())"},
	index.MetricPageLoads:      {table: "moments", kinds: []recording.MomentKind{recording.KindPageLoad, recording.KindNavigation}, value: "toFloat64(count())"},
	index.MetricRequests:       {table: "moments", kinds: []recording.MomentKind{recording.KindRequest}, value: "toFloat64(count())"},
	index.MetricFailedRequests: {table: "moments", kinds: []recording.MomentKind{recording.KindRequest}, where: "(status = 0 OR status >= 400)", value: "toFloat64(count())"},
	index.MetricRequestDuration: {table: "moments", kinds: []recording.MomentKind{recording.KindRequest},
		value: "quantile({quantile:Float64})(toFloat64(duration_ms))"},
	index.MetricVital: {table: "moments", kinds: []recording.MomentKind{recording.KindVital},
		value: "quantile({quantile:Float64})(if(attributes['value'] = '', toFloat64(duration_ms), toFloat64OrZero(attributes['value'])))"},
	index.MetricSignals:        {table: "signals", value: "toFloat64(count())"},
	index.MetricSignalSessions: {table: "signals", value: unique},
}

// Series implements index.Index.
func (x *Index) Series(ctx context.Context, q index.SeriesQuery) ([]index.Point, error) {
	query, args, err := series(q)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Bucket int64   `ch:"bucket"`
		Label  string  `ch:"label"`
		Value  float64 `ch:"value"`
	}
	if err := x.conn.Select(ctx, &rows, query, args...); err != nil {
		return nil, failed("read series from index", err)
	}
	points := make([]index.Point, len(rows))
	for i, r := range rows {
		points[i] = index.Point{TimeMs: r.Bucket, Label: r.Label, Value: r.Value}
	}
	return points, nil
}

// maxBuckets bounds the points of one label.
const maxBuckets = 11_000

func series(q index.SeriesQuery) (string, []any, error) {
	from, err := seriesSource(q)
	if err != nil {
		return "", nil, err
	}
	limit, err := limitOf(q.Limit, 20, 1000)
	if err != nil {
		return "", nil, err
	}
	quantile := q.Quantile
	if quantile == 0 {
		quantile = 0.75
	}
	rows := where(q.Project)
	rows.args = append(rows.args, clickhouse.Named("limit", limit), clickhouse.Named("quantile", quantile), clickhouse.Named("step", q.StepMs))
	at := "ts"
	if from.table == "sessions" {
		at = "start_ts"
	}
	if condition := notWithdrawn[from.table]; condition != "" {
		rows.terms = append(rows.terms, condition)
	}
	rows.add(at+" >= fromUnixTimestamp64Milli({from:Int64})", "from", q.FromMs)
	rows.add(at+" < fromUnixTimestamp64Milli({to:Int64})", "to", q.ToMs)
	seriesFilters(rows, q, from)

	bucket := "{from:Int64}"
	if q.StepMs > 0 {
		bucket = "intDiv(toUnixTimestamp64Milli(" + at + "), {step:Int64}) * {step:Int64}"
	}
	label, joined := seriesLabel(q.By, from)
	counted := "SELECT " + bucket + " AS bucket, " + label + " AS label, * FROM " + from.table + " FINAL WHERE " + rows.String()
	if joined {
		counted = "SELECT *, " + label + " AS label FROM (SELECT " + bucket + " AS bucket, * FROM " + from.table + " FINAL WHERE " + rows.String() + ") AS r" +
			" ANY LEFT JOIN (SELECT session_id, " + sessionLabels[q.By] + " AS session_label FROM sessions FINAL WHERE project_id = {project:String}" +
			" AND session_id GLOBAL IN (SELECT session_id FROM " + from.table + " WHERE " + rows.String() + ")) AS s USING session_id"
	}
	query := "WITH counted AS (" + counted + ")" +
		" SELECT bucket, label, " + from.value + " AS value FROM counted" +
		" WHERE label IN (SELECT label FROM counted GROUP BY label ORDER BY count() DESC, label LIMIT {limit:UInt32})" +
		" GROUP BY bucket, label ORDER BY label, bucket"
	return query, rows.args, nil
}

// seriesSource checks a query and says where to count.
func seriesSource(q index.SeriesQuery) (source, error) {
	if err := needProject(q.Project); err != nil {
		return source{}, err
	}
	from, known := sources[q.Metric]
	switch {
	case !known:
		return source{}, fmt.Errorf("%w: there is no metric %q", index.ErrQuery, q.Metric)
	case q.By != "" && !slices.Contains(index.Labels, q.By):
		return source{}, fmt.Errorf("%w: there is no label %q", index.ErrQuery, q.By)
	case q.ToMs <= q.FromMs || q.FromMs < 0 || q.StepMs < 0:
		return source{}, fmt.Errorf("%w: a series needs a time range", index.ErrQuery)
	case q.StepMs > 0 && (q.ToMs-q.FromMs)/q.StepMs > maxBuckets:
		return source{}, fmt.Errorf("%w: a series has at most %d points", index.ErrQuery, maxBuckets)
	case q.Quantile < 0 || q.Quantile > 1:
		return source{}, fmt.Errorf("%w: a quantile is 0 to 1", index.ErrQuery)
	}
	return from, nil
}

// sessionLabels are the labels that a session has, not what happened in it.
var sessionLabels = map[index.Label]string{
	index.LabelRelease:     "toString(release)",
	index.LabelEnvironment: "toString(environment)",
	index.LabelBrowser:     browserOf("lower(user_agent)"),
	index.LabelCountry:     "toString(country)",
	index.LabelUser:        "user_id",
}

// seriesLabel is the expression of a label, and whether it is one of the
// session that must be joined.
func seriesLabel(by index.Label, from source) (expression string, joined bool) {
	if expression, ofSession := sessionLabels[by]; ofSession {
		if from.table == "sessions" {
			return expression, false
		}
		return "session_label", true
	}
	if from.table == "sessions" {
		switch by {
		case index.LabelURL:
			return "arrayJoin(arrayDistinct(arrayMap(url -> cutQueryStringAndFragment(url), urls)))", false
		case index.LabelName:
			return "arrayJoin(mapKeys(signals))", false
		}
		return "''", false
	}
	switch by {
	case index.LabelName:
		return "toString(name)", false
	case index.LabelURL:
		return "cutQueryStringAndFragment(url)", false
	case index.LabelElement:
		if from.table == "signals" {
			return "element", false
		}
		return "if(text = '', selector, text)", false
	}
	return "''", false
}

// seriesFilters adds the conditions on the rows that are counted.
func seriesFilters(rows *conditions, q index.SeriesQuery, from source) {
	if from.where != "" {
		rows.terms = append(rows.terms, from.where)
	}
	if len(from.kinds) > 0 {
		rows.add("kind IN {kinds:Array(String)}", "kinds", stringsOf(from.kinds))
	}
	const holds = "position(lowerUTF8(url), lowerUTF8({url:String})) > 0"
	if from.table == "sessions" {
		if q.URL != "" {
			rows.add("arrayExists(url -> "+holds+", urls)", "url", q.URL)
		}
		if q.Name != "" {
			rows.add("mapContains(signals, {name:String})", "name", q.Name)
		}
		traits{q.UserID, q.Release, q.Environment, q.Browser, q.Country}.add(rows)
		return
	}
	if q.URL != "" {
		rows.add(holds, "url", q.URL)
	}
	if q.Name != "" {
		rows.add("name = {name:String}", "name", q.Name)
	}
	of := &conditions{}
	traits{q.UserID, q.Release, q.Environment, q.Browser, q.Country}.add(of)
	if len(of.terms) > 0 {
		of.between("end_ts", q.FromMs, "start_ts", q.ToMs)
		rows.terms = append(rows.terms, inSessions(of))
		rows.args = append(rows.args, of.args...)
	}
}

// browserOf is the SQL expression of the name in index.Browsers of a user
// agent in lower case. The order matters: most name others that they are like.
func browserOf(userAgent string) string {
	var sql strings.Builder
	sql.WriteString("multiIf(")
	for _, b := range []struct{ marks, name string }{
		{"'edg/','edga/','edgios/','edge/'", "Edge"},
		{"'opr/','opera'", "Opera"},
		{"'samsungbrowser/'", "Samsung Internet"},
		{"'firefox/','fxios/'", "Firefox"},
		{"'chrome/','crios/','chromium/'", "Chrome"},
		{"'safari/'", "Safari"},
	} {
		fmt.Fprintf(&sql, "multiSearchAny(%s, [%s]), '%s', ", userAgent, b.marks, b.name)
	}
	sql.WriteString("'Other')")
	return sql.String()
}

// Values implements index.Index.
func (x *Index) Values(ctx context.Context, q index.ValuesQuery) ([]string, error) {
	query, args, err := values(q)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Value string `ch:"value"`
	}
	if err := x.conn.Select(ctx, &rows, query, args...); err != nil {
		return nil, failed("read values from index", err)
	}
	found := make([]string, len(rows))
	for i, r := range rows {
		found[i] = r.Value
	}
	return found, nil
}

func values(q index.ValuesQuery) (string, []any, error) {
	if err := needProject(q.Project); err != nil {
		return "", nil, err
	}
	limit, err := limitOf(q.Limit, 100, 1000)
	if err != nil {
		return "", nil, err
	}
	c := where(q.Project)
	c.args = append(c.args, clickhouse.Named("limit", limit))
	from, value := "sessions_by_start", ""
	switch q.Field {
	case index.FieldUser, index.FieldURL:
		from, value = "terms", "term"
		c.add("kind = {kind:String}", "kind", string(q.Field))
	case index.FieldRelease:
		value = "toString(release)"
	case index.FieldEnvironment:
		value = "toString(environment)"
	case index.FieldBrowser:
		value = browserOf("user_agent")
	case index.FieldCountry:
		value = "toString(country)"
	case index.FieldSignal:
		value = "toString(arrayJoin(signals))"
	default:
		return "", nil, fmt.Errorf("%w: there is no field %q", index.ErrQuery, q.Field)
	}
	if from == "sessions_by_start" {
		c.between("end_ts", q.FromMs, "start_ts", q.ToMs)
	}
	query := "SELECT DISTINCT " + value + " AS value FROM " + from + " WHERE " + c.String()
	having := "value != ''"
	if q.Part != "" {
		having += " AND value ILIKE {part:String}"
		c.args = append(c.args, clickhouse.Named("part", "%"+patternQuoter.Replace(q.Part)+"%"))
	}
	return "SELECT value FROM (" + query + ") WHERE " + having + " ORDER BY value LIMIT {limit:UInt32}", c.args, nil
}
