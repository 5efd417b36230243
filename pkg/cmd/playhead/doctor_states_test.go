package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/ingest"
	"github.com/playhead/playhead/pkg/ingest/journal"
)

// newDoctor is a doctor without a configuration file, and what it has found.
func newDoctor(t *testing.T) (*doctor, *[]finding) {
	t.Helper()
	found := &[]finding{}
	d := &doctor{cfg: defaultConfig(), write: func(f finding) { *found = append(*found, f) }, counts: map[level]int{}}
	d.cfg.DataDir = t.TempDir()
	d.cfg.completePaths()
	return d, found
}

// What a running server says of itself, in states that are hard to bring a real
// one into, becomes findings with a next step.
func TestDoctorReadsWhatAServerSays(t *testing.T) {
	const ready = `{"ready":true,"journal":{"state":"ok","segments":5},"stores":{}}`
	for _, c := range []struct {
		name, readyz, metrics string
		level                 level
		check, says           string
	}{
		{"ready", ready, "", levelOK, "server", "it is ready; 5 segments wait"},
		{"stopping", `{"ready":false,"stopping":true,"journal":{"state":"ok"}}`, "", levelWarn, "server", "it is stopping"},
		{"full", `{"ready":false,"journal":{"state":"full"}}`, "", levelFail, "server", "it is not ready (200): the journal is full"},
		{"parked", `{"ready":true,"journal":{"state":"ok"},"parked_packs":3}`, "", levelWarn, "server", "3 packs failed"},
		{"a store is away", `{"ready":true,"journal":{"state":"ok"},"stores":{"bucket":{"ok":false,"since":"2026-11-22T10:00:00Z"}}}`, "", levelFail, "server", "no answer of the bucket since 2026-11-22T10:00:00Z"},
		{"a store never answered", `{"ready":true,"journal":{"state":"ok"},"stores":{"index":{"ok":false}}}`, "", levelFail, "server", "no answer of the index since some time"},
		{"no JSON", `hello`, "", levelFail, "server", "/readyz: invalid character"},
		{"lost", ready, "playhead_ingest_journal_lost_segments_total 2\n", levelFail, "metrics", "2 acknowledged segments could not be read back"},
		{"full before", ready, "# HELP x\nplayhead_ingest_journal_full_total 7\n", levelWarn, "metrics", "7 segments were refused because the journal was full"},
		{"refused", ready, "playhead_ingest_refused_total{reason=\"quota\"} 4\nplayhead_ingest_refused_total{reason=\"key\"} 1\n", levelOK, "metrics", "since the start: key 1, quota 4"},
		{"not refused", ready, "playhead_ingest_refused_total{reason=\"quota\"} 0\n", levelOK, "metrics", "no upload was refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/metrics" {
					fmt.Fprint(w, c.metrics)
					return
				}
				fmt.Fprint(w, c.readyz)
			}))
			defer server.Close()
			d, found := newDoctor(t)
			d.cfg.Listen, d.ours = strings.TrimPrefix(server.URL, "http://"), true
			d.server(t.Context())
			if !find(*found, c.level, c.check, c.says) {
				t.Errorf("%+v", *found)
			}
		})
	}

	// It was there a moment ago, and is not any more.
	d, found := newDoctor(t)
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	d.cfg.Listen, d.ours = strings.TrimPrefix(server.URL, "http://"), true
	d.server(t.Context())
	d.metrics(t.Context())
	if !find(*found, levelFail, "server", "/readyz: ") || !find(*found, levelWarn, "metrics", "/metrics: ") {
		t.Errorf("%+v", *found)
	}
}

// The disk and the journal are compared with what they may become.
func TestDoctorLooksAtTheJournal(t *testing.T) {
	waiting, err := filepath.Glob(filepath.Join("..", "..", "ingest", "journal", "testdata", "v1", "uploads", "*"))
	if err != nil || len(waiting) == 0 {
		t.Fatal(waiting, err)
	}
	fill := func(t *testing.T, d *doctor) int64 {
		t.Helper()
		if err := os.MkdirAll(d.cfg.Ingest.Journal.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, path := range waiting {
			content, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(filepath.Join(d.cfg.Ingest.Journal.Dir, filepath.Base(path)), content, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		survey, err := journal.Look(d.cfg.Ingest.Journal.Dir)
		if err != nil || survey.Segments == 0 {
			t.Fatal(survey, err)
		}
		return survey.Bytes
	}
	for _, c := range []struct {
		name   string
		change func(d *doctor, bytes int64)
		level  level
		check  string
		says   string
	}{
		{"nobody stores them", func(*doctor, int64) {}, levelWarn, "journal", "and no server runs on it start playhead ingest"},
		{"a third", func(d *doctor, bytes int64) { d.cfg.Ingest.Journal.MaxBytes = ingest.Bytes(3 * bytes) }, levelWarn, "journal", "look at the stores"},
		{"nearly full", func(d *doctor, bytes int64) { d.cfg.Ingest.Journal.MaxBytes = ingest.Bytes(bytes + 1) }, levelFail, "journal", "it is nearly full"},
		{"the disk ends first", func(d *doctor, _ int64) { d.cfg.Ingest.Journal.MaxBytes = 1 << 60 }, levelWarn, "disk space", "the disk is full before the journal reaches journal.max_bytes"},
		{"no room", func(d *doctor, _ int64) { d.cfg.Ingest.Journal.MinFreeBytes = 1 << 60 }, levelFail, "disk space", "every upload is answered 503"},
		{"no folder", func(d *doctor, _ int64) { d.cfg.Ingest.Journal.Dir = filepath.Join(os.DevNull, "journal") }, levelFail, "journal folder", "give the user that runs playhead the folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, found := newDoctor(t)
			c.change(d, fill(t, d))
			d.folders()
			d.journal()
			if !find(*found, c.level, c.check, c.says) {
				t.Errorf("%+v", *found)
			}
		})
	}
}

// A secret of the session tokens is shown by its fingerprint alone.
func TestDoctorLooksAtTheSecret(t *testing.T) {
	d, found := newDoctor(t)
	d.cfg.Ingest.SessionTokens.SecretFile = ""
	d.sessionSecret()
	if !find(*found, levelWarn, "session tokens", "the secret ends with the process") {
		t.Errorf("%+v", *found)
	}
	d, found = newDoctor(t)
	d.sessionSecret()
	if !find(*found, levelOK, "session tokens", "will be written at the first start") {
		t.Errorf("%+v", *found)
	}
	secret := strings.Repeat("secret-", 6)
	if err := os.WriteFile(d.cfg.Ingest.SessionTokens.SecretFile, []byte(secret+"\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	d.sessionSecret()
	if !find(*found, levelWarn, "session tokens", "other users of this machine can read it (mode 0640)") || !find(*found, levelOK, "session tokens", "fingerprint ") {
		t.Errorf("%+v", *found)
	}
	if strings.Contains(fmt.Sprint(*found), "secret-secret") {
		t.Error("the secret is shown")
	}
	d.cfg.Ingest.SessionTokens.SecretFile = t.TempDir()
	d.sessionSecret()
	if !find(*found, levelFail, "session tokens", "session_tokens.secret_file: ") {
		t.Errorf("%+v", *found)
	}
}
