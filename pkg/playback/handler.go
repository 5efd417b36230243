package playback

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/search"
)

// maxTextBytes bounds what is searched for: nothing longer is ever stored in
// the searched fields but URLs, whose useful parts are shorter.
const maxTextBytes = 1024

// maxSessions is the largest page of sessions.
const maxSessions = 1000

// Handler serves the Playback API. The paths begin with "sessions",
// "suggestions" or "assets"; whoever mounts it strips what is before. It answers GET and HEAD only.
func (r *Reader) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", noStore)
		h.Set("X-Content-Type-Options", "nosniff")
		if err := r.serve(w, req); err != nil {
			r.answerError(w, req, err)
		}
	})
}

var errNoRoute = errors.New("no such path")

// serve finds the route by hand: http.ServeMux would clean a doubtful path and
// redirect to it where this API refuses it.
func (r *Reader) serve(w http.ResponseWriter, req *http.Request) error {
	path := strings.TrimPrefix(req.URL.EscapedPath(), "/")
	// No path of this API needs an escape, a dot or an empty segment.
	if strings.ContainsAny(path, `%.\`) {
		return errNoRoute
	}
	parts := strings.Split(path, "/")
	if parts[0] != "sessions" && parts[0] != "assets" && path != "suggestions" {
		return errNoRoute
	}
	var serve func(http.ResponseWriter, *http.Request) error
	switch {
	case parts[0] == "assets" && len(parts) == 2:
		serve = func(w http.ResponseWriter, req *http.Request) error { return r.serveAsset(w, req, parts[1]) }
	case parts[0] == "assets":
		return errNoRoute
	case path == "suggestions":
		serve = r.serveSuggestions
	case len(parts) == 1:
		serve = r.serveSessions
	case len(parts) == 3 && parts[2] == "manifest":
		serve = r.withSession(parts[1], r.serveManifest)
	case len(parts) == 3 && parts[2] == "segments":
		serve = r.withSession(parts[1], r.serveSegments)
	case len(parts) == 3 && parts[2] == "transcript":
		serve = r.withSession(parts[1], r.serveTranscript)
	default:
		return errNoRoute
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return errMethod
	}
	return serve(w, req)
}

var errMethod = errors.New("method not allowed")

func (r *Reader) withSession(text string, serve func(http.ResponseWriter, *http.Request, recording.SessionID) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, req *http.Request) error {
		id, err := recording.ParseSessionID(text)
		if err != nil {
			return errNoRoute
		}
		return serve(w, req, id)
	}
}

func (r *Reader) serveSessions(w http.ResponseWriter, req *http.Request) error {
	q, err := parseSessionQuery(req.URL.Query())
	if err != nil {
		return err
	}
	page, err := r.Sessions(req.Context(), q)
	if err != nil {
		return err
	}
	answer := struct {
		Sessions []Session `json:"sessions"`
		Next     string    `json:"next"`
	}{make([]Session, 0, len(page.Sessions)), page.Next}
	for _, s := range page.Sessions {
		answer.Sessions = append(answer.Sessions, newSession(s))
	}
	return answerJSON(w, req, answer)
}

func (r *Reader) serveManifest(w http.ResponseWriter, req *http.Request, id recording.SessionID) error {
	manifest, err := r.Manifest(req.Context(), id)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(manifest)
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	if notModified(w, req, contentTag(encoded), r.ofSession(manifest.Session.EndMs)) {
		return nil
	}
	return answerEncoded(w, req, encoded)
}

func (r *Reader) serveSegments(w http.ResponseWriter, req *http.Request, id recording.SessionID) error {
	sel, err := parseSelection(req.URL.Query())
	if err != nil {
		return err
	}
	plan, err := r.plan(req.Context(), id, sel)
	if err != nil {
		return err
	}
	if notModified(w, req, r.edition.etag(plan), askAgain) {
		return nil
	}
	body := newBody(w, req, "application/x-ndjson")
	if req.Method == http.MethodHead {
		return body.Close()
	}
	if err := plan.write(req.Context(), body); err != nil {
		if body.begun {
			// The answer has begun and cannot become another one; the reader
			// sees that it ends early.
			r.edition.spoil()
			r.log.WarnContext(req.Context(), "Answer ended early", "session", id, "error", err)
			return nil
		}
		return err
	}
	return body.Close()
}

func answerJSON(w http.ResponseWriter, req *http.Request, answer any) error {
	encoded, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return answerEncoded(w, req, encoded)
}

func answerEncoded(w http.ResponseWriter, req *http.Request, encoded []byte) error {
	body := newBody(w, req, "application/json")
	if _, err := body.Write(encoded); err != nil {
		return nil //nolint:nilerr // the caller has gone; there is nobody to tell
	}
	return body.Close()
}

func parseSessionQuery(values url.Values) (index.SessionQuery, error) {
	p := params{values: values}
	q := index.SessionQuery{
		FromMs: p.millis("from"),
		ToMs:   p.millis("to"),
		UserID: p.text("user"),
		URL:    p.text("url"),
		Errors: p.flag("errors"),
		Text:   strings.TrimSpace(p.text("q")),
		Before: p.text("before"),
		Limit:  int(p.number("limit", 0, maxSessions)),

		Signal:        p.text("signal"),
		Seen:          p.text("seen"),
		MinDurationMs: p.millis("min_duration"),
		MaxDurationMs: p.millis("max_duration"),
		Release:       p.text("release"),
		Environment:   p.text("environment"),
		Browser:       p.text("browser"),
		Country:       p.text("country"),
	}
	if query := p.text("query"); query != "" {
		parsed, err := search.Parse(query, index.SessionQuery{})
		if err != nil {
			p.fail("query", err.Error())
		}
		q = more(parsed, q)
	}
	if session := p.text("session_id"); session != "" {
		id, err := recording.ParseSessionID(session)
		p.check(err)
		q.SessionID = id
	}
	if trace := p.text("trace_id"); trace != "" {
		id, err := ParseTraceID(trace)
		p.check(err)
		q.TraceID = id
	}
	return q, p.err
}

// more adds to q what it leaves open and parsed has.
func more(parsed, q index.SessionQuery) index.SessionQuery {
	parsed.FromMs, parsed.ToMs, parsed.Before, parsed.Limit = q.FromMs, q.ToMs, q.Before, q.Limit
	parsed.Errors = parsed.Errors || q.Errors
	for _, field := range []struct {
		given string
		to    *string
	}{
		{q.UserID, &parsed.UserID}, {q.URL, &parsed.URL}, {q.Text, &parsed.Text}, {q.Signal, &parsed.Signal}, {q.Seen, &parsed.Seen},
		{q.Release, &parsed.Release}, {q.Environment, &parsed.Environment}, {q.Browser, &parsed.Browser}, {q.Country, &parsed.Country},
	} {
		if field.given != "" {
			*field.to = field.given
		}
	}
	if q.MinDurationMs != 0 {
		parsed.MinDurationMs = q.MinDurationMs
	}
	if q.MaxDurationMs != 0 {
		parsed.MaxDurationMs = q.MaxDurationMs
	}
	return parsed
}

func (r *Reader) serveSuggestions(w http.ResponseWriter, req *http.Request) error {
	p := params{values: req.URL.Query()}
	p.require("field")
	q := index.ValuesQuery{
		Field:  index.Field(p.text("field")),
		Part:   p.text("part"),
		FromMs: p.millis("from"),
		ToMs:   p.millis("to"),
		Limit:  int(p.number("limit", 1, maxSessions)),
	}
	known, fixed := r.fixedValues(q.Field)
	if !fixed && !slices.Contains(index.Fields, q.Field) {
		p.fail("field", "is not one of which there are suggestions")
	}
	if q.Limit == 0 {
		q.Limit = 20
	}
	if p.err != nil {
		return p.err
	}
	if !fixed {
		var err error
		if known, err = r.Values(req.Context(), q); err != nil {
			return err
		}
	}
	encoded, err := json.Marshal(map[string][]string{"values": append([]string{}, known...)})
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	if notModified(w, req, contentTag(encoded), ofSuggestions) {
		return nil
	}
	return answerEncoded(w, req, encoded)
}

// fixedValues are those of fields that do not come from the index: of the
// reader's project, and of what can be asked for.
func (r *Reader) fixedValues(field index.Field) (values []string, fixed bool) {
	switch field {
	case "project":
		return []string{string(r.project)}, true
	case "key":
		return []string{"browser", "country", "env", "release", "signal", "url", "user"}, true
	}
	return nil, false
}

func parseSelection(values url.Values) (Selection, error) {
	p := params{values: values}
	var sel Selection
	var err error
	sel.Window, err = recording.ParseWindowID(p.text("window"))
	if err != nil {
		p.fail("window", "must be the id of a window")
	}
	bySeq := p.has("from_seq") || p.has("to_seq") || p.has("keyframe")
	byTime := p.has("from") || p.has("to")
	switch {
	case bySeq && byTime:
		p.fail("from_seq", "cannot be combined with from and to")
	case p.has("from_seq") && p.has("keyframe"):
		p.fail("from_seq", "cannot be combined with keyframe")
	case p.has("keyframe"):
		p.require("to_seq")
		sel.BySeq, sel.AtKeyframe = true, true
		sel.FromSeq, sel.ToSeq = p.seq("keyframe"), p.seq("to_seq")
	case bySeq:
		p.require("from_seq", "to_seq")
		sel.BySeq = true
		sel.FromSeq, sel.ToSeq = p.seq("from_seq"), p.seq("to_seq")
	default:
		p.require("from", "to")
		sel.FromMs, sel.ToMs = p.millis("from"), p.millis("to")
		sel.Snapshot = p.flag("snapshot")
		sel.Keyframes = p.flag("keyframes")
	}
	return sel, p.err
}

// params reads query parameters and keeps the first complaint.
type params struct {
	values url.Values
	err    error
}

// paramError is a query parameter that is refused.
type paramError struct {
	Field string
	Rule  string
}

func (e *paramError) Error() string { return e.Field + " " + e.Rule }

func (p *params) fail(field, rule string) { p.check(&paramError{field, rule}) }

func (p *params) check(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *params) has(name string) bool { return p.values.Get(name) != "" }

func (p *params) require(names ...string) {
	for _, name := range names {
		if !p.has(name) {
			p.fail(name, "is required")
		}
	}
}

func (p *params) text(name string) string {
	text := p.values.Get(name)
	if len(text) > maxTextBytes {
		p.fail(name, fmt.Sprintf("must not be longer than %d bytes", maxTextBytes))
		return ""
	}
	return text
}

func (p *params) flag(name string) bool {
	switch p.values.Get(name) {
	case "true":
		return true
	case "", "false":
	default:
		p.fail(name, "must be true or false")
	}
	return false
}

func (p *params) number(name string, lowest, highest int64) int64 {
	text := p.values.Get(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < lowest || n > highest {
		p.fail(name, fmt.Sprintf("must be a whole number from %d to %d", lowest, highest))
		return 0
	}
	return n
}

// maxMillis is the last instant of an ECMAScript date, as on the wire.
const maxMillis = 8_640_000_000_000_000

func (p *params) millis(name string) int64 { return p.number(name, 0, maxMillis) }

func (p *params) seq(name string) uint32 { return uint32(p.number(name, 0, 1<<32-1)) }
