package main

import (
	"testing"
	"time"

	"github.com/playhead/playhead/tests/bench/rig"
)

// TestResults gives every contestant runs whose figures are known.
func TestResults(t *testing.T) {
	runs := map[string][]run{}
	fill := func(name string, server, stores, ack time.Duration) {
		for _, extra := range []time.Duration{0, 9 * time.Second, -server / 2} { // the median is the first
			r := run{load: rig.Load{Raw: 100e6, Acks: []time.Duration{ack}}, server: server + extra}
			r.everything = r.server + stores
			runs[name] = append(runs[name], r)
		}
	}
	fill(ours, time.Second, time.Second, 10*time.Millisecond)
	fill(oursKnown, time.Second/2, time.Second/2, time.Millisecond)
	fill(oursAck, time.Second/4, 0, time.Millisecond)
	fill(durable, 4*time.Second, 0, 70*time.Millisecond)
	fill(durableAck, 2*time.Second, 0, time.Millisecond)
	fill(oursSteady, time.Second, 0, 3*time.Millisecond)
	fill(durableSteady, time.Second, 0, 12*time.Millisecond)
	fill(oursAtMost, time.Second, 0, 7*time.Millisecond)
	fill(clickstack, time.Second, 3*time.Second, time.Millisecond)
	want := map[string][2]float64{
		"ingest.mb_per_cpu_s":                     {100, 4},
		"ingest.mb_per_cpu_s_known_sites":         {200, 8},
		"ingest.ack_path_mb_per_cpu_s":            {400, 8},
		"ingest.ack_path_mb_per_cpu_s_vs_durable": {400, 16},
		"ingest.ack_p50_ms":                       {10, 1. / 7},
		"ingest.ack_p99_ms":                       {10, 1. / 7},
		"ingest.ack_p99_same_load_ms":             {3, 1. / 4},
		"ingest.ack_p99_at_peers_most_ms":         {7, 1. / 10},
		"path.mb_per_cpu_s":                       {50, 2},
		"path.mb_per_cpu_s_known_sites":           {100, 4},
	}
	for _, r := range results(runs) {
		w, known := want[r.Name]
		if !known || r.Value != w[0] || r.Ratio != w[1] || r.Peer == "" || r.Method == "" || r.Unit == "" {
			t.Errorf("%+v, want %v", r, w)
		}
		delete(want, r.Name)
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}
