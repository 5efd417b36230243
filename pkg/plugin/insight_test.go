//go:build unix

package plugin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/experimental"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
	"github.com/playhead/playhead/pkg/plugin/plugintest"
	"github.com/playhead/playhead/pkg/recording"
)

const troubledID = "0199f3a2-3333-7abc-8def-0123456789ab"

// recordTrouble stores a session of 50 s with everything that the query types
// show, two days after the others and of a new release.
func recordTrouble(t testing.TB, stores *playbacktest.Stores) (fromMs int64) {
	t.Helper()
	fromMs = startMs + 2*24*3_600_000
	var all []playbacktest.Segment
	for seq := range uint32(segments) {
		s := segmentOf(troubledID, seq, fromMs+int64(seq)*10_000)
		s.Origin.UserID, s.Origin.Release, s.Origin.UserAgent, s.Origin.Country = `ada "the" user`, "1.5.0", "Mozilla/5.0 Firefox/141.0", "DE"
		all = append(all, s)
	}
	at := func(seq, event, part int, kind recording.MomentKind, change func(*recording.Moment)) recording.Moment {
		m := recording.Moment{SegmentID: all[seq].SegmentID, Event: event, Part: part, Page: all[seq].Page, TimestampMs: all[seq].StartMs + int64(event)*100, Kind: kind}
		change(&m)
		return m
	}
	list := []recording.Moment{
		at(0, 0, 0, recording.KindPageLoad, func(m *recording.Moment) { m.URL = "https://shop.example/cart" }),
		at(1, 1, 0, recording.KindClick, func(m *recording.Moment) { m.Name, m.Text, m.Selector = "button", "Place order", "#order" }),
		at(1, 2, 0, recording.KindRequest, func(m *recording.Moment) {
			m.Name, m.URL, m.TraceID, m.SpanID, m.DurationMs, m.Status = "POST", "https://shop.example/api/orders?x=1", traceID, spanID, 312, 500
		}),
		at(1, 1, 1, recording.KindSignal, func(m *recording.Moment) {
			m.Name, m.Text, m.Selector, m.URL = recording.SignalErrorClick, `a click on "Place order" was followed by an error`, "#order", "https://shop.example/cart"
			m.TraceID, m.SpanID, m.Status = traceID, spanID, 500
			m.Attributes = map[string]string{"element": `button "Place order"`}
		}),
		at(2, 1, 1, recording.KindSignal, func(m *recording.Moment) {
			m.Name, m.Text, m.URL, m.DurationMs = recording.SignalRageClick, "five clicks in 1.2 s", "https://shop.example/cart", 1200
		}),
		at(2, 3, 0, recording.KindVital, func(m *recording.Moment) {
			m.Name, m.Text, m.URL, m.Attributes = "LCP", "poor", "https://shop.example/cart?x=1", map[string]string{"value": "4210"}
		}),
		at(3, 0, 0, recording.KindError, func(m *recording.Moment) {
			m.Name, m.Text = "TypeError", `x is undefined <img src="https://evil.example/">`
		}),
		at(3, 1, 0, recording.KindRequest, func(m *recording.Moment) {
			m.Name, m.URL, m.TraceID, m.SpanID, m.DurationMs, m.Status = "GET", "https://shop.example/api/orders?x=2", traceID, "00f067aa0ba902b8", 100, 200
		}),
	}
	stores.Write(t, all, list)
	seen := recording.SeenText{Project: "shop", Session: troubledID, Window: windowID, Page: "page-0001", Text: "Payment declined", FirstMs: fromMs, LastMs: fromMs + 1}
	if err := stores.Index.Write(t.Context(), index.Batch{Project: "shop", Token: "late", Class: recording.ClassNormal, Texts: []recording.SeenText{seen}}); err != nil {
		t.Fatal(err)
	}
	return fromMs
}

// binaryInsight compares the answer to each query type with its golden file.
func binaryInsight(t *testing.T, client *plugintest.Client, s backend.DataSourceInstanceSettings, fromMs int64) {
	within := backend.TimeRange{From: time.UnixMilli(fromMs), To: time.UnixMilli(fromMs + 60_000)}
	elsewhere := backend.TimeRange{From: time.UnixMilli(1), To: time.UnixMilli(20_001)}
	for name, test := range map[string]struct {
		queryType, model string
		within           backend.TimeRange
	}{
		"insight_sessions_by_search":    {"sessions", `{"query":"seen:\"PAYMENT declined\" signal:rage_click browser:firefox duration:>40s"}`, within},
		"insight_sessions_by_filters":   {"sessions", `{"filters":{"signal":"error_click","seen":"declined","release":"1.5.0","environment":"test","browser":"Firefox"}}`, within},
		"insight_sessions_ad_hoc":       {"sessions", `{"adhocFilters":[{"key":"user","operator":"=","value":"ada \"the\" user"}]}`, within},
		"insight_transcript":            {"transcript", `{"sessionId":"` + troubledID + `"}`, elsewhere},
		"insight_transcript_first_only": {"transcript", `{"query":"` + troubledID + `","limit":2}`, elsewhere},
		"insight_signals":               {"signals", `{}`, within},
		"insight_signals_of_name":       {"signals", `{"query":"signal:rage_click user:\"ada \\\"the\\\" user\""}`, within},
		"insight_signals_none":          {"signals", `{}`, elsewhere},
		"insight_signals_series":        {"signals", `{"format":"time_series","by":"name"}`, within},
		"insight_signals_series_zero":   {"signals", `{"format":"time_series"}`, elsewhere},
		"insight_signals_by_element":    {"signals", `{"by":"element"}`, within},
		"insight_signals_number":        {"signals", `{"format":"table"}`, within},
		"insight_signals_number_zero":   {"signals", `{"format":"table","query":"signal:rage_click"}`, elsewhere},
		"insight_sessions_with_signals": {"signals", `{"metric":"signal_sessions","by":"url","format":"table"}`, within},
		"insight_metrics":               {"metrics", `{}`, within},
		"insight_metrics_by_release":    {"metrics", `{"by":"release","format":"table"}`, within},
		"insight_metrics_by_url":        {"metrics", `{"metric":"requests","by":"url"}`, within},
		"insight_metrics_duration":      {"metrics", `{"metric":"request_duration","quantile":0.5}`, within},
		"insight_metrics_duration_none": {"metrics", `{"metric":"request_duration"}`, elsewhere},
		"insight_metrics_filtered":      {"metrics", `{"metric":"failed_requests","by":"browser","format":"table","query":"browser:firefox release:1.5.0"}`, within},
		"insight_metrics_vital":         {"metrics", `{"metric":"vital","name":"LCP","by":"url","format":"table"}`, within},
		"insight_signals_by_country":    {"signals", `{"by":"country"}`, within},
		"insight_metrics_by_country":    {"metrics", `{"metric":"requests","by":"country","query":"country:de"}`, within},
		"insight_traces":                {"traces", `{"sessionId":"` + troubledID + `"}`, elsewhere},
		"insight_traces_of_range":       {"traces", `{"query":"browser:firefox"}`, within},
		"insight_annotations":           {"annotations", `{}`, within},
		"insight_annotations_releases":  {"annotations", `{"kinds":["release","error"]}`, within},
	} {
		t.Run(name, func(t *testing.T) {
			q := backend.DataQuery{RefID: "A", QueryType: test.queryType, JSON: []byte(test.model), TimeRange: test.within, Interval: 20 * time.Second, MaxDataPoints: 100}
			all, err := client.QueryData(t.Context(), s, q)
			if err != nil {
				t.Fatal(err)
			}
			response := all.Responses["A"]
			experimental.CheckGoldenJSONResponse(t, "testdata", name, &response, *update)
		})
	}
	for name, test := range map[string]struct{ queryType, model, text string }{
		"search":     {"sessions", `{"query":"usr:ada"}`, "query: at 1: there is no key usr"},
		"filter":     {"sessions", `{"adhocFilters":[{"key":"user","operator":"!=","value":"a"}]}`, "only = is possible"},
		"key":        {"sessions", `{"adhocFilters":[{"key":"plan","operator":"=","value":"a"}]}`, "there is no filter"},
		"metric":     {"metrics", `{"metric":"x"}`, "unknown metric"},
		"label":      {"metrics", `{"by":"planet"}`, "by cannot be"},
		"format":     {"metrics", `{"format":"x"}`, "format must be"},
		"quantile":   {"metrics", `{"quantile":2}`, "quantile must be"},
		"seen":       {"metrics", `{"query":"seen:x"}`, "can be filtered by"},
		"transcript": {"transcript", `{}`, "needs sessionId"},
	} {
		all, err := client.QueryData(t.Context(), s, queryOf(test.queryType, test.model))
		if err != nil {
			t.Fatal(err)
		}
		t.Run("refuses "+name, func(t *testing.T) { checkRefused(t, all.Responses["A"], backend.StatusBadRequest, test.text) })
	}
}

// binaryResources reads what editors complete with, and a transcript.
func binaryResources(t *testing.T, client *plugintest.Client, s backend.DataSourceInstanceSettings) {
	const prefix = "/api/datasources/uid/playhead/resources"
	server := httptest.NewServer(http.StripPrefix(prefix, client.Handler(s)))
	defer server.Close()
	for path, want := range map[string][]string{
		"suggestions?field=signal":       {"error_click", "rage_click"},
		"suggestions?field=release":      {"1.4.2", "1.5.0"},
		"suggestions?field=user&part=AD": {`ada "the" user`},
		"suggestions?field=country":      {"DE"},
		"suggestions?field=project":      {"shop"},
		"suggestions?field=key":          {"browser", "country", "env", "release", "signal", "url", "user"},
	} {
		response, err := server.Client().Get(server.URL + prefix + "/" + path)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct{ Values []string }
		err = json.NewDecoder(response.Body).Decode(&answer)
		response.Body.Close()
		if err != nil || !slices.Equal(answer.Values, want) {
			t.Errorf("%s: %d, %v, %v, want %v", path, response.StatusCode, answer.Values, err, want)
		}
	}
	response, err := server.Client().Get(server.URL + prefix + "/sessions/" + troubledID + "/transcript?format=text")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("transcript: %d, %s", response.StatusCode, response.Header.Get("Content-Type"))
	}
}
