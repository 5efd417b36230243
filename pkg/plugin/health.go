package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/playhead/playhead/pkg/index"
)

const (
	// A store that has not answered in this time is reported as down; Grafana
	// itself gives up after 30 s.
	healthTimeout = 10 * time.Second
	// From here on a clock is wrong rather than the network slow. Times come
	// from the servers that take in segments; Grafana's links and time ranges
	// would miss by as much.
	worthySkew = 5 * time.Second
)

// healthPart is the answer of one check.
type healthPart struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// CheckHealth checks everything that queries need, in the order in which a
// user would fix it, and says what to fix.
func (d *Datasource) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	if d.problem != nil {
		part := healthPart{Name: "settings", Message: strings.ReplaceAll(d.problem.Error(), "\n", "; ")}
		return healthResult([]healthPart{part}), nil
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()

	checks := []func(context.Context) healthPart{d.checkIndex, d.checkBucket, d.checkClock}
	parts := make([]healthPart, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() { parts[i] = check(ctx) })
	}
	all.Wait()
	return healthResult(parts), nil
}

func (d *Datasource) checkIndex(ctx context.Context) healthPart {
	part := healthPart{Name: "clickhouse"}
	err := d.stores.Index.Check(ctx)
	switch {
	case errors.Is(err, index.ErrSchema):
		part.Message = "ClickHouse's schema does not fit this version of the plugin. Update the older of the plugin and playhead ingest; ingest brings the schema along. " + d.settings.redact(err.Error())
	case err != nil:
		part.Message = fmt.Sprintf("ClickHouse does not answer. Check clickhouse.addresses, protocol, TLS, username, password, and that the user may read database %s. %s",
			d.settings.ClickHouse.Database, d.settings.redact(err.Error()))
	default:
		part.OK, part.Message = true, "ClickHouse answers"
	}
	return part
}

func (d *Datasource) checkBucket(ctx context.Context) healthPart {
	part := healthPart{Name: "objectStorage"}
	if err := d.stores.CheckBucket(ctx); err != nil {
		part.Message = "Object storage cannot be read. " + d.settings.redact(err.Error())
		return part
	}
	part.OK, part.Message = true, "object storage answers"
	return part
}

// checkClock never fails: with a wrong clock all works, but is found at the
// wrong time.
func (d *Datasource) checkClock(ctx context.Context) healthPart {
	part := healthPart{Name: "clock", OK: true}
	asked := d.now()
	theirs, err := d.stores.ServerTime(ctx)
	if err != nil {
		part.Message = "" // checkIndex says what is wrong
		return part
	}
	middle := asked.Add(d.now().Sub(asked) / 2)
	if skew := theirs.Sub(middle); skew.Abs() > worthySkew {
		part.Message = fmt.Sprintf("ClickHouse's clock differs from Grafana's by %s: set both by NTP, or links and time ranges miss by as much", skew.Round(time.Second))
	}
	return part
}

func healthResult(parts []healthPart) *backend.CheckHealthResult {
	result := &backend.CheckHealthResult{Status: backend.HealthStatusOk}
	var wrong, said []string
	for _, part := range parts {
		if part.Message == "" {
			continue
		}
		said = append(said, part.Message)
		if !part.OK {
			wrong = append(wrong, part.Message)
		}
	}
	if len(wrong) > 0 {
		result.Status, said = backend.HealthStatusError, wrong
	}
	result.Message = strings.Join(said, ". ")
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
