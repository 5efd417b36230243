//go:build unix

package playback_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAnswersAreCompressed(t *testing.T) {
	f := record(t)
	for _, path := range []string{"sessions", "sessions/" + string(session) + "/manifest", "sessions/" + string(session) + "/segments?window=" + string(windowA) + "&from_seq=0&to_seq=9"} {
		plain := f.get(t, path)
		for encoding, compressed := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "*": true, "gzip;q=0": false, "gzip;q=0, *": false, "br": false} {
			got := f.get(t, path, "Accept-Encoding", encoding)
			if (got.header.Get("Content-Encoding") == "gzip") != compressed || got.header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s with Accept-Encoding %q: Content-Encoding %q, Vary %q", path, encoding, got.header.Get("Content-Encoding"), got.header.Get("Vary"))
				continue
			}
			body := got.body
			if compressed {
				unzip, err := gzip.NewReader(strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				raw, err := io.ReadAll(unzip)
				if err != nil {
					t.Fatal(err)
				}
				body = string(raw)
			}
			if body != plain.body {
				t.Errorf("%s with Accept-Encoding %q differs from the plain answer", path, encoding)
			}
		}
	}
}

func TestHeadReadsNothing(t *testing.T) {
	f := record(t)
	bucket := &watched{Bucket: f.stores.Bucket}
	api := serve(t, bucket, f.stores.Index, t.Output())
	for path, status := range map[string]int{
		"sessions": 200,
		"sessions/" + string(session) + "/manifest":                                                    200,
		"sessions/" + string(session) + "/segments?window=" + string(windowA) + "&from_seq=0&to_seq=9": 200,
		"sessions/0199f3a2-none/manifest":                                                              404,
		"sessions/" + string(session) + "/segments":                                                    400,
		"sessions/" + string(session) + "/segments?window=gone-gone&from=1&to=2":                       404,
	} {
		// The plugin SDK's adapter, other than net/http, sends a body to HEAD.
		recorder := httptest.NewRecorder()
		api.Config.Handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodHead, "/api/"+path, nil))
		if recorder.Code != status || recorder.Body.Len() != 0 {
			t.Errorf("HEAD %s: status %d with %d bytes, want %d with none", path, recorder.Code, recorder.Body.Len(), status)
		}
	}
	if len(bucket.reads) != 0 {
		t.Errorf("HEAD read %v", bucket.reads)
	}
}

func TestRefusals(t *testing.T) {
	f := record(t)
	id := string(session)
	segments := "sessions/" + id + "/segments?"
	notFound := f.get(t, "sessions/0199f3a2-none/manifest").body
	for path, want := range map[string]struct {
		status int
		field  string
	}{
		"":                                  {404, ""},
		"session":                           {404, ""},
		"sessions/":                         {404, ""},
		"sessions/" + id:                    {404, ""},
		"sessions/" + id + "/":              {404, ""},
		"sessions/" + id + "/manifest/":     {404, ""},
		"sessions//manifest":                {404, ""},
		"/sessions":                         {404, ""},
		"sessions/../sessions":              {404, ""},
		"sessions/%2e%2e/manifest":          {404, ""},
		"sessions%2F" + id + "/manifest":    {404, ""},
		"sessions/" + id + "%2Fmanifest":    {404, ""},
		"sessions/" + id + `%5C../manifest`: {404, ""},
		"sessions/short/manifest":           {404, ""},
		"sessions/0199f3a2-none/segments?window=window-aaaa&from_seq=0&to_seq=1": {404, ""},
		segments:                                                        {400, "window"},
		segments + "window=a%20b&from=1&to=2":                           {400, "window"},
		segments + "window=window-aaaa":                                 {400, "from"},
		segments + "window=window-aaaa&from=1":                          {400, "to"},
		segments + "window=window-aaaa&from_seq=1":                      {400, "to_seq"},
		segments + "window=window-aaaa&from_seq=-1&to_seq=2":            {400, "from_seq"},
		segments + "window=window-aaaa&from_seq=0&to_seq=4294967296":    {400, "to_seq"},
		segments + "window=window-aaaa&from_seq=0&to_seq=1&from=1&to=2": {400, "from_seq"},
		segments + "window=window-aaaa&from=1&to=2&snapshot=1":          {400, "snapshot"},
		segments + "window=window-aaaa&from=x&to=2":                     {400, "from"},
		"sessions?limit=1001":                                           {400, "limit"},
		"sessions?limit=many":                                           {400, "limit"},
		"sessions?errors=yes":                                           {400, "errors"},
		"sessions?trace_id=123":                                         {400, "trace_id"},
		"sessions?from=9999999999999999":                                {400, "from"},
		"sessions?url=" + strings.Repeat("a", 1025):                     {400, "url"},
		"sessions?before=nonsense":                                      {400, ""},
	} {
		got := f.get(t, path)
		var problem struct {
			Type, Title, Detail, Field string
			Status                     int
		}
		if err := json.Unmarshal([]byte(got.body), &problem); err != nil {
			t.Errorf("%s: %v in %q", path, err, got.body)
			continue
		}
		if got.status != want.status || problem.Status != want.status || problem.Field != want.field || problem.Detail == "" {
			t.Errorf("%s: status %d, %s; want %d and field %q", path, got.status, got.body, want.status, want.field)
		}
		if got.status == 404 && got.body != notFound {
			t.Errorf("%s: %s; want the same as for any other 404", path, got.body)
		}
		h := got.header
		if h.Get("Content-Type") != "application/problem+json" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Cache-Control"), "private") {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if got := call(t, f.api, method, "sessions"); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d, Allow %q", method, got.status, got.header.Get("Allow"))
		}
	}
}
