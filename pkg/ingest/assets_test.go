package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/buckettest"
	"github.com/playhead/playhead/pkg/segment"
)

func assetRequest(content, id, kind string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/assets?key="+testKey+"&sha256="+id, strings.NewReader(content))
	r.Header.Set("Content-Type", kind)
	return r
}

func idOf(content string) string { return string(segment.AssetIDOf([]byte(content))) }

func TestAssets(t *testing.T) {
	st := newStores(t)
	cfg := testConfig(t)
	cfg.Limits.AssetBytes = 4096
	s := newServer(t, cfg, st.bucket, st.index, Options{})
	const css = "h1 { color: teal }"
	f := func(r *http.Request, status int, blame string) {
		t.Helper()
		w := serve(s, r)
		var a answer
		if w.Code >= 400 {
			a = decodeAnswer(t, w)
		}
		if w.Code != status || a.Field+a.Limit != blame {
			t.Errorf("%d %s, want %d, %s", w.Code, w.Body, status, blame)
		}
	}
	key := segment.AssetKey(testProject, segment.AssetID(idOf(css)))
	f(assetRequest(css, idOf(css), "text/css; charset=utf-8"), http.StatusCreated, "")
	stored, err := segment.ReadAssetObject(readObject(t, st.bucket, key), segment.AssetID(idOf(css)))
	if err != nil || stored.Type != "text/css" || string(stored.Content) != css {
		t.Errorf("stored is %+v, %v", stored, err)
	}
	f(assetRequest(css, idOf(css), "text/css"), http.StatusOK, "")
	// A server that has not seen it.
	cfg.Journal.Dir = t.TempDir()
	s = newServer(t, cfg, st.bucket, st.index, Options{})
	f(assetRequest(css, idOf(css), "text/css"), http.StatusOK, "")
	// As a CORS simple request.
	simple := assetRequest("picture", idOf("picture"), "text/plain")
	simple.URL.RawQuery += "&type=image/png"
	f(simple, http.StatusCreated, "")

	f(assetRequest(css+" ", idOf(css), "text/css"), http.StatusBadRequest, "sha256")
	f(assetRequest(css, strings.ToUpper(idOf(css)), "text/css"), http.StatusBadRequest, "sha256")
	f(assetRequest(css, "../../"+idOf(css), "text/css"), http.StatusBadRequest, "sha256")
	f(assetRequest(css, "", "text/css"), http.StatusBadRequest, "sha256")
	f(assetRequest(css, idOf(css), "text/html"), http.StatusUnsupportedMediaType, "Content-Type")
	f(assetRequest(css, idOf(css), ""), http.StatusUnsupportedMediaType, "Content-Type")
	large := strings.Repeat("x", 4097)
	f(assetRequest(large, idOf(large), "image/png"), http.StatusRequestEntityTooLarge, "asset_bytes")
	chunked := assetRequest(large, idOf(large), "image/png")
	chunked.ContentLength = -1
	f(chunked, http.StatusRequestEntityTooLarge, "asset_bytes")
	encoded := assetRequest(css, idOf(css), "text/css")
	encoded.Header.Set("Content-Encoding", "gzip")
	f(encoded, http.StatusUnsupportedMediaType, "Content-Encoding")
	unknown := assetRequest(css, idOf(css), "text/css")
	unknown.URL.RawQuery = "key=pk_unknown_0123456789&sha256=" + idOf(css)
	f(unknown, http.StatusUnauthorized, "")
	foreign := assetRequest(css, idOf(css), "text/css")
	foreign.Header.Set("Origin", "https://evil.example")
	f(foreign, http.StatusForbidden, "")

	var keys []string
	if err := st.bucket.List(t.Context(), "", func(o objectstore.Object) error { keys = append(keys, o.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	want := []string{key, segment.AssetKey(testProject, segment.AssetID(idOf("picture")))}
	if slices.Sort(want); !slices.Equal(keys, want) {
		t.Errorf("stored are %v, want %v", keys, want)
	}
	if used := s.budget.used.Load(); used != 0 {
		t.Errorf("%d bytes are held", used)
	}
}

// TestAssetsNeedTheBucket: without it nothing is acknowledged.
func TestAssetsNeedTheBucket(t *testing.T) {
	st := newStores(t)
	s := newServer(t, testConfig(t), st.bucket, st.index, Options{})
	post := func(content string) *httptest.ResponseRecorder {
		return serve(s, assetRequest(content, idOf(content), "image/png"))
	}
	for _, op := range []buckettest.Op{buckettest.Put, buckettest.Get} {
		st.bucket.Fail(buckettest.Fault{Op: op})
		if w := post("one"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if w := serve(s, missingRequest(fmt.Sprintf(`[%q]`, idOf("one")))); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	st.bucket.Heal()
	if w := post("one"); w.Code != http.StatusCreated {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func missingRequest(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/assets/missing?key="+testKey, strings.NewReader(body))
	r.Header.Set("Content-Type", "text/plain")
	return r
}

func TestMissingAssets(t *testing.T) {
	st := newStores(t)
	cfg := testConfig(t)
	cfg.Projects = append(cfg.Projects, Project{ID: "other", Keys: []Key{{Name: "k", Key: "pk_another_project"}}})
	for _, content := range []string{"stored", "stored too"} {
		object, err := segment.AppendAssetObject(nil, segment.Asset{Type: "image/png", Content: []byte(content)})
		if err != nil {
			t.Fatal(err)
		}
		if err := st.bucket.Put(t.Context(), segment.AssetKey(testProject, segment.AssetID(idOf(content))), bytes.NewReader(object), int64(len(object))); err != nil {
			t.Fatal(err)
		}
	}
	s := newServer(t, cfg, st.bucket, st.index, Options{})
	missing := func(r *http.Request) []string {
		t.Helper()
		w := serve(s, r)
		var a struct{ Missing []string }
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK || a.Missing == nil {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return a.Missing
	}
	ids := fmt.Sprintf(`[%q, %q, %q]`, idOf("stored"), idOf("new"), idOf("stored too"))
	for range 2 { // asked, and from memory
		if got := missing(missingRequest(ids)); !slices.Equal(got, []string{idOf("new")}) {
			t.Errorf("missing are %v", got)
		}
	}
	if got := missing(missingRequest(`[]`)); len(got) != 0 {
		t.Errorf("of none %v are missing", got)
	}
	other := missingRequest(ids)
	other.URL.RawQuery = "key=pk_another_project"
	if got := missing(other); len(got) != 3 {
		t.Errorf("in another project only %v are missing", got)
	}
	var many []string
	for i := range maxMissing + 1 {
		many = append(many, fmt.Sprintf("%q", idOf(fmt.Sprint(i))))
	}
	if got := missing(missingRequest("[" + strings.Join(many[1:], ",") + "]")); len(got) != maxMissing {
		t.Errorf("%d are missing", len(got))
	}
	for body, status := range map[string]int{
		``: 400, `null`: 400, `{}`: 400, `["x"]`: 400, `[1]`: 400, `[null]`: 400, `["` + strings.ToUpper(idOf("x")) + `"]`: 400,
		"[" + strings.Join(many, ",") + "]":    413,
		"[" + strings.Repeat(" ", 200<<10):     413,
		strings.Repeat("[", 100<<10):           400,
		`["` + strings.Repeat("a", 100<<10):    400,
		`["` + idOf("x") + `"]{"more":"json"}`: 400,
	} {
		if w := serve(s, missingRequest(body)); w.Code != status {
			t.Errorf("%.30q…: %d %s, want %d", body, w.Code, w.Body, status)
		}
	}
}

// TestRecordingSettings: what recorders are told, and that they ask again only
// when something is new.
func TestRecordingSettings(t *testing.T) {
	cfg := testConfig(t)
	rate := 0.25
	cfg.Projects[0].Recording = Recording{SampleRate: &rate, PrivacyMode: "mask-all"}
	s := newServer(t, cfg, nil, nil, Options{})
	get := func(key, etag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/v1/config?key="+key, nil)
		r.Header.Set("Origin", testOrigin)
		r.Header.Set("If-None-Match", etag)
		return serve(s, r)
	}
	w := get(testKey, "")
	etag := w.Header().Get("ETag")
	if w.Code != http.StatusOK || w.Body.String() != `{"v":1,"sample_rate":0.25,"privacy_mode":"mask-all"}` ||
		w.Header().Get("Access-Control-Allow-Origin") != testOrigin || !strings.Contains(w.Header().Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	if w := get(testKey, etag); w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("ETag") != etag {
		t.Errorf("asked again: %d %s", w.Code, w.Body)
	}
	if w := get(revokedKey, ""); w.Code != http.StatusUnauthorized {
		t.Errorf("with a revoked key: %d", w.Code)
	}
	replied := func() string {
		var a struct{ Config string }
		w := serve(s, request(upload("session-1", 0)))
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		return `"` + a.Config + `"`
	}
	if replied() != etag {
		t.Errorf("the answer to an upload says %s, want %s", replied(), etag)
	}
	projects := slices.Clone(cfg.Projects)
	projects[0].Recording = Recording{}
	if err := s.Reload(projects); err != nil {
		t.Fatal(err)
	}
	if w := get(testKey, etag); w.Code != http.StatusOK || w.Body.String() != `{"v":1}` || replied() != w.Header().Get("ETag") {
		t.Errorf("after a reload: %d %s", w.Code, w.Body)
	}
}

// FuzzAssetIDs: whatever a body holds, it is a list of ids or a refusal.
func FuzzAssetIDs(f *testing.F) {
	id := idOf("x")
	f.Add([]byte(`["` + id + `","` + id + `"]`))
	for _, body := range []string{``, `[]`, `null`, `[null]`, `["` + id, `[1e9]`, `[["` + id + `"]]`, `{"0":"` + id + `"}`, `["\u0030` + id[1:] + `"]`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ids, err := parseAssetIDs(body)
		if problem := problemOf(err); err != nil && problem.Status >= 500 {
			t.Errorf("%v is answered %d", err, problem.Status)
		}
		for _, id := range ids {
			if _, _, err := segment.ParseAssetKey(segment.AssetKey(testProject, id)); err != nil {
				t.Error(err)
			}
		}
		if len(ids) > maxMissing || err == nil && ids == nil {
			t.Errorf("%d ids", len(ids))
		}
	})
}
