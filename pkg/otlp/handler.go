package otlp

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/playhead/playhead/pkg/recording"
)

var tracePattern = regexp.MustCompile(`^[0-9a-fA-F]{32}$`)

// maxStretchMs bounds the time that one request for log lines asks for: a
// session is no longer.
const maxStretchMs = 24 * 60 * 60 * 1000

// Handler answers GET /traces/{trace_id}?at= and
// GET /sessions/{session_id}/logs?from=&to=&limit= (docs/format/playback.md).
func (s *Store) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /traces/{trace}", s.serveSpans)
	mux.HandleFunc("GET /sessions/{session}/logs", s.serveLines)
	return mux
}

func (s *Store) serveSpans(w http.ResponseWriter, r *http.Request) {
	trace := r.PathValue("trace")
	at, ok := number(r, "at", maxMillis)
	if !tracePattern.MatchString(trace) || !ok {
		refuse(w, http.StatusBadRequest, "a trace id has 32 hex digits, at is ms since the epoch")
		return
	}
	spans, err := s.Spans(r.Context(), strings.ToLower(trace), at)
	if err != nil {
		s.unavailable(r.Context(), w, err)
		return
	}
	answer(w, map[string]any{"spans": notNil(spans)})
}

func (s *Store) serveLines(w http.ResponseWriter, r *http.Request) {
	session, err := recording.ParseSessionID(r.PathValue("session"))
	from, fromOK := number(r, "from", maxMillis)
	to, toOK := number(r, "to", maxMillis)
	limit, limitOK := number(r, "limit", MaxLines)
	if err != nil || !fromOK || !toOK || !limitOK || to <= from || to-from > maxStretchMs || limit == 0 {
		refuse(w, http.StatusBadRequest, "from, to (ms since the epoch, at most a day apart) and limit (1 to 5000) are required")
		return
	}
	lines, err := s.Lines(r.Context(), session, from, to, int(limit))
	if err != nil {
		s.unavailable(r.Context(), w, err)
		return
	}
	answer(w, map[string]any{"lines": notNil(lines)})
}

// maxMillis is the last instant that a DateTime64(9) holds, in 2262.
const maxMillis = 9_223_372_036_854

func number(r *http.Request, name string, most int64) (int64, bool) {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	return n, err == nil && n >= 0 && n <= most
}

func (s *Store) unavailable(ctx context.Context, w http.ResponseWriter, err error) {
	s.log.ErrorContext(ctx, "Telemetry cannot be read", "error", err)
	refuse(w, http.StatusBadGateway, "ClickHouse does not answer; the server's log says why")
}

func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	write(w, map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail})
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "private, no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	write(w, body)
}

func write(w http.ResponseWriter, body any) {
	_ = json.NewEncoder(w).Encode(body) // the caller may have gone
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
