package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"
)

// recorderScript is the browser recorder with its two addresses.
type recorderScript struct {
	content   []byte
	etag      string
	immutable string // file name with the hash of the content
}

func newRecorderScript(content []byte) *recorderScript {
	sum := sha256.Sum256(content)
	hash := hex.EncodeToString(sum[:8])
	return &recorderScript{content: content, etag: `"` + hash + `"`, immutable: "playhead-" + hash + ".js"}
}

// serveRecorder is the address that pages name: always the newest, asked for
// again every five minutes.
func (s *Server) serveRecorder(w http.ResponseWriter, r *http.Request) {
	s.serveScript(w, r, "public, max-age=300")
}

// serveImmutableRecorder is the address that never changes its content.
func (s *Server) serveImmutableRecorder(w http.ResponseWriter, r *http.Request) {
	s.serveScript(w, r, "public, max-age=31536000, immutable")
}

func (s *Server) serveScript(w http.ResponseWriter, r *http.Request, cache string) {
	if len(s.recorder.content) == 0 {
		s.refuse(w, r, nil, errNoRoute)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", cache)
	h.Set("ETag", s.recorder.etag)
	// Pages of other origins load it, also those that are cross-origin isolated.
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	// A script tag with crossorigin may run it. Without that browsers hide the
	// errors and rejections that pass through it from the page and from itself.
	h.Set("Access-Control-Allow-Origin", "*")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.recorder.content))
}
