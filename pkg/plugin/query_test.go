package plugin

import (
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/playhead/playhead/pkg/recording"
)

// Whatever a query holds, what comes out of it is fit for the stores.
func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `null`, ``, `{"query":"user-7","limit":-1}`,
		`{"sessionId":"0199f3a2-1111-7abc-8def-0123456789ab","traceId":"4BF92F3577B34DA6A3CE929D0E0E4736","at":"1763791880000"}`,
		`{"at":1e300}`, `{"at":"NaN"}`, `{"at":"-1"}`, `{"at":{}}`, `{"kinds":["click",7]}`, `{"filters":{"errors":true,"user":"a","url":"b"}}`,
		`{"query":"user:\"a b\" duration:>2m","by":"url","metric":"vital","quantile":1e-9,"format":"table"}`, `{"adhocFilters":[{"key":"signal","value":"x"}]}`,
	} {
		f.Add("moments", []byte(seed))
		f.Add("", []byte(seed))
		f.Add("metrics", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, queryType string, json []byte) {
		q, err := parseQuery(backend.DataQuery{QueryType: queryType, JSON: json})
		if err != nil {
			return
		}
		if _, err := recording.ParseSessionID(string(q.Session)); q.Session != "" && err != nil {
			t.Errorf("session %q", q.Session)
		}
		if q.Trace != "" && len(q.Trace) != 32 {
			t.Errorf("trace %q", q.Trace)
		}
		if q.measures() && (q.StepMs <= 0 || q.Quantile < 0 || q.Quantile > 1) {
			t.Errorf("step %d, quantile %g", q.StepMs, q.Quantile)
		}
		if q.AtMs < 0 || q.AtMs > maxMillis || q.Limit < 0 || q.Limit > maxMoments {
			t.Errorf("at %d, limit %d", q.AtMs, q.Limit)
		}
	})
}
