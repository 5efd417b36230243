//go:build unix

package plugin_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/experimental"

	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
	"github.com/playhead/playhead/pkg/index/clickhouse"
	"github.com/playhead/playhead/pkg/objectstore/s3"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
	"github.com/playhead/playhead/pkg/plugin"
	"github.com/playhead/playhead/pkg/recording"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { embeddedtest.Main(m) }

const (
	sessionID                       = "0199f3a2-1111-7abc-8def-0123456789ab"
	quietID                         = "0199f3a2-2222-7abc-8def-0123456789ab"
	windowID     recording.WindowID = "window-aaaa"
	traceID                         = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID                          = "00f067aa0ba902b7"
	startMs      int64              = 1_763_791_872_000
	quietStartMs                    = startMs + 3_600_000
	segments                        = 5
)

// record stores two sessions: one of 50 s with a failed request and an error,
// and an hour later a quiet one of 10 s.
func record(t testing.TB, stores *playbacktest.Stores) {
	t.Helper()
	var all []playbacktest.Segment
	var moments []recording.Moment
	for seq := range uint32(segments) {
		s := segmentOf(sessionID, seq, startMs+int64(seq)*10_000)
		s.Origin.UserID = "user-7"
		s.Counts.Clicks = 1
		all = append(all, s)
		moments = append(moments, recording.Moment{
			SegmentID: s.SegmentID, Event: 1, Page: s.Page, TimestampMs: s.StartMs + 2_000, Kind: recording.KindClick,
			Name: "button", Text: fmt.Sprintf("Place order %d", seq), Selector: "#order",
		})
	}
	all[1].Counts.Requests, all[1].Counts.FailedRequests = 3, 1
	all[2].Counts.Errors = 1
	moments = append(moments,
		recording.Moment{
			SegmentID: all[1].SegmentID, Event: 2, Page: all[1].Page, TimestampMs: startMs + 13_000, Kind: recording.KindRequest,
			Name: "POST", URL: "https://shop.example/order", TraceID: traceID, SpanID: spanID, DurationMs: 120, Status: 500,
		},
		recording.Moment{
			SegmentID: all[2].SegmentID, Event: 3, Page: all[2].Page, TimestampMs: startMs + 24_000, Kind: recording.KindError,
			Name: "TypeError", Text: "x is undefined",
		})
	quiet := segmentOf(quietID, 0, quietStartMs)
	quiet.URLs = []string{"https://shop.example/help"}
	stores.Write(t, append(all, quiet), moments)
}

func segmentOf(session recording.SessionID, seq uint32, fromMs int64) playbacktest.Segment {
	s := playbacktest.Segment{Segment: recording.Segment{
		SegmentID:  recording.SegmentID{Project: "shop", Session: session, Window: windowID, Seq: seq},
		Page:       "page-0001",
		StartMs:    fromMs,
		EndMs:      fromMs + 9_000,
		ReceivedMs: fromMs + 10_000,
		Origin:     recording.Origin{Reason: recording.ReasonSampled, Release: "1.4.2", Environment: "test", UserAgent: "Test/1"},
		URLs:       []string{"https://shop.example/cart"},
	}}
	if seq == 0 {
		s.Counts.Pages = 1
		s.FullSnapshots = []int64{fromMs}
	}
	for i := range int64(10) {
		s.Lines = append(s.Lines, fmt.Sprintf(`{"type":3,"data":{"source":0},"timestamp":%d}`, fromMs+i*1000))
	}
	return s
}

type object = map[string]any

// settings are those of docs/provision.md, for the test's stores.
func settings(t testing.TB, stores *playbacktest.Stores, changes object) backend.DataSourceInstanceSettings {
	t.Helper()
	values := object{
		"project": "shop",
		"clickhouse": object{
			"protocol": "http", "addresses": []string{stores.Addresses.ClickHouse.Address},
			"database": stores.Database, "username": stores.Addresses.ClickHouse.User,
		},
		"objectStorage": object{
			"endpoint": stores.Addresses.S3.Endpoint, "region": stores.Addresses.S3.Region, "bucket": stores.Addresses.S3.Bucket,
			"prefix": stores.Prefix, "pathStyle": true, "tls": false, "accessKey": stores.Addresses.S3.AccessKey,
		},
		"traces": object{"uid": "tempo", "name": "Tempo"},
		"logs":   object{"uid": "loki", "name": "Loki"},
	}
	for path, value := range changes {
		part, name, nested := strings.Cut(path, ".")
		if nested {
			values[part].(object)[name] = value
		} else {
			values[path] = value
		}
	}
	encoded, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return backend.DataSourceInstanceSettings{
		ID: 1, UID: "playhead", Name: "Playhead", Type: "playhead-replay-datasource",
		JSONData: encoded,
		DecryptedSecureJSONData: map[string]string{
			"clickhousePassword":     stores.Addresses.ClickHouse.Password,
			"objectStorageSecretKey": stores.Addresses.S3.SecretKey,
		},
		Updated: time.UnixMilli(1),
	}
}

// open makes an instance as Grafana does, with the adapters of the program.
func open(t testing.TB, s backend.DataSourceInstanceSettings) *plugin.Datasource {
	t.Helper()
	return openWith(t.Context(), t, s)
}

func openWith(ctx context.Context, t testing.TB, s backend.DataSourceInstanceSettings) *plugin.Datasource {
	t.Helper()
	return openAt(ctx, t, s, plugin.SystemClock)
}

func openAt(ctx context.Context, t testing.TB, s backend.DataSourceInstanceSettings, clock plugin.Clock) *plugin.Datasource {
	t.Helper()
	factory := plugin.NewFactory(func(s plugin.Settings, dial plugin.Dial) (plugin.Stores, error) {
		ix, err := clickhouse.New(clickhouse.Config{
			Protocol: s.ClickHouse.Protocol, Addresses: s.ClickHouse.Addresses, Database: s.ClickHouse.Database,
			Username: s.ClickHouse.Username, Password: s.ClickHouse.Password.Reveal(),
		}, clickhouse.Options{DialContext: clickhouse.Dial(dial)})
		if err != nil {
			return plugin.Stores{}, err
		}
		bucket, err := s3.New(s3.Config{
			Endpoint: s.ObjectStorage.Endpoint, Region: s.ObjectStorage.Region, Bucket: s.ObjectStorage.Bucket, Prefix: s.ObjectStorage.Prefix,
			PathStyle: s.ObjectStorage.PathStyle, AccessKey: s.ObjectStorage.AccessKey, SecretKey: s.ObjectStorage.SecretKey.Reveal(),
		}, s3.Options{DialContext: s3.Dial(dial)})
		if err != nil {
			return plugin.Stores{}, errors.Join(err, ix.Close())
		}
		return plugin.Stores{Index: ix, Bucket: bucket, CheckBucket: bucket.Check, Close: ix.Close}, nil
	}, clock)
	instance, err := factory(ctx, s)
	if err != nil {
		t.Fatalf("settings must never break an instance: %v", err)
	}
	d := instance.(*plugin.Datasource)
	t.Cleanup(d.Dispose)
	return d
}

// queryOf is a query over the ten minutes of the first session.
func queryOf(queryType, model string) backend.DataQuery {
	return backend.DataQuery{
		RefID: "A", QueryType: queryType, JSON: []byte(model),
		TimeRange: backend.TimeRange{From: time.UnixMilli(startMs - 60_000), To: time.UnixMilli(startMs + 540_000)},
	}
}

func ask(t testing.TB, d *plugin.Datasource, q backend.DataQuery) backend.DataResponse {
	t.Helper()
	response, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: []backend.DataQuery{q}})
	if err != nil {
		t.Fatal(err)
	}
	return response.Responses[q.RefID]
}

func TestFrames(t *testing.T) {
	stores := playbacktest.Open(t)
	record(t, stores)
	whole := open(t, settings(t, stores, nil))
	noLinks := open(t, settings(t, stores, object{"traces": object{}, "logs": object{}}))
	elsewhere := backend.TimeRange{From: time.UnixMilli(1), To: time.UnixMilli(2)}
	for name, test := range map[string]struct {
		d      *plugin.Datasource
		query  backend.DataQuery
		within *backend.TimeRange
	}{
		"sessions":              {whole, queryOf("sessions", `{}`), nil},
		"sessions_by_id":        {whole, queryOf("sessions", `{"sessionId":"`+quietID+`"}`), &elsewhere},
		"sessions_by_trace":     {whole, queryOf("sessions", `{"traceId":"`+strings.ToUpper(traceID)+`"}`), &elsewhere},
		"sessions_by_text":      {whole, queryOf("sessions", `{"query":" `+traceID+` "}`), &elsewhere},
		"sessions_first_only":   {whole, queryOf("sessions", `{"limit":1}`), &backend.TimeRange{From: time.UnixMilli(startMs), To: time.UnixMilli(quietStartMs + 1)}},
		"sessions_with_errors":  {whole, queryOf("sessions", `{"filters":{"errors":true,"user":"user-7","url":"CART"}}`), nil},
		"sessions_replay_only":  {noLinks, queryOf("sessions", `{}`), nil},
		"sessions_none":         {whole, queryOf("sessions", `{}`), &elsewhere},
		"replay":                {whole, queryOf("replay", `{"sessionId":"`+sessionID+`"}`), &elsewhere},
		"replay_at":             {whole, queryOf("replay", `{"sessionId":"`+sessionID+`","at":1763791880000}`), nil},
		"replay_at_of_link":     {whole, queryOf("replay", `{"sessionId":"`+sessionID+`","at":"1763791880000"}`), nil},
		"replay_at_too_late":    {whole, queryOf("replay", `{"sessionId":"`+sessionID+`","at":1863791880000}`), nil},
		"replay_of_trace":       {whole, queryOf("replay", `{"traceId":"`+traceID+`"}`), &elsewhere},
		"replay_of_span":        {whole, queryOf("replay", `{"sessionId":"`+sessionID+`","traceId":"`+traceID+`"}`), &elsewhere},
		"replay_of_other_trace": {whole, queryOf("replay", `{"sessionId":"`+sessionID+`","traceId":"`+strings.Repeat("0", 32)+`"}`), nil},
		"bare_session":          {whole, queryOf("", `{"query":"`+sessionID+`","refId":"A"}`), &elsewhere},
		"bare_trace":            {whole, queryOf("", `{"query":"`+traceID+`"}`), &elsewhere},
		"bare_text":             {whole, queryOf("", `{"query":"user-7"}`), nil},
		"bare_nothing":          {whole, queryOf("", `{}`), nil},
		"moments":               {whole, queryOf("moments", `{}`), nil},
		"moments_of_session":    {whole, queryOf("moments", `{"sessionId":"`+sessionID+`","kinds":["error","request"]}`), &elsewhere},
		"moments_of_trace":      {whole, queryOf("moments", `{"traceId":"`+traceID+`"}`), &elsewhere},
		"moments_by_text":       {whole, queryOf("moments", `{"query":"ORDER 3"}`), nil},
		"moments_filtered":      {noLinks, queryOf("moments", `{"kinds":["error"],"filters":{"errors":true}}`), nil},
		"moments_first_only":    {noLinks, queryOf("moments", `{"limit":2}`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if test.within != nil {
				test.query.TimeRange = *test.within
			}
			response := ask(t, test.d, test.query)
			experimental.CheckGoldenJSONResponse(t, "testdata", name, &response, *update)
		})
	}
}

func TestQueriesRefused(t *testing.T) {
	stores := playbacktest.Open(t)
	record(t, stores)
	d := open(t, settings(t, stores, nil))
	for name, test := range map[string]struct {
		query  backend.DataQuery
		status backend.Status
		text   string
	}{
		"type":             {queryOf("session", `{}`), backend.StatusBadRequest, `unknown query type "session": use one of sessions, replay, moments,`},
		"JSON":             {queryOf("sessions", `[]`), backend.StatusBadRequest, "must not be a array"},
		"field":            {queryOf("sessions", `{"filters":{"errors":"yes"}}`), backend.StatusBadRequest, "filters.errors must not be a string"},
		"at":               {queryOf("replay", `{"at":"now"}`), backend.StatusBadRequest, "at must not be a text"},
		"session id":       {queryOf("replay", `{"sessionId":"$session"}`), backend.StatusBadRequest, "sessionId must be the id of a session"},
		"trace id":         {queryOf("replay", `{"traceId":"123"}`), backend.StatusBadRequest, "traceId must be 32 hex digits"},
		"limit":            {queryOf("sessions", `{"limit":1001}`), backend.StatusBadRequest, "limit must be from 0 to 1000"},
		"kind":             {queryOf("moments", `{"kinds":["klick"]}`), backend.StatusBadRequest, `unknown kind of moment "klick"`},
		"replay of what":   {queryOf("replay", `{}`), backend.StatusBadRequest, "needs sessionId, traceId or query"},
		"no such session":  {queryOf("replay", `{"sessionId":"0199f3a2-none"}`), backend.StatusNotFound, "there is no such recording in project shop"},
		"no such trace":    {queryOf("replay", `{"traceId":"`+strings.Repeat("0", 32)+`"}`), backend.StatusNotFound, "there is no such recording in project shop"},
		"replay of a text": {queryOf("replay", `{"query":"user-7"}`), backend.StatusNotFound, "there is no such recording in project shop"},
	} {
		t.Run(name, func(t *testing.T) { checkRefused(t, ask(t, d, test.query), test.status, test.text) })
	}

	good := queryOf("sessions", `{}`)
	good.RefID = "B"
	response, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: []backend.DataQuery{queryOf("wrong", `{}`), good}})
	if err != nil || response.Responses["A"].Error == nil || len(response.Responses["B"].Frames) != 1 {
		t.Errorf("a wrong query must leave the others alone: %+v, %v", response, err)
	}
}

func checkRefused(t *testing.T, got backend.DataResponse, status backend.Status, text string) {
	t.Helper()
	if got.Error == nil {
		t.Fatalf("no error but %d frames", len(got.Frames))
	}
	if got.Status != status || got.ErrorSource != backend.ErrorSourceDownstream || !strings.Contains(got.Error.Error(), text) {
		t.Errorf("status %d, source %s, %q; want %d, downstream, %q", got.Status, got.ErrorSource, got.Error, status, text)
	}
}

// closedPort is an address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestHealth(t *testing.T) {
	stores := playbacktest.Open(t)
	record(t, stores)
	wrongPassword := settings(t, stores, nil)
	wrongPassword.DecryptedSecureJSONData["clickhousePassword"] = "hush-hush"
	wrongKey := settings(t, stores, nil)
	wrongKey.DecryptedSecureJSONData["objectStorageSecretKey"] = "hush-hush"
	down := closedPort(t)
	for name, test := range map[string]struct {
		settings backend.DataSourceInstanceSettings
		wrong    []string // parts
		message  []string
	}{
		"works":             {settings(t, stores, nil), nil, []string{"ClickHouse answers", "object storage answers"}},
		"nothing set":       {backend.DataSourceInstanceSettings{JSONData: []byte(`{}`)}, []string{"settings"}, []string{"project must match", "clickhouse.addresses must", "objectStorage.bucket is required"}},
		"proxy not there":   {settings(t, stores, object{"enableSecureSocksProxy": true}), []string{"settings"}, []string{"enableSecureSocksProxy needs"}},
		"ClickHouse down":   {settings(t, stores, object{"clickhouse.addresses": []string{down}}), []string{"clickhouse"}, []string{"correct addresses"}},
		"S3 down":           {settings(t, stores, object{"objectStorage.endpoint": down}), []string{"objectStorage"}, []string{"correct the endpoint"}},
		"both down":         {settings(t, stores, object{"clickhouse.addresses": []string{down}, "objectStorage.endpoint": down}), []string{"clickhouse", "objectStorage"}, []string{"correct addresses", "correct the endpoint"}},
		"wrong password":    {wrongPassword, []string{"clickhouse"}, []string{"correct the username or the password"}},
		"wrong secret key":  {wrongKey, []string{"objectStorage"}, []string{"correct the secret key"}},
		"no such bucket":    {settings(t, stores, object{"objectStorage.bucket": "nobucket"}), []string{"objectStorage"}, []string{"bucket nobucket"}},
		"no such database":  {settings(t, stores, object{"clickhouse.database": "nowhere"}), []string{"clickhouse"}, []string{"nowhere"}},
		"database is empty": {settings(t, stores, object{"clickhouse.database": "default"}), []string{"clickhouse"}, []string{"schema", "same version"}},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := open(t, test.settings).CheckHealth(t.Context(), &backend.CheckHealthRequest{})
			if err != nil {
				t.Fatalf("health must never be an error: %v", err)
			}
			if ok := result.Status == backend.HealthStatusOk; ok != (test.wrong == nil) {
				t.Errorf("status %s: %s", result.Status, result.Message)
			}
			var details struct {
				Parts []struct {
					Name, Message string
					OK            bool
				}
			}
			if err := json.Unmarshal(result.JSONDetails, &details); err != nil {
				t.Fatal(err)
			}
			var wrong []string
			for _, part := range details.Parts {
				if !part.OK {
					wrong = append(wrong, part.Name)
				}
			}
			if !slices.Equal(wrong, test.wrong) {
				t.Errorf("wrong are %q, want %q: %s", wrong, test.wrong, result.JSONDetails)
			}
			for _, text := range test.message {
				if !strings.Contains(result.Message, text) {
					t.Errorf("no %q in %q", text, result.Message)
				}
			}
			for _, secret := range []string{"hush-hush", stores.Addresses.ClickHouse.Password, stores.Addresses.S3.SecretKey} {
				if strings.Contains(result.Message+string(result.JSONDetails), secret) {
					t.Errorf("%q tells a secret", result.Message)
				}
			}
		})
	}
}

func TestStoreDownIsDownstream(t *testing.T) {
	stores := playbacktest.Open(t)
	down := closedPort(t)
	d := open(t, settings(t, stores, object{"clickhouse.addresses": []string{down}}))
	for _, queryType := range []string{"sessions", "moments"} {
		got := ask(t, d, queryOf(queryType, `{}`))
		checkRefused(t, got, backend.StatusBadGateway, "a store does not answer")
		if strings.Contains(got.Error.Error(), down) {
			t.Errorf("%v names an address", got.Error)
		}
	}
	checkRefused(t, ask(t, d, queryOf("", `{"query":"`+sessionID+`"}`)), backend.StatusBadGateway, "a store does not answer")
}

// messages are what a resource call sends.
type messages []*backend.CallResourceResponse

func (m *messages) Send(message *backend.CallResourceResponse) error {
	*m = append(*m, message)
	return nil
}

func TestResources(t *testing.T) {
	stores := playbacktest.Open(t)
	record(t, stores)
	works := open(t, settings(t, stores, nil))
	broken := open(t, settings(t, stores, object{"project": ""}))
	manifest := "sessions/" + sessionID + "/manifest"
	for _, test := range []struct {
		d      *plugin.Datasource
		path   string
		status int
	}{
		{works, manifest, http.StatusOK},
		{works, "/" + manifest, http.StatusOK},
		{works, "sessions//" + sessionID + "/manifest", http.StatusNotFound},
		{works, "//" + manifest, http.StatusNotFound},
		{works, "sessions/../" + manifest, http.StatusNotFound},
		{works, manifest + "?x=1", http.StatusNotFound},
		{works, "sessions/%zz/manifest", http.StatusNotFound},
		{works, "sessions/a\x00b/manifest", http.StatusNotFound},
		{works, "", http.StatusNotFound},
		{broken, manifest, http.StatusBadRequest},
	} {
		var got messages
		err := test.d.CallResource(t.Context(), &backend.CallResourceRequest{Path: test.path, Method: http.MethodGet, URL: "resources"}, &got)
		if err != nil || len(got) == 0 || got[0].Status != test.status {
			t.Errorf("%q: %v, %+v; want status %d", test.path, err, got, test.status)
			continue
		}
		if test.status != http.StatusOK && got[0].Headers["Content-Type"][0] != "application/problem+json" {
			t.Errorf("%q: headers %v", test.path, got[0].Headers)
		}
	}
}
