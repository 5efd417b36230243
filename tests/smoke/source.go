package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/playhead/playhead/pkg/plugin/plugintest"
)

// source is the data source as Grafana would have it configured.
type source struct {
	plugin   *plugintest.Client
	settings backend.DataSourceInstanceSettings
}

func newSource(plugin *plugintest.Client, at addresses) (*source, error) {
	ch, s3 := at.Stores.ClickHouse, at.Stores.S3
	settings, err := json.Marshal(map[string]any{
		"project":       at.Project,
		"clickhouse":    map[string]any{"protocol": "http", "addresses": []string{ch.Address}, "database": ch.Database, "username": ch.User},
		"objectStorage": map[string]any{"endpoint": s3.Endpoint, "region": s3.Region, "bucket": s3.Bucket, "pathStyle": true, "tls": false, "accessKey": s3.AccessKey},
	})
	if err != nil {
		return nil, err
	}
	return &source{plugin: plugin, settings: backend.DataSourceInstanceSettings{
		UID: "playhead", Name: "Playhead", Type: "playhead-replay-datasource", JSONData: settings,
		DecryptedSecureJSONData: map[string]string{"clickhousePassword": ch.Password, "objectStorageSecretKey": s3.SecretKey},
	}}, nil
}

func (s *source) resources() http.Handler { return s.plugin.Handler(s.settings) }

// find waits until the data source lists every session with all of its
// acknowledged segments, and checks each segment.
func (r *results) find(ctx context.Context, s *source, scenarios []scenario, acknowledged []acknowledgement, stderr io.Writer) error {
	health, err := s.plugin.CheckHealth(ctx, s.settings)
	if err != nil {
		return err
	}
	if health.Status != backend.HealthStatusOk {
		return fmt.Errorf("health: %s", health.Message)
	}
	for _, sc := range scenarios {
		if err := await(ctx, 30*time.Second, func() (bool, error) { return s.listed(ctx, sc.SessionID) }); err != nil {
			return fmt.Errorf("session %s (%s) is not listed: %w", sc.SessionID, sc.Name, err)
		}
		r.sessions++
	}
	for _, a := range acknowledged {
		r.acknowledged += a.Events
		var got int
		// The last segments may still be on their way to the stores.
		err := await(ctx, 30*time.Second, func() (found bool, err error) {
			got, err = s.storedEvents(ctx, a)
			return got == a.Events, err
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.stored += got
		if err != nil {
			r.lost++
			fmt.Fprintf(stderr, "segment %+v: %d events stored: %v\n", a, got, err)
		}
	}
	return nil
}

// listed asks the way a dashboard does.
func (s *source) listed(ctx context.Context, sessionID string) (bool, error) {
	now := time.Now()
	response, err := s.plugin.QueryData(ctx, s.settings, backend.DataQuery{
		RefID: "A", QueryType: "sessions", JSON: []byte(`{"queryType":"sessions"}`),
		TimeRange: backend.TimeRange{From: now.Add(-time.Hour), To: now.Add(time.Hour)},
	})
	if err != nil {
		return false, err
	}
	answer := response.Responses["A"]
	if answer.Error != nil {
		return false, answer.Error
	}
	for _, frame := range answer.Frames {
		ids, _ := frame.FieldByName("session_id")
		for i := 0; ids != nil && i < ids.Len(); i++ {
			if ids.At(i) == sessionID {
				return true, nil
			}
		}
	}
	return false, nil
}

// storedEvents counts the events of one segment as the player would load it.
func (s *source) storedEvents(ctx context.Context, a acknowledgement) (int, error) {
	body, err := s.get(ctx, fmt.Sprintf("/sessions/%s/segments?window=%s&from_seq=%d&to_seq=%d", a.SessionID, a.WindowID, a.Seq, a.Seq))
	if err != nil || body == nil {
		return 0, err
	}
	events := 0
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if !bytes.HasPrefix(lines.Bytes(), []byte(`{"segment":`)) {
			events++
		}
	}
	return events, lines.Err()
}

// clockOffset is what the index adds to the browser's times of a session.
func (s *source) clockOffset(ctx context.Context, sessionID string) (int64, error) {
	body, err := s.get(ctx, "/sessions/"+sessionID+"/manifest")
	if err != nil {
		return 0, err
	}
	var manifest struct {
		Windows []struct {
			ClockOffsetMs int64 `json:"clock_offset_ms"`
		} `json:"windows"`
	}
	if err := json.Unmarshal(body, &manifest); err != nil {
		return 0, err
	}
	if len(manifest.Windows) != 1 {
		return 0, fmt.Errorf("session %s has %d windows, want 1", sessionID, len(manifest.Windows))
	}
	return manifest.Windows[0].ClockOffsetMs, nil
}

// get calls a resource; nil without an error means 404.
func (s *source) get(ctx context.Context, address string) ([]byte, error) {
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	answer := httptest.NewRecorder()
	s.resources().ServeHTTP(answer, request)
	switch answer.Code {
	case http.StatusOK:
		return answer.Body.Bytes(), nil
	case http.StatusNotFound:
		return nil, nil
	default:
		return nil, fmt.Errorf("%s: status %d: %.200s", address, answer.Code, answer.Body)
	}
}
