package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answerBytes bounds what is read of an answer: another program may be there.
const answerBytes = 4 << 20

// listeners looks whether a server could listen, or already does.
func (d *doctor) listeners(ctx context.Context) {
	d.listener(ctx, "listen", d.cfg.Listen)
	if d.cfg.Standalone.Listen != "" {
		d.listener(ctx, "standalone.listen", d.cfg.Standalone.Listen)
	}
}

func (d *doctor) listener(ctx context.Context, field, address string) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err == nil {
		d.ok("address", "%s: %s is free", field, address)
		_ = l.Close() // nobody connected
		return
	}
	path := "/readyz"
	if field != "listen" {
		path = "/api/sessions?limit=1"
	}
	if answersAsOurs(ctx, address, path) {
		d.ours = d.ours || field == "listen"
		d.ok("address", "%s: a playhead server answers at %s", field, address)
		return
	}
	d.fail("address", "choose another address, or end the program that has it", "%s: %v, and what is there is not playhead", field, err)
}

// answersAsOurs says whether the answer of an address is a JSON object of ours.
func answersAsOurs(ctx context.Context, address, path string) bool {
	body, _, err := fetch(ctx, address, path)
	if err != nil {
		return false
	}
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil {
		return false
	}
	return answer["journal"] != nil || answer["sessions"] != nil
}

// fetch asks a server on this machine.
func fetch(ctx context.Context, address, path string) (body []byte, status int, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, 0, err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return nil, 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, answerBytes))
	return body, response.StatusCode, err
}

// server asks a running ingest how it is.
func (d *doctor) server(ctx context.Context) {
	if !d.ours {
		d.ok("server", "none runs at %s", d.cfg.Listen)
		return
	}
	body, status, err := fetch(ctx, d.cfg.Listen, "/readyz")
	var ready struct {
		Ready    bool `json:"ready"`
		Stopping bool `json:"stopping"`
		Journal  struct {
			State    string `json:"state"`
			Segments int    `json:"segments"`
		} `json:"journal"`
		Stores map[string]struct {
			OK    bool       `json:"ok"`
			Since *time.Time `json:"since"`
		} `json:"stores"`
		Parked int `json:"parked_packs"`
	}
	if err == nil {
		err = json.Unmarshal(body, &ready)
	}
	if err != nil {
		d.fail("server", "look at its log", "/readyz: %v", err)
		return
	}
	for name, s := range ready.Stores {
		if !s.OK {
			since := "some time"
			if s.Since != nil {
				since = s.Since.Format(time.RFC3339)
			}
			d.fail("server", "see the checks of the store below", "it has had no answer of the %s since %s", name, since)
		}
	}
	switch {
	case ready.Stopping:
		d.warn("server", "wait for the next one", "it is stopping")
	case !ready.Ready:
		d.fail("server", "see the checks of journal and disk", "it is not ready (%d): the journal is %s", status, ready.Journal.State)
	case ready.Parked > 0:
		d.warn("server", "look at its log for why", "%d packs failed and wait for another attempt", ready.Parked)
	default:
		d.ok("server", "it is ready; %d segments wait", ready.Journal.Segments)
	}
	d.metrics(ctx)
}

// worrying are counters that should stay at zero.
var worrying = map[string]struct {
	level      level
	says, next string
}{
	"playhead_ingest_journal_lost_segments_total": {levelFail, "acknowledged segments could not be read back from the journal", "look for a failing disk"},
	"playhead_ingest_journal_lost_bytes_total":    {levelFail, "bytes of the journal were damaged", "look for a failing disk"},
	"playhead_ingest_derive_panics_total":         {levelWarn, "segments were stored without their moments", "report the log's stack; playhead reindex adds the moments with a version that has the fix"},
	"playhead_ingest_journal_full_total":          {levelWarn, "segments were refused because the journal was full", "look at the stores, or raise journal.max_bytes"},
}

// metrics looks at what a running server has counted since its start.
func (d *doctor) metrics(ctx context.Context) {
	body, _, err := fetch(ctx, d.cfg.Listen, "/metrics")
	if err != nil {
		d.warn("metrics", "look at the server's log", "/metrics: %v", err)
		return
	}
	var refused []string
	lines := bufio.NewScanner(strings.NewReader(string(body)))
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil || value == 0 {
			continue
		}
		if w, found := worrying[name]; found {
			d.add(w.level, "metrics", fmt.Sprintf("%.0f %s", value, w.says), w.next)
		}
		if label, found := strings.CutPrefix(name, "playhead_ingest_refused_total{reason="); found {
			refused = append(refused, fmt.Sprintf("%s %.0f", strings.Trim(label, `"}`), value))
		}
	}
	slices.Sort(refused)
	if len(refused) > 0 {
		d.ok("metrics", "uploads were refused since the start: %s", strings.Join(refused, ", "))
		return
	}
	d.ok("metrics", "no upload was refused since the start")
}
