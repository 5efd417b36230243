package playback

import (
	"net/url"
	"testing"

	"github.com/playhead/playhead/pkg/recording"
)

// Whatever a caller sends, what comes out of it is fit for the stores.
func FuzzParameters(f *testing.F) {
	for _, seed := range []string{
		"", "window=window-aaaa&from_seq=0&to_seq=4294967295", "window=window-aaaa&from=1&to=8640000000000000&snapshot=true",
		"limit=1000&before=x&errors=true&q=%20a%20", "trace_id=4BF92F3577B34DA6A3CE929D0E0E4736", "from=-1", "limit=1e3", "window=%00&from=1&from=2", "%zz",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		values, _ := url.ParseQuery(raw) // net/http takes what could be read, too
		if sel, err := parseSelection(values); err == nil {
			if _, err := recording.ParseWindowID(string(sel.Window)); err != nil || sel.FromMs < 0 || sel.ToMs > maxMillis {
				t.Errorf("selection %+v", sel)
			}
		}
		if q, err := parseSessionQuery(values); err == nil {
			if q.Limit < 0 || q.Limit > maxSessions || len(q.Text) > maxTextBytes || q.TraceID != "" && len(q.TraceID) != 32 {
				t.Errorf("query %+v", q)
			}
		}
	})
}
