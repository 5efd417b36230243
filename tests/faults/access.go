//go:build unix

package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/plugin/plugintest"
	"github.com/playhead/playhead/pkg/recording"
)

// keyPattern is the form of every object key.
var keyPattern = regexp.MustCompile(`^v1/[a-z0-9][a-z0-9-]{0,62}/(` +
	`[a-z][a-z0-9-]{0,31}/\d{4}/\d{2}/\d{2}/\d{2}/[0-9A-HJKMNP-TV-Z]{26}\.pack|` +
	`dictionary/[0-9a-f]{16}(/[0-9a-f]{64}\.dict|/[a-z0-9.-]+)?|dictionary/[0-9a-f]{64}\.dict|` +
	`asset/[0-9a-f/]+)$`)

// strangeIDs are ids that must never reach a path, a log line or a statement.
func strangeIDs() []string {
	return []string{
		"../../../../etc/passwd", "..%2f..%2fetc", "%2e%2e%2f%2e%2e%2f", "....//....//x", `..\..\windows`, "/absolute/path",
		"12345678\x00.pack", "12345678\r\nX-Injected: yes", "12345678\nlevel=error", "session-1\u0085line", "12345678\u2028line",
		"sеssion-1", "session\u200b-12", "ｓｅｓｓｉｏｎ", "=cmd()|'/C calc'!A0", "@SUM(1+1)", "'; DROP TABLE segments; --",
		"${jndi:ldap://x}", "<script>alert(1)</script>", "short", "", strings.Repeat("a", 65), strings.Repeat("a", 1<<20), "12345678 ", "{{.}}12345678",
	}
}

// strangeNames is row 18: ids that are paths, line ends, look-alikes, formulas.
func strangeNames(t *trial) error {
	v, err := t.openVault()
	if err != nil {
		return err
	}
	config := t.settings(v, "ingest")
	config["log_level"] = "debug"
	srv, err := t.serve("ingest", config)
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	f := t.begin(s, nominal(20, "beside"))
	requests, accepted, wrong := 0, 0, 0
	linesBefore := refusalLines(srv)
	for _, field := range []string{"session_id", "window_id", "page_id", "previous_id"} {
		for i, id := range strangeIDs() {
			u := newTape(t.rng.Uint64(), fmt.Sprintf("name-%s-%d", field, i)).cut()
			u.header = map[string]any{field: id}
			out := newSender(newOracle(), srv.url).send(t.ctx, u)
			requests++
			switch {
			case out.acknowledged():
				accepted++
			case out.status != http.StatusBadRequest && (out.status != http.StatusRequestEntityTooLarge || len(id) < 64<<10):
				wrong++
				t.note("%s %.40q is answered %d: %s", field, id, out.status, out.problem)
			}
			if requests == loggedOneByOne {
				// The log is read by another goroutine.
				err := t.until(10*time.Second, "each refusal is in the log", func() bool { return refusalLines(srv)-linesBefore >= requests })
				t.expect(err == nil, "%d refusals make %d lines in the log", requests, refusalLines(srv)-linesBefore)
			}
		}
	}
	if err := f.end(); err != nil {
		return err
	}
	lines := refusalLines(srv) - linesBefore
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	keys, odd, err := t.oddKeys(v)
	if err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("requests", float64(requests))
	t.figure("accepted", float64(accepted))
	t.figure("log_lines", float64(lines))
	t.figure("object_keys", float64(keys))
	t.figure("odd_object_keys", float64(odd))
	t.judge(result)
	t.expect(accepted == 0 && wrong == 0, "%d strange ids are accepted and %d answered wrongly", accepted, wrong)
	t.expect(lines <= requests, "%d refusals make %d lines in the log", requests, lines)
	t.expect(odd == 0 && keys > 0, "%d of %d object keys are odd", odd, keys)
	t.checkLog(srv)
	return nil
}

// loggedOneByOne is how many refusals for one reason ingest logs before it sums
// them up.
const loggedOneByOne = 10

// refusalLines counts the lines of the log about refused requests.
func refusalLines(srv *server) int {
	n := 0
	for _, line := range srv.log() {
		if strings.Contains(line, "request refused") {
			n++
		}
	}
	return n
}

// checkLog looks whether every line of the log is one JSON object without
// anything that a stranger wrote.
func (t *trial) checkLog(srv *server) {
	for _, line := range srv.log() {
		var object map[string]any
		t.expect(json.Unmarshal([]byte(line), &object) == nil, "a line of the log is not JSON: %.120q", line)
		for _, word := range []string{"passwd", "X-Injected", "DROP TABLE", "jndi", "calc"} {
			t.expect(!strings.Contains(line, word), "a stranger's %s is in the log: %.200q", word, line)
		}
	}
}

// oddKeys counts the row's objects and those whose key has another form.
func (t *trial) oddKeys(v *vault) (all, odd int, err error) {
	err = v.bucket.List(t.ctx, "", func(o objectstore.Object) error {
		all++
		if !keyPattern.MatchString(o.Key) {
			odd++
			t.note("odd object key %q", o.Key)
		}
		return nil
	})
	return all, odd, err
}

// canary stands in all events of the project that nobody else may see.
const canary = "vqvqcanaryvqvq"

// foreign is row 19: whatever is asked about a session of another project, by
// the playback API and by the data source, the answer is that of a session
// that never was.
func foreign(t *trial) error {
	v, err := t.openVault()
	if err != nil {
		return err
	}
	const otherKey = "pk_other_0123456789"
	config := t.settings(v, "ingest")
	config["projects"] = []settings{projectSettings(mainProject, mainKey), projectSettings("other", otherKey)}
	srv, err := t.serve("ingest", config)
	if err != nil {
		return err
	}
	s := newSender(newOracle(), srv.url)
	secret, err := t.sendSecret(s)
	if err != nil {
		return err
	}
	other := newSender(newOracle(), srv.url)
	other.key = otherKey
	own := newTape(t.rng.Uint64(), "own")
	own.project = "other"
	if err := deliverAll(t.ctx, other, []*upload{own.cut(), own.cut()}); err != nil {
		return err
	}
	if err := srv.drained(time.Minute); err != nil {
		return err
	}
	plugin, err := t.startPlugin(v, "other")
	if err != nil {
		return err
	}
	reader := playback.New(playback.Config{Project: "other", Bucket: v.bucket, Index: v.index, Log: slog.New(slog.DiscardHandler)})
	m := &matrix{t: t, secret: secret, own: own}
	m.ask("playback", reader.Handler())
	m.ask("plugin", plugin.resources())
	if err := m.query(plugin); err != nil {
		return err
	}
	if err := t.lifeAfter(s, v); err != nil {
		return err
	}
	result, err := s.oracle.check(t.ctx, v)
	if err != nil {
		return err
	}
	t.figure("requests", float64(m.requests))
	t.figure("foreign_bytes", float64(m.leaked))
	t.figure("different_answers", float64(m.different))
	t.judge(result)
	t.expect(m.leaked == 0, "%d foreign bytes", m.leaked)
	t.expect(m.different == 0, "%d answers tell a foreign session from one that never was", m.different)
	t.expect(m.found > 0, "the project's own session is not found: the matrix tests nothing")
	return nil
}

// sendSecret records a session full of canaries in the main project.
func (t *trial) sendSecret(s *sender) (*tape, error) {
	secret := newTape(t.rng.Uint64(), "secret")
	for range 3 {
		u := secret.cut()
		u.events = bytes.ReplaceAll(u.events, []byte(`"value":"`), []byte(`"value":"`+canary))
		u.header = map[string]any{
			"user": map[string]any{"id": canary}, "page": map[string]any{"url": "https://shop.example.com/" + canary},
			"release": canary,
		}
		if err := s.deliver(t.ctx, u); err != nil {
			return nil, err
		}
	}
	return secret, nil
}

// dataSource is the plugin's backend with the settings of one project.
type dataSource struct {
	client   *plugintest.Client
	settings backend.DataSourceInstanceSettings
}

func (d *dataSource) resources() http.Handler { return d.client.Handler(d.settings) }

// startPlugin builds and starts the plugin's backend.
func (t *trial) startPlugin(v *vault, project string) (*dataSource, error) {
	binary, err := t.build(t.ctx, "gpx_playhead", "./pkg")
	if err != nil {
		return nil, err
	}
	log, err := os.Create(t.dir + "/plugin.log")
	if err != nil {
		return nil, err
	}
	client, err := plugintest.Start(t.ctx, binary, log)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	t.later(func() error { client.Stop(); return log.Close() })
	at := t.engines.Addresses()
	text, err := json.Marshal(map[string]any{
		"project":       project,
		"clickhouse":    map[string]any{"protocol": "http", "addresses": []string{at.ClickHouse.Address}, "database": v.database, "username": at.ClickHouse.User},
		"objectStorage": map[string]any{"endpoint": at.S3.Endpoint, "region": at.S3.Region, "bucket": at.S3.Bucket, "prefix": v.prefix, "pathStyle": true, "tls": false, "accessKey": at.S3.AccessKey},
	})
	if err != nil {
		return nil, err
	}
	return &dataSource{client: client, settings: backend.DataSourceInstanceSettings{
		UID: "playhead", Name: "Playhead", Type: "playhead-replay-datasource", JSONData: text,
		DecryptedSecureJSONData: map[string]string{"clickhousePassword": at.ClickHouse.Password, "objectStorageSecretKey": at.S3.SecretKey},
	}}, nil
}

// matrix asks for a secret session in every way.
type matrix struct {
	t      *trial
	secret *tape // of the other project
	own    *tape

	requests, leaked, different, found int
}

// ask compares the answers about the secret session with those about one that
// never was, and looks for the project's own.
func (m *matrix) ask(name string, api http.Handler) {
	never := newTape(m.t.rng.Uint64(), "never")
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		for _, path := range questions(m.own) {
			if status, _ := m.call(api, method, path); method == http.MethodGet && status == http.StatusOK {
				m.found++
			}
		}
		secret, nobody := questions(m.secret), questions(never)
		for i := range secret {
			status, body := m.call(api, method, secret[i])
			wantStatus, want := m.call(api, method, nobody[i])
			m.leaked += strings.Count(body, canary) * len(canary)
			// The answer may repeat the question.
			body = strings.ReplaceAll(strings.ReplaceAll(body, string(m.secret.session), string(never.session)), string(m.secret.window), string(never.window))
			if status != wantStatus || body != want {
				m.different++
				m.t.note("%s: %s %s is answered %d %.100q; a session that never was %d %.100q", name, method, secret[i], status, body, wantStatus, want)
			}
		}
	}
}

// questions are all ways to ask for a session.
func questions(t *tape) []string {
	id, window := string(t.session), string(t.window)
	segments := "/segments?window=" + window + "&from_seq=0&to_seq=9"
	return []string{
		"/sessions/" + id + "/manifest",
		"/sessions/" + id + segments,
		"/sessions/" + id + "/segments?window=" + window + "&from=0&to=9999999999999&snapshot=true",
		"/sessions?q=" + id,
		"/sessions?q=" + canary,
		"/sessions?user=" + canary,
		"/sessions?url=" + canary,
		"/sessions?trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
		"//sessions/" + id + "/manifest",
		"/sessions//" + id + "/manifest",
		"/sessions/%2e%2e/" + id + "/manifest",
		"/sessions/../shop/sessions/" + id + "/manifest",
		"/sessions/" + mainProject + "%2f" + id + "/manifest",
		"/sessions/" + id + "%2fmanifest",
		"/sessions/" + id + "/manifest?project=" + mainProject,
		"/shop/sessions/" + id + "/manifest",
		"/sessions/" + id + "/moments",
		"/sessions/" + id,
		"/v1/" + mainProject + "/normal",
	}
}

// call makes one request.
func (m *matrix) call(api http.Handler, method, path string) (int, string) {
	m.requests++
	r := httptest.NewRequestWithContext(m.t.ctx, method, "http://playhead.test/x", http.NoBody)
	u, err := r.URL.Parse("http://playhead.test" + path)
	if err != nil {
		return http.StatusBadRequest, ""
	}
	r.URL, r.RequestURI = u, path
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, r)
	return answer.Code, answer.Body.String()
}

// query asks as a dashboard does.
func (m *matrix) query(d *dataSource) error {
	for _, kind := range []string{"sessions", "replay", "moments", "transcript", "signals", "metrics"} {
		for _, text := range []string{string(m.secret.session), canary, ""} {
			asked, err := json.Marshal(map[string]any{"queryType": kind, "query": text, "sessionId": text})
			if err != nil {
				return err
			}
			m.requests++
			answer, err := d.client.QueryData(m.t.ctx, d.settings, backend.DataQuery{
				RefID: "A", QueryType: kind, JSON: asked,
				TimeRange: backend.TimeRange{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)},
			})
			if err != nil {
				continue // a kind that this version does not know
			}
			said, err := json.Marshal(answer)
			if err != nil {
				return fmt.Errorf("encode answer: %w", err)
			}
			if text != canary { // a message may repeat the question
				m.leaked += bytes.Count(said, []byte(canary)) * len(canary)
			}
			m.leaked += len(m.secret.session) * cellsWith(answer.Responses["A"].Frames, string(m.secret.session))
		}
	}
	return nil
}

// cellsWith counts the cells of frames that are a text.
func cellsWith(frames data.Frames, text string) int {
	n := 0
	for _, frame := range frames {
		for _, field := range frame.Fields {
			for i := range field.Len() {
				if fmt.Sprint(field.At(i)) == text {
					n++
				}
			}
		}
	}
	return n
}

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
