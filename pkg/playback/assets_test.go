//go:build unix

package playback_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// TestAssets: an asset is served with its type, can do nothing in a browser,
// and belongs to one project.
func TestAssets(t *testing.T) {
	stores := playbacktest.Open(t)
	put := func(p recording.ProjectID, id segment.AssetID, object []byte) {
		t.Helper()
		if err := stores.Bucket.Put(t.Context(), segment.AssetKey(p, id), bytes.NewReader(object), int64(len(object))); err != nil {
			t.Fatal(err)
		}
	}
	asset := segment.Asset{Type: "image/svg+xml", Content: []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)}
	id := segment.AssetIDOf(asset.Content)
	object, err := segment.AppendAssetObject(nil, asset)
	if err != nil {
		t.Fatal(err)
	}
	put(project, id, object)
	damaged := segment.AssetIDOf([]byte("something else"))
	put(project, damaged, object)
	foreign := segment.AssetIDOf([]byte("foreign"))
	put("other", foreign, object)

	handler := playback.New(playback.Config{Project: project, Bucket: stores.Bucket, Index: stores.Index, Log: slog.New(slog.DiscardHandler)}).Handler()
	ask := func(method, path, etag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("If-None-Match", etag)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	w := ask(http.MethodGet, "/assets/"+string(id), "")
	if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), asset.Content) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for name, want := range map[string]string{
		"Content-Type": "image/svg+xml", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "sandbox; default-src 'none'", "Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control": "private, max-age=86400, immutable", "X-Grafana-Cache": "y",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if w := ask(http.MethodGet, "/assets/"+string(id), w.Header().Get("ETag")); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("again: %d", w.Code)
	}
	if w := ask(http.MethodHead, "/assets/"+string(id), ""); w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d", w.Code)
	}
	if w := ask(http.MethodPost, "/assets/"+string(id), ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	absent := ask(http.MethodGet, "/assets/"+strings.Repeat("0", 64), "").Body.String()
	for _, path := range []string{
		"/assets/" + string(foreign), "/assets/" + string(damaged), "/assets/" + strings.ToUpper(string(id)), "/assets/", "/assets",
		"/assets/" + string(id) + "/", "/assets/%2e%2e%2fother", "/assets/..", "/sessions/" + string(id),
	} {
		if w := ask(http.MethodGet, path, ""); w.Code != http.StatusNotFound || w.Body.String() != absent {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
