package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/tests/bench/rig"
)

// engine is ClickHouse's engine, spoken to in SQL: what makes the data, and
// the peer's questions.
type engine struct {
	address embedded.ClickHouse
	pid     int
}

// settings bound what one statement may take, and switch off what would answer
// a question without looking.
var settings = url.Values{
	"max_threads":               {"2"},
	"max_insert_threads":        {"1"},
	"max_memory_usage":          {"4000000000"},
	"use_query_condition_cache": {"0"},
}

// run returns what a statement answers, tab separated.
func (e *engine) run(ctx context.Context, database, statement string) (string, error) {
	parameters := url.Values{"database": {database}}
	for name, values := range settings {
		parameters[name] = values
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+e.address.Address+"/?"+parameters.Encode(), strings.NewReader(statement))
	if err != nil {
		return "", err
	}
	r.SetBasicAuth(e.address.User, e.address.Password)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", fmt.Errorf("ask engine: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", fmt.Errorf("read answer of engine: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("engine refuses %.60q: %s", statement, text)
	}
	return string(text), nil
}

// proxy passes on what the index asks, with the settings above. It costs the
// index some tenths of a millisecond a question.
func (e *engine) proxy() *httptest.Server {
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: e.address.Address})
		q := r.Out.URL.Query()
		for name, values := range settings {
			q[name] = values
		}
		r.Out.URL.RawQuery = q.Encode()
	}}
	return httptest.NewServer(forward)
}

// bytes are those of tables on disk.
func (e *engine) bytes(ctx context.Context, database string, tables ...string) (int64, error) {
	text, err := e.run(ctx, database, "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = '"+database+
		"' AND table IN ('"+strings.Join(tables, "','")+"')")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(text), 10, 64)
}

// settle waits until the merges of what was inserted are done, or two minutes.
func (e *engine) settle(ctx context.Context) error {
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		running, err := e.run(ctx, "system", "SELECT count() FROM system.merges")
		if err != nil {
			return err
		}
		if strings.TrimSpace(running) == "0" {
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	rig.Say("merges are still running")
	return nil
}
