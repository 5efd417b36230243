//go:build unix

package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/objectstore"
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
	config["log_level"] = "debug" // at others, refusals for the same reason are summed up
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
		}
	}
	if err := f.end(); err != nil {
		return err
	}
	// The log is read by another goroutine.
	_ = t.until(10*time.Second, "each refusal is in the log", func() bool { return refusalLines(srv)-linesBefore >= requests }) // else the row fails below
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
	t.expect(lines == requests, "%d refusals make %d lines in the log", requests, lines)
	t.expect(odd == 0 && keys > 0, "%d of %d object keys are odd", odd, keys)
	t.checkLog(srv)
	return nil
}

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
