package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
)

// settings are what a project wants of its recorders, as GET /v1/config says it.
type settings struct {
	body []byte
	etag string // without quotes
}

func newSettings(r Recording) settings {
	body, err := json.Marshal(struct {
		V           int      `json:"v"`
		SampleRate  *float64 `json:"sample_rate,omitempty"`
		PrivacyMode string   `json:"privacy_mode,omitempty"`
	}{1, r.SampleRate, r.PrivacyMode})
	if err != nil {
		panic(err) // validated: the rate is finite
	}
	sum := sha256.Sum256(body)
	return settings{body: body, etag: hex.EncodeToString(sum[:8])}
}

// serveSettings is GET /v1/config.
func (s *Server) serveSettings(w http.ResponseWriter, r *http.Request) {
	who, err := s.authenticate(w, r)
	if err != nil {
		s.refuse(w, r, who, err)
		return
	}
	h, settings := w.Header(), who.project.settings
	h.Set("ETag", `"`+settings.etag+`"`)
	// Asked for again each time, which costs 304; the answer to an upload says
	// when there is something new.
	h.Set("Cache-Control", "private, no-cache")
	if strings.Contains(r.Header.Get("If-None-Match"), h.Get("ETag")) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	if _, err := w.Write(settings.body); err != nil {
		s.log.Debug("answer", "error", err)
	}
}
