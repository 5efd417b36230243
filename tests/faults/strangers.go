//go:build unix

package faults

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

// writeAbuse is row 20: wrong origins, revoked keys, a write key that wants to
// read, and a stranger in somebody's session.
func writeAbuse(t *trial) error {
	v, err := t.openVault()
	if err != nil {
		return err
	}
	const revokedKey = "pk_revoked_0123456789"
	withKey := func(revoked bool) settings {
		config := t.settings(v, "ingest")
		second := settings{"name": "second", "key": revokedKey, "revoked": revoked}
		project := projectSettings(mainProject, mainKey)
		project["keys"] = append(project["keys"].([]settings), second)
		config["projects"] = []settings{project}
		return config
	}
	srv, err := t.serve("ingest", withKey(false))
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	victim := newTape(t.rng.Uint64(), "victim")
	// An id that does not say when the session began: nobody takes it for new.
	victim.session = recording.SessionID("victim-" + strings.ReplaceAll(string(victim.window), "-", ""))
	if err := deliverAll(t.ctx, s, []*upload{victim.cut(), victim.cut()}); err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	before, err := t.segmentsOf(v, victim.session)
	if err != nil {
		return err
	}
	a := &abuser{t: t, client: loner()}
	if err := a.knock(srv, victim); err != nil {
		return err
	}
	if err := a.trespass(v, victim); err != nil {
		return err
	}
	effective, err := a.revoke(srv, withKey(true), revokedKey)
	if err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	after, err := t.segmentsOf(v, victim.session)
	if err != nil {
		return err
	}
	t.figure("requests", float64(a.requests))
	t.figure("wrong_answers", float64(a.wrong))
	t.figure("rows_changed", float64(after-before))
	t.figure("revoked_after_s", effective.Seconds())
	t.expect(a.wrong == 0, "%d answers are wrong", a.wrong)
	t.expect(after == before, "%d rows changed", after-before)
	t.expect(effective < time.Minute, "a revoked key is refused only after %s", effective)
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.judge(result)
	return nil
}

// segmentsOf returns how many segments of a session are stored, in all of its
// windows.
func (t *trial) segmentsOf(v *vault, id recording.SessionID) (int, error) {
	stored, err := v.index.Segments(t.ctx, mainProject, id)
	return len(stored), err
}

// abuser makes requests that must be refused.
type abuser struct {
	t               *trial
	client          *http.Client
	requests, wrong int
}

// want sends a request and notes when the status is none of those.
func (a *abuser) want(what string, r *http.Request, statuses ...int) {
	a.requests++
	out, body := a.patiently(r)
	if !contains(statuses, out.status) {
		a.wrong++
		a.t.note("%s is answered %d: %.200s %v", what, out.status, body, out.err)
	}
	for _, leak := range []string{"textContent", mainKey} {
		if bytes.Contains(body, []byte(leak)) {
			a.wrong++
			a.t.note("%s is answered with %s", what, leak)
		}
	}
}

// patiently sends a request again while the server says that it has to ask the
// index first, which may be slow.
func (a *abuser) patiently(r *http.Request) (out outcome, body []byte) {
	for range 40 {
		try := r.Clone(r.Context())
		if r.GetBody != nil {
			var err error
			if try.Body, err = r.GetBody(); err != nil {
				return outcome{err: err}, nil
			}
		}
		out, body = exchange(a.client, try)
		if out.status != http.StatusServiceUnavailable || pause(r.Context(), 250*time.Millisecond) != nil {
			break
		}
	}
	return out, body
}

// upload makes the request of a segment.
func (a *abuser) upload(srv *server, u *upload, token string) (*http.Request, error) {
	s := newSender(newOracle(), srv.url)
	if token != "" {
		s.remember(u.id.Session, token)
	}
	body, err := s.body(u)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(a.t.ctx, http.MethodPost, srv.url()+"/v1/segments", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set("Content-Encoding", "gzip")
	return r, nil
}

// knock tries wrong keys and origins, and reading with a write key.
func (a *abuser) knock(srv *server, victim *tape) error {
	stranger := newTape(a.t.rng.Uint64(), "stranger")
	for _, try := range []struct {
		what, key, origin string
		statuses          []int
	}{
		{"no key", "", "", []int{401}},
		{"an unknown key", "Bearer pk_unknown_0123456789", "", []int{401}},
		{"half a key", "Bearer " + mainKey[:10], "", []int{401}},
		{"another scheme", "Basic " + mainKey, "", []int{401}},
		{"a foreign origin", "Bearer " + mainKey, "https://evil.example.com", []int{403}},
		{"the origin with another scheme", "Bearer " + mainKey, "http://shop.example.com", []int{403}},
		{"an origin that begins alike", "Bearer " + mainKey, "https://shop.example.com.evil.example", []int{403}},
		{"the null origin", "Bearer " + mainKey, "null", []int{403}},
	} {
		r, err := a.upload(srv, stranger.cut(), "")
		if err != nil {
			return err
		}
		if try.key != "" {
			r.Header.Set("Authorization", try.key)
		}
		if try.origin != "" {
			r.Header.Set("Origin", try.origin)
		}
		a.want(try.what, r, try.statuses...)
	}
	id := string(victim.session)
	for _, path := range append(questions(victim), "/v1/segments", "/v1/segments?session_id="+id, "/v1/sessions/"+id, "/api/sessions/"+id+"/manifest") {
		r, err := http.NewRequestWithContext(a.t.ctx, http.MethodGet, srv.url()+path, http.NoBody)
		if err != nil {
			continue // not a URL
		}
		r.Header.Set("Authorization", "Bearer "+mainKey)
		a.want("reading "+path+" with a write key", r, 301, 307, 400, 401, 403, 404, 405)
	}
	return nil
}

// trespass tries to add to a session without its token: with none, on a server
// that did not see it begin, and with others on any.
func (a *abuser) trespass(v *vault, victim *tape) error {
	srv, err := a.t.serve("ingest1", a.t.settings(v, "ingest1"))
	if err != nil {
		return err
	}
	another := newTape(a.t.rng.Uint64(), "another")
	s := newSender(newOracle(), srv.url)
	if err := s.deliver(a.t.ctx, another.cut()); err != nil {
		return err
	}
	for what, token := range map[string]string{
		"no token":                "",
		"a token of nothing":      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"another session's token": s.token(another.session),
	} {
		if what == "another session's token" && token == "" {
			return errors.New("the server gives no session tokens")
		}
		r, err := a.upload(srv, victim.cut(), token)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+mainKey)
		a.want(what, r, 401, 403)
	}
	// A new window of the session is no way in either.
	u := victim.cut()
	u.id.Window, u.id.Seq = "window-of-a-stranger", 0
	r, err := a.upload(srv, u, "")
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+mainKey)
	a.want("a new window without token", r, 401, 403)
	return nil
}

// revoke revokes a key in the configuration of a running server and returns how
// long it was good for.
func (a *abuser) revoke(srv *server, config settings, key string) (time.Duration, error) {
	s := newSender(newOracle(), srv.url)
	s.key = key
	if out := s.send(a.t.ctx, newTape(a.t.rng.Uint64(), "before").cut()); !out.acknowledged() {
		return 0, fmt.Errorf("the key is refused before it is revoked: %d %s", out.status, out.problem)
	}
	if err := config.write(srv.config); err != nil {
		return 0, err
	}
	start := time.Now()
	if a.t.short { // the long form waits until the server looks by itself
		if err := srv.signal(syscall.SIGHUP); err != nil {
			return 0, err
		}
	}
	tries := newTape(a.t.rng.Uint64(), "revoked")
	err := a.t.until(70*time.Second, "the revoked key is refused", func() bool {
		a.requests++
		return s.send(a.t.ctx, tries.cut()).status == http.StatusUnauthorized || pause(a.t.ctx, 50*time.Millisecond) != nil
	})
	return time.Since(start), err
}
