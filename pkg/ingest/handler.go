package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/ingest/wire/playhead"
)

const (
	// maxUserAgent is how much of a User-Agent header is kept, in bytes.
	maxUserAgent = 512

	// preflightAge is a day, the most that browsers honour (Firefox).
	preflightAge = 24 * time.Hour
)

// Handler answers /v1/segments, /v1/assets, /v1/assets/missing, /v1/config,
// /playhead.js, /healthz, /readyz and /metrics.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range []struct {
		method, path string
		serve        http.HandlerFunc
	}{
		{http.MethodPost, "/v1/segments", s.serveSegments},
		{http.MethodPost, "/v1/assets", s.serveAsset},
		{http.MethodPost, "/v1/assets/missing", s.serveMissing},
		{http.MethodGet, "/v1/config", s.serveSettings},
	} {
		mux.HandleFunc(route.method+" "+route.path, route.serve)
		mux.HandleFunc("OPTIONS "+route.path, func(w http.ResponseWriter, r *http.Request) { s.servePreflight(w, r, route.method) })
		mux.HandleFunc(route.path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", route.method+", OPTIONS")
			s.refuse(w, r, nil, errMethod)
		})
	}
	mux.HandleFunc("GET /playhead.js", s.serveRecorder)
	mux.HandleFunc("GET /"+s.recorder.immutable, s.serveImmutableRecorder)
	mux.HandleFunc("GET /healthz", s.serveHealth)
	mux.HandleFunc("GET /readyz", s.serveReady)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.refuse(w, r, nil, errNoRoute) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.expectBody(w, r)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

// serveSegments is POST /v1/segments.
func (s *Server) serveSegments(w http.ResponseWriter, r *http.Request) {
	received := s.now()
	var answer reply
	who, err := s.authenticate(w, r)
	if err == nil {
		answer, err = s.receive(w, r, who, received)
	}
	s.metrics.seconds.Observe(s.now().Sub(received).Seconds())
	if err != nil {
		s.metrics.answered(who, problemOf(err).Status)
		s.refuse(w, r, who, err)
		return
	}
	s.metrics.answered(who, http.StatusAccepted)
	s.metrics.requests.WithLabelValues("202").Inc()
	// Should the answer be lost, the recorder sends the segment again, which is
	// a repeat.
	s.serveJSON(w, http.StatusAccepted, answer)
}

// reply is the answer to an accepted upload.
type reply struct {
	Accepted int    `json:"accepted"`           // events
	Token    string `json:"token,omitempty"`    // of the session, when the upload did not carry it
	Snapshot bool   `json:"snapshot,omitempty"` // send a full snapshot
	Config   string `json:"config"`             // ETag of GET /v1/config
}

// receive takes one upload.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, who *credential, received time.Time) (reply, error) {
	encoding, err := bodyEncoding(r)
	if err != nil {
		return reply{}, err
	}
	body, done, err := s.admit(w, r, who, s.cfg.Limits.BodyBytes)
	if err != nil {
		return reply{}, err
	}
	defer done()
	return s.enter(r.Context(), &incoming{
		project: who.project, owner: who.quota, received: received, userAgent: userAgent(r), country: countryIn(r, s.cfg.CountryHeader), address: s.addressHash(r), body: body, encoding: encoding,
	})
}

// admit reads a body of at most limit bytes within the quota of its key. The
// caller calls done when it is finished with it.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, who *credential, limit Bytes) (body []byte, done func(), err error) {
	if r.ContentLength > int64(limit) {
		return nil, nil, errBodyBytes
	}
	// Before a byte is read: who is beyond its quota costs no more than a head.
	spent := r.ContentLength
	if spent < 0 {
		spent = int64(limit)
	}
	if err := who.quota.begin(spent, s.now()); err != nil {
		return nil, nil, s.spread(err)
	}
	if err := s.uploads.begin(); err != nil {
		who.quota.end(spent)
		return nil, nil, err
	}
	buffer := s.bodies.get()
	done = func() {
		s.freeBody(who, len(*buffer))
		who.quota.end(spent - int64(len(*buffer)))
		s.bodies.put(buffer)
		s.uploads.end()
	}
	err = s.readBody(w, r, who, buffer, limit)
	if err == nil && who.ring != s.keys.Load() {
		// A body may come for minutes: the key may be revoked meanwhile.
		_, err = s.credentialOf(r)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return *buffer, done, nil
}

// spread makes those who are refused by a quota at the same moment come back at
// different ones, up to half as late again.
func (s *Server) spread(err error) error {
	var q *quotaError
	if errors.As(err, &q) {
		q.wait += time.Duration(s.random() / 2 * float64(max(q.wait, time.Second)))
	}
	return err
}

// enter accepts an upload as part of its session. A session that may have begun
// elsewhere is looked up with the body put aside: nobody waits for the index in
// a place that others wait for.
func (s *Server) enter(ctx context.Context, in *incoming) (reply, error) {
	var e entry
	in.admit = func(h *playhead.Header) error {
		e = newEntry(in.project, h)
		return s.sessions.check(&e)
	}
	r, err := s.accept(ctx, in)
	if errors.Is(err, errAsk) {
		if err = s.sessions.ask(ctx, &e); err == nil {
			r, err = s.accept(ctx, in)
		}
	}
	if err != nil {
		return reply{}, err
	}
	return reply{Accepted: r.events, Snapshot: r.snapshot, Token: s.sessions.accepted(&e), Config: in.project.settings.etag}, nil
}

// authenticate finds the key and checks the origin. A credential that comes
// with an error is one that was found and may not be used.
//
// Pages of every origin that some key names may read the answer, a refusal
// too: to a recorder that may not, 401 looks like a broken network, and it
// would try for ever.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) (*credential, error) {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if s.keys.Load().origins[strings.ToLower(origin)] {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Expose-Headers", "ETag, Retry-After")
	}
	return s.credentialOf(r)
}

// credentialOf judges a request by the keys that are configured now.
func (s *Server) credentialOf(r *http.Request) (*credential, error) {
	key := r.URL.Query().Get("key")
	if auth := r.Header.Get("Authorization"); auth != "" {
		scheme, token, _ := strings.Cut(auth, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return nil, errKey
		}
		key = token
	}
	who, err := s.keys.Load().find(key)
	if origin := r.Header.Get("Origin"); err == nil && origin != "" && !who.allows(origin) {
		err = errOrigin
	}
	return who, err
}

// needIdentity refuses a body with an encoding.
func needIdentity(r *http.Request) error {
	encoding, err := playhead.ParseEncodings(r.Header.Values("Content-Encoding"))
	if err == nil && encoding != playhead.Identity {
		err = errEncoding
	}
	return err
}

// bodyEncoding reads the type and the encoding, in either spelling.
func bodyEncoding(r *http.Request) (playhead.Encoding, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || (kind != "application/x-ndjson" && kind != "text/plain") {
		return "", errContentType
	}
	return playhead.ParseEncodings(append(r.Header.Values("Content-Encoding"), r.URL.Query()["enc"]...))
}

func userAgent(r *http.Request) string {
	ua := r.UserAgent()
	return strings.ToValidUTF8(ua[:min(len(ua), maxUserAgent)], "")
}

// countryIn is what a proxy says in a header; empty when it does not know, or
// says something else than two letters. XX is how some say that.
func countryIn(r *http.Request, header string) string {
	if header == "" {
		return ""
	}
	country := strings.ToUpper(r.Header.Get(header))
	if len(country) != 2 || country == "XX" || strings.Trim(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return ""
	}
	return country
}

// servePreflight answers what a browser asks before a request that is not
// simple. The key is known only when it is in the query; without it every
// origin that some key allows may go on, and the request itself decides.
func (s *Server) servePreflight(w http.ResponseWriter, r *http.Request, method string) {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	allowed := s.keys.Load().origins[strings.ToLower(origin)]
	if key := r.URL.Query().Get("key"); key != "" {
		who, err := s.keys.Load().find(key)
		if err != nil {
			s.refuse(w, r, who, err)
			return
		}
		allowed = who.allows(origin)
	}
	if !allowed {
		s.refuse(w, r, nil, errOrigin)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Allow-Methods", method)
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding")
	w.Header().Set("Access-Control-Max-Age", strconv.Itoa(int(preflightAge.Seconds())))
	w.WriteHeader(http.StatusNoContent)
}

// refuse answers with a problem, counts it and logs it; who may be nil.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, who *credential, err error) {
	w.Header().Set("Cache-Control", "no-store")
	p := problemOf(err)
	s.metrics.refused.WithLabelValues(p.reason).Inc()
	if r.URL.Path == "/v1/segments" {
		s.metrics.requests.WithLabelValues(strconv.Itoa(p.Status)).Inc()
	}
	s.refusals.note(r.Pattern, who, &p, r.ContentLength)
	if p.ours {
		s.log.Error("request cannot be answered", "reason", p.reason, "error", err)
	}
	if err := p.write(w); err != nil {
		s.log.Debug("answer", "error", err)
	}
}

func (s *Server) serveHealth(w http.ResponseWriter, _ *http.Request) {
	s.serveJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readiness is what /readyz says. A store that is away does not make the
// server unready: it accepts as long as the journal has room.
type readiness struct {
	Ready    bool                  `json:"ready"`
	Stopping bool                  `json:"stopping"`
	Journal  journalState          `json:"journal"`
	Stores   map[string]storeState `json:"stores"`
	Parked   int                   `json:"parked_packs"` // failed, waiting for another attempt
}

type journalState struct {
	State    string `json:"state"` // ok, full, failed
	Bytes    int64  `json:"bytes"`
	Segments int    `json:"segments"` // accepted, not stored yet
}

func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	stats := s.journal.Stats()
	r := readiness{
		Stopping: s.uploads.isStopping(),
		Journal:  journalState{State: "ok", Bytes: stats.Bytes, Segments: stats.Segments},
		Stores:   s.pipeline.storeStates(),
		Parked:   s.pipeline.parkedPacks(),
	}
	switch {
	case s.journal.Err() != nil:
		r.Journal.State = "failed"
	case errors.Is(s.journal.Room(int64(min(s.cfg.Limits.BodyBytes, s.cfg.Journal.FileBytes/2))), journal.ErrFull):
		r.Journal.State = "full"
	}
	r.Ready = !r.Stopping && r.Journal.State == "ok"
	status := http.StatusOK
	if !r.Ready {
		status = http.StatusServiceUnavailable
	}
	s.serveJSON(w, status, r)
}

func (s *Server) serveJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // these types always have a JSON form
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		s.log.Debug("answer", "error", err)
	}
}
