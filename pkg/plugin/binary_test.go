//go:build unix

package plugin_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/playback/playbacktest"
	"github.com/playhead/playhead/pkg/plugin/plugintest"
)

// build makes the program that Grafana starts.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "gpx_playhead")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./pkg")
	command.Dir = filepath.Join("..", "..")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	return binary
}

// The whole way: the real binary, started as Grafana starts it, between real
// stores and HTTP.
func TestBinary(t *testing.T) {
	stores := playbacktest.Open(t)
	record(t, stores)
	s := settings(t, stores, nil)
	var log bytes.Buffer
	client, err := plugintest.Start(context.WithoutCancel(t.Context()), build(t), &log)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("health", func(t *testing.T) { binaryHealth(t, client, s) })
	t.Run("queries", func(t *testing.T) { binaryQueries(t, client, s) })
	t.Run("segments", func(t *testing.T) { binarySegments(t, client, s) })
	t.Run("http", func(t *testing.T) { binaryHTTP(t, client, s) })
	fromMs := recordTrouble(t, stores)
	t.Run("insight", func(t *testing.T) { binaryInsight(t, client, s, fromMs) })
	t.Run("resources", func(t *testing.T) { binaryResources(t, client, s) })
	t.Run("stream", func(t *testing.T) { binaryStream(t, client, s, stores) })
	t.Run("tls", func(t *testing.T) { binaryTLS(t, client, stores) })
	t.Run("settings change", func(t *testing.T) { binarySettingsChange(t, client, s) })
	client.Stop()
	for _, secret := range s.DecryptedSecureJSONData {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log tells a secret:\n%s", log.String())
		}
	}
}

func binaryHealth(t *testing.T, client *plugintest.Client, s backend.DataSourceInstanceSettings) {
	result, err := client.CheckHealth(t.Context(), s)
	if err != nil || result.Status != backend.HealthStatusOk {
		t.Fatalf("health: %+v, %v", result, err)
	}
	s.UID, s.ID, s.JSONData = "other", 2, []byte(`{"project":"shop"}`)
	result, err = client.CheckHealth(t.Context(), s)
	if err != nil || result.Status != backend.HealthStatusError || !strings.Contains(result.Message, "clickhouse.addresses") {
		t.Errorf("health without addresses: %+v, %v", result, err)
	}
}

func binaryQueries(t *testing.T, client *plugintest.Client, s backend.DataSourceInstanceSettings) {
	queries := map[string]backend.DataQuery{
		"sessions": queryOf("sessions", `{}`),
		"replay":   queryOf("replay", `{"traceId":"`+traceID+`"}`),
		"moments":  queryOf("moments", `{}`),
		"bare":     queryOf("", `{"query":"`+sessionID+`"}`),
		"wrong":    queryOf("sessionz", `{}`),
	}
	var all []backend.DataQuery
	for refID, q := range queries {
		q.RefID = refID
		all = append(all, q)
	}
	response, err := client.QueryData(t.Context(), s, all...)
	if err != nil {
		t.Fatal(err)
	}
	for refID, frameName := range map[string]string{"sessions": "sessions", "replay": "replay", "moments": "moments", "bare": "replay"} {
		got := response.Responses[refID]
		if got.Error != nil || len(got.Frames) != 1 || got.Frames[0].Name != frameName || got.Frames[0].Rows() == 0 {
			t.Errorf("%s: %v, %v", refID, got.Frames, got.Error)
		}
	}
	if wrong := response.Responses["wrong"]; wrong.Error == nil || wrong.Status != backend.StatusBadRequest {
		t.Errorf("unknown query type: status %d, %v", wrong.Status, wrong.Error)
	}
	replay := response.Responses["replay"].Frames[0]
	if uid, _ := replay.FieldByName("datasource_uid"); uid.At(0) != "playhead" {
		t.Errorf("datasource_uid is %v", uid.At(0))
	}
}

const segmentsPath = "sessions/" + sessionID + "/segments"

func binarySegments(t *testing.T, client *plugintest.Client, s backend.DataSourceInstanceSettings) {
	var got messages
	err := client.CallResource(t.Context(), s, &backend.CallResourceRequest{
		Method: http.MethodGet, Path: segmentsPath,
		URL:     segmentsPath + "?window=" + string(windowID) + "&from_seq=0&to_seq=9",
		Headers: map[string][]string{"Accept-Encoding": {"gzip"}},
	}, &got)
	if err != nil || len(got) == 0 || got[0].Status != http.StatusOK {
		t.Fatalf("%v, %+v", err, got)
	}
	if len(got) < segments {
		t.Errorf("%d messages, want at least one for each of %d segments", len(got), segments)
	}
	var body bytes.Buffer
	for _, message := range got {
		body.Write(message.Body)
	}
	unzip, err := gzip.NewReader(&body)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := io.ReadAll(unzip)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(lines, []byte("\n")); n != segments*11 || !bytes.HasPrefix(lines, []byte(`{"segment":{"window_id":"window-aaaa"`)) {
		t.Errorf("%d lines, want %d: %.200s", n, segments*11, lines)
	}
}

func binaryHTTP(t *testing.T, client *plugintest.Client, s backend.DataSourceInstanceSettings) {
	const prefix = "/api/datasources/uid/playhead/resources"
	server := httptest.NewServer(http.StripPrefix(prefix, client.Handler(s)))
	defer server.Close()
	get := func(path string) (int, string, []byte) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+prefix+"/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, response.Header.Get("Content-Type"), body
	}
	var manifest playback.Manifest
	if _, _, body := get("sessions/" + sessionID + "/manifest"); json.Unmarshal(body, &manifest) != nil {
		t.Fatalf("manifest %s", body)
	}
	if len(manifest.Windows) != 1 || len(manifest.Windows[0].Segments) != segments || len(manifest.Moments) != segments+2 {
		t.Errorf("manifest %+v", manifest)
	}
	again, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+prefix+"/sessions/"+sessionID+"/manifest", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{http.StatusOK, http.StatusNotModified} {
		response, err := server.Client().Do(again)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != status || response.Header.Get("Cache-Control") != "private, max-age=300" || response.Header.Get("X-Grafana-Cache") == "" {
			t.Errorf("manifest: status %d, %v, want %d", response.StatusCode, response.Header, status)
		}
		again.Header.Set("If-None-Match", response.Header.Get("ETag"))
	}
	_, contentType, body := get(segmentsPath + "?window=" + string(windowID) + "&from=1763791885000&to=1763791885000&snapshot=true")
	if n := bytes.Count(body, []byte(`{"segment":`)); n != 2 || contentType != "application/x-ndjson" {
		t.Errorf("%d segments as %s, want the one of the snapshot and the one at the instant", n, contentType)
	}
	for _, path := range []string{"sessions/0199f3a2-none/manifest", "sessions/%2e%2e%2fetc/manifest"} {
		if status, contentType, _ := get(path); status != http.StatusNotFound || contentType != "application/problem+json" {
			t.Errorf("%s: status %d, %s", path, status, contentType)
		}
	}
}

// A data source whose settings are corrected works without a restart.
func binarySettingsChange(t *testing.T, client *plugintest.Client, s backend.DataSourceInstanceSettings) {
	good := s.JSONData
	s.UID, s.ID = "changing", 3
	s.JSONData = []byte(`{}`)
	result, err := client.CheckHealth(t.Context(), s)
	if err != nil || result.Status != backend.HealthStatusError {
		t.Fatalf("health without settings: %+v, %v", result, err)
	}
	s.JSONData, s.Updated = good, s.Updated.Add(time.Second)
	result, err = client.CheckHealth(t.Context(), s)
	if err != nil || result.Status != backend.HealthStatusOk {
		t.Errorf("health with settings: %+v, %v", result, err)
	}
}

// Both stores behind TLS, with an authority that only the settings know.
func binaryTLS(t *testing.T, client *plugintest.Client, stores *playbacktest.Stores) {
	inFrontOf := func(address string) *httptest.Server {
		server := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", address
			r.Out.Host = r.In.Host // it is signed
		}})
		t.Cleanup(server.Close)
		return server
	}
	clickHouse, objectStorage := inFrontOf(stores.Addresses.ClickHouse.Address), inFrontOf(stores.Addresses.S3.Endpoint)
	s := settings(t, stores, object{
		"clickhouse.addresses":   []string{clickHouse.Listener.Addr().String()},
		"clickhouse.tls":         true,
		"objectStorage.endpoint": objectStorage.Listener.Addr().String(),
		"objectStorage.tls":      true,
	})
	s.UID, s.ID = "tls", 4
	result, err := client.CheckHealth(t.Context(), s)
	if err != nil || result.Status != backend.HealthStatusError || strings.Count(result.Message, "certificate") < 2 {
		t.Errorf("health with an unknown authority: %+v, %v", result, err)
	}
	s.Updated = s.Updated.Add(time.Second)
	s.DecryptedSecureJSONData["tlsCACert"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: clickHouse.Certificate().Raw}))
	result, err = client.CheckHealth(t.Context(), s)
	if err != nil || result.Status != backend.HealthStatusOk {
		t.Errorf("health with its authority: %+v, %v", result, err)
	}
}
