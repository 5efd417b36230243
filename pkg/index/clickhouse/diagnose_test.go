package clickhouse_test

import (
	"slices"
	"testing"

	"github.com/playhead/playhead/pkg/index/clickhouse"
)

func TestDiagnose(t *testing.T) {
	cfg := testConfig(t)
	x := newIndex(t, cfg, clickhouse.Options{})
	if err := x.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := x.Diagnose(t.Context())
	if err != nil || !d.Supported || len(d.Unsafe)+len(d.MissingRights)+len(d.MissingMacros) > 0 {
		t.Fatalf("%+v, %v; want a server that can be used", d, err)
	}

	clickhouse.Exec(t, x, "ALTER TABLE moments MODIFY SETTING fsync_after_insert = 0")
	if d, err = x.Diagnose(t.Context()); err != nil || !slices.Equal(d.Unsafe, []string{"moments"}) {
		t.Errorf("%+v, %v; want moments to be unsafe", d, err)
	}

	cfg.Cluster = "nowhere"
	if d, err = newIndex(t, cfg, clickhouse.Options{}).Diagnose(t.Context()); err != nil || d.ClusterHosts != 0 || !slices.Equal(d.MissingMacros, []string{"shard", "replica"}) {
		t.Errorf("%+v, %v; want no cluster and no macros", d, err)
	}
}
