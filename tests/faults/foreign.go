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
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/plugin/plugintest"
)

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
	if !t.short { // a test judges no times
		m.clock("playback", reader.Handler())
		m.clock("plugin", plugin.resources())
		t.figure("time_ratio", float64(m.took.secret)/float64(m.took.never))
		t.figure("time_ratio_of_noise", float64(m.took.another)/float64(m.took.never))
		t.figure("different_times", float64(m.odd))
	}
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
	t.expect(m.odd == 0, "%d answers take another time than those about a session that never was", m.odd)
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

	odd  int   // questions whose answers take another time
	took times // all questions together
}

// times are what the answers about the secret session take, and about two that
// never were: what these differ by is noise.
type times struct{ secret, never, another time.Duration }

// differ says whether the secret's time is not among those of the others, give
// or take a quarter.
func (s times) differ() bool {
	return s.secret < min(s.never, s.another)*3/4 || s.secret > max(s.never, s.another)*5/4
}

// clock compares how long answers take. A question whose answer does is asked
// again: only one that differs each time is counted.
func (m *matrix) clock(name string, api http.Handler) {
	never, another := questions(newTape(m.t.rng.Uint64(), "never")), questions(newTape(m.t.rng.Uint64(), "another"))
	for i, secret := range questions(m.secret) {
		for try := 1; ; try++ {
			got := m.timesOf(api, [3]string{secret, never[i], another[i]})
			if got.differ() && try < 3 {
				continue
			}
			if got.differ() {
				m.odd++
				m.t.note("%s: %s takes %s, and %s or %s of a session that never was", name, secret, got.secret, got.never, got.another)
			}
			m.took.secret, m.took.never, m.took.another = m.took.secret+got.secret, m.took.never+got.never, m.took.another+got.another
			break
		}
	}
}

// timesOf asks three questions in turns and returns the medians.
func (m *matrix) timesOf(api http.Handler, asked [3]string) times {
	var took [3][]time.Duration
	for range 7 {
		for i, path := range asked {
			start := time.Now()
			m.call(api, http.MethodGet, path)
			took[i] = append(took[i], time.Since(start))
		}
	}
	return times{percentile(took[0], 0.5), percentile(took[1], 0.5), percentile(took[2], 0.5)}
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
