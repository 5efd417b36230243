package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/playhead/playhead/pkg/index"
)

// A store that has not answered in this time is reported as down; Grafana
// itself gives up after 30 s.
const healthTimeout = 10 * time.Second

// healthPart is the answer of one check.
type healthPart struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// CheckHealth checks everything that queries need and says what to fix.
func (d *Datasource) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	if d.problem != nil {
		part := healthPart{Name: "settings", Message: strings.ReplaceAll(d.problem.Error(), "\n", "; ")}
		return healthResult([]healthPart{part}), nil
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()

	checks := []struct {
		name string
		good string
		run  func(context.Context) error
	}{
		{"clickhouse", "ClickHouse answers", d.stores.Index.Check},
		{"objectStorage", "object storage answers", d.stores.CheckBucket},
	}
	parts := make([]healthPart, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() {
			parts[i] = healthPart{Name: check.name, OK: true, Message: check.good}
			if err := check.run(ctx); err != nil {
				parts[i].OK, parts[i].Message = false, d.explain(check.name, err)
			}
		})
	}
	all.Wait()
	return healthResult(parts), nil
}

// explain says what to fix. The stores' own checks do; the rest is what only
// the plugin can know.
func (d *Datasource) explain(name string, err error) string {
	text := name + ": " + d.settings.redact(err.Error())
	if errors.Is(err, index.ErrSchema) {
		text += "; the plugin and playhead ingest must be of the same version"
	}
	return text
}

func healthResult(parts []healthPart) *backend.CheckHealthResult {
	result := &backend.CheckHealthResult{Status: backend.HealthStatusOk}
	var wrong, said []string
	for _, part := range parts {
		said = append(said, part.Message)
		if !part.OK {
			wrong = append(wrong, part.Message)
		}
	}
	if len(wrong) > 0 {
		result.Status, said = backend.HealthStatusError, wrong
	}
	result.Message = strings.Join(said, "; ")
	details, err := json.Marshal(map[string]any{
		"parts": parts,
		// The name under which Grafana's page shows more of an error.
		"verboseMessage": strings.Join(wrong, "\n"),
	})
	if err != nil {
		panic(err) // strings and booleans alone always have a JSON form
	}
	result.JSONDetails = details
	return result
}
