package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/playhead/playhead/tests/bench/rig"
)

// run is one measurement of one server.
type run struct {
	load       rig.Load
	server     time.Duration // processor time of the server alone
	everything time.Duration // and of the stores, merges included
	peak       int64         // bytes resident
}

// contestant is who is measured.
type contestant struct {
	name    string
	measure func(context.Context) (run, error)
}

// The contestants of a round.
const (
	ours          = "playhead"
	oursKnown     = "playhead, known sites"
	oursAck       = "playhead, acknowledging only"
	durable       = "OpenTelemetry Collector, fsynced persistent queue"
	durableAck    = "OpenTelemetry Collector, fsynced persistent queue, acknowledging only"
	oursSteady    = "playhead, at the same load"
	durableSteady = "OpenTelemetry Collector, fsynced persistent queue, at the same load"
	oursAtMost    = "playhead, at what that Collector took at most"
	clickstack    = "ClickStack: OpenTelemetry Collector into the same ClickHouse engine"
)

// rounds measures everybody in turn, in alternating order.
func (b *bench) rounds(ctx context.Context) ([]rig.Result, error) {
	fast := rig.DriveOptions{Raw: *raw * mb}
	steady := rig.DriveOptions{Raw: *raw * mb, RawPerSecond: steadyRate}
	contestants := []contestant{
		{ours, b.ours(b.lanes, fast)}, {durable, b.durable(fast)}, {clickstack, b.clickstack},
		{oursAck, b.oursAck}, {durableAck, b.durableAck}, {oursKnown, b.ours(b.knownLanes, fast)},
		{oursSteady, b.ours(b.lanes, steady)}, {durableSteady, b.durable(steady)},
	}
	runs := map[string][]run{}
	most := func(ctx context.Context) (run, error) {
		var peer []float64
		for _, r := range runs[durable] {
			peer = append(peer, r.load.RawPerSecond())
		}
		return b.ours(b.lanes, rig.DriveOptions{Raw: *raw * mb, RawPerSecond: rig.Median(peer)})(ctx)
	}
	begin := time.Now()
	for round := range *rounds {
		if round > 0 && time.Since(begin) > *budget {
			rig.Say("%d rounds in place of %d: they take too long", round, *rounds)
			break
		}
		for _, c := range contestants {
			r, err := c.measure(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			runs[c.name] = append(runs[c.name], r)
			rig.Say("round %d, %s: %v", round+1, c.name, r)
		}
		// After its peer, whose rate it has.
		r, err := most(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", oursAtMost, err)
		}
		runs[oursAtMost] = append(runs[oursAtMost], r)
		rig.Say("round %d, %s: %v", round+1, oursAtMost, r)
		slices.Reverse(contestants)
	}
	return results(runs), nil
}

func (r run) String() string {
	return fmt.Sprintf("%.0f MB/s; %.1f MB/CPU-s, with stores %.1f; ack p50 %.1f p99 %.1f ms; peak %d MB; %d refused",
		r.load.RawPerSecond()/mb, r.perCPU(r.server), r.perCPU(r.everything), rig.Percentile(r.load.Acks, .5), rig.Percentile(r.load.Acks, .99), r.peak>>20, r.load.Refused)
}

// perCPU is MB raw per second of processor time.
func (r run) perCPU(used time.Duration) float64 { return float64(r.load.Raw) / mb / used.Seconds() }

func results(runs map[string][]run) []rig.Result {
	median := func(name string, value func(run) float64) float64 {
		var values []float64
		for _, r := range runs[name] {
			values = append(values, value(r))
		}
		return rig.Median(values)
	}
	server := func(r run) float64 { return r.perCPU(r.server) }
	rate := func(r run) float64 { return r.load.RawPerSecond() / mb }
	everything := func(r run) float64 { return r.perCPU(r.everything) }
	ack := func(p float64) func(run) float64 {
		return func(r run) float64 { return rig.Percentile(r.load.Acks, p) }
	}
	shape := fmt.Sprintf("medians of %d alternating runs in one bench, %d MB raw of the corpus each, %d connections, gzip 6, flush.pack_age %v; ", len(runs[ours]), *raw, *connections, shortPackAge)
	line := func(name, unit, method, mine, peer string, value func(run) float64) rig.Result {
		return rig.Result{Name: name, Value: median(mine, value), Unit: unit, Method: shape + method}.Against(peer, median(peer, value))
	}
	parts := func(name string) string {
		gb := float64(*raw) / 1000
		alone := median(name, func(r run) float64 { return r.server.Seconds() / gb })
		all := median(name, func(r run) float64 { return r.everything.Seconds() / gb })
		return fmt.Sprintf("%.1f CPU-s per GB in the server and %.1f in the stores", alone, all-alone)
	}
	return []rig.Result{
		line("ingest.mb_per_cpu_s", "MB raw/CPU-s", "processor time of the server's process from the first upload until everything accepted is in the stores and looked at (journal, scrub, moments, frames, packs, rows, document engine, signals); sites without dictionary; peer: until everything is exported to a server that keeps nothing", ours, durable, server),
		line("ingest.mb_per_cpu_s_known_sites", "MB raw/CPU-s", "as ingest.mb_per_cpu_s, but sessions share the sites of the corpus and the same recordings come again, so that dictionaries fit better than in real life", oursKnown, durable, server),
		line("ingest.ack_path_mb_per_cpu_s", "MB raw/CPU-s", "object storage is away and the encode stage has filled its memory and waits, so that only accepting, journal and fsync run; processor time while acknowledgements come; peer: its exporter waits in the same way", oursAck, durableAck, server),
		line("ingest.ack_path_mb_per_cpu_s_vs_durable", "MB raw/CPU-s", "as ingest.ack_path_mb_per_cpu_s; peer: its whole work, exporting included", oursAck, durable, server),
		line("ingest.ack_p50_ms", "ms", "time from sending an upload to its 202, as fast as answers come; an upload is up to 5 s or 256 KiB of events, the peer's request up to 64 KB", ours, durable, ack(.5)),
		line("ingest.ack_p99_ms", "ms", "as ingest.ack_p50_ms", ours, durable, ack(.99)),
		line("ingest.ack_p99_same_load_ms", "ms", fmt.Sprintf("as ingest.ack_p99_ms, while both are sent %.0f MB raw a second, which is what 2000 sessions of the corpus make", steadyRate/mb), oursSteady, durableSteady, ack(.99)),
		line("ingest.ack_p99_at_peers_most_ms", "ms", fmt.Sprintf("as ingest.ack_p99_ms, while it is sent as much a second as the peer took at most, %.0f MB raw; %.0f on the average, since its connections begin one after the other for a second", median(durable, rate), median(oursAtMost, rate)), oursAtMost, durable, ack(.99)),
		line("path.mb_per_cpu_s", "MB raw/CPU-s", "processor time of the server, the ClickHouse engine and the S3 gateway until everything is stored and every table is merged to one part (OPTIMIZE FINAL); sites without dictionary: "+parts(ours)+"; peer acknowledges from memory: "+parts(clickstack), ours, clickstack, everything),
		line("path.mb_per_cpu_s_known_sites", "MB raw/CPU-s", "as path.mb_per_cpu_s with the sessions of ingest.mb_per_cpu_s_known_sites: "+parts(oursKnown), oursKnown, clickstack, everything),
	}
}

// ours measures the server on real stores.
func (b *bench) ours(lanes func(*rig.Playhead) []rig.Lane, o rig.DriveOptions) func(context.Context) (run, error) {
	return func(ctx context.Context) (r run, err error) {
		dir, remove := b.folder("playhead", &err)
		defer remove()
		stores, err := rig.StartStores(ctx, dir)
		if err != nil {
			return r, err
		}
		defer rig.Stop(&err, stores)
		server, err := rig.StartPlayhead(ctx, stores, rig.PlayheadOptions{Dir: filepath.Join(dir, "server"), PackAge: shortPackAge})
		if err != nil {
			return r, err
		}
		defer rig.Stop(&err, server)
		return charge(ctx, server.Process, []int{stores.ClickHouse, stores.S3}, lanes(server), o,
			func(rig.Load) error {
				if err := server.Drain(ctx, drainTime); err != nil {
					return err
				}
				return server.DrainInsight(ctx, drainTime)
			},
			func() error { return stores.Settle(ctx) })
	}
}

// clickstack measures ClickStack's collector on the same engine.
func (b *bench) clickstack(ctx context.Context) (r run, err error) {
	dir, remove := b.folder("clickstack", &err)
	defer remove()
	stores, err := rig.StartStores(ctx, dir)
	if err != nil {
		return r, err
	}
	defer rig.Stop(&err, stores)
	server, err := rig.StartClickStack(ctx, filepath.Join(dir, "server"), stores)
	if err != nil {
		return r, err
	}
	defer rig.Stop(&err, server)
	return charge(ctx, server.Process, []int{stores.ClickHouse}, rig.CollectorLanes(server, b.otlp, b.seed, *connections, sessionsAtOnce), rig.DriveOptions{Raw: *raw * mb},
		func(l rig.Load) error { return rig.WaitForRows(ctx, stores, l.Records, drainTime) },
		func() error { return stores.Settle(ctx) })
}

// durable measures a collector that acknowledges after fsync.
func (b *bench) durable(o rig.DriveOptions) func(context.Context) (run, error) {
	return func(ctx context.Context) (r run, err error) {
		dir, remove := b.folder("durable", &err)
		defer remove()
		sink, err := rig.StartSink(ctx)
		if err != nil {
			return r, err
		}
		defer rig.Stop(&err, sink)
		server, err := rig.StartDurableCollector(ctx, dir, sink.URL)
		if err != nil {
			return r, err
		}
		defer rig.Stop(&err, server)
		return charge(ctx, server.Process, nil, rig.CollectorLanes(server, b.otlp, b.seed, *connections, sessionsAtOnce), o,
			func(l rig.Load) error {
				return rig.Eventually(ctx, drainTime, "everything is exported", func() (bool, error) { return sink.Taken() >= int64(l.Requests), nil })
			},
			func() error { return nil })
	}
}

// charge sends, waits until the server is done and then until the stores are,
// and says what both used.
func charge(ctx context.Context, server *rig.Process, stores []int, lanes []rig.Lane, o rig.DriveOptions, drain func(rig.Load) error, settle func() error) (r run, err error) {
	serverBefore, err := rig.CPU(server.PID)
	if err != nil {
		return r, err
	}
	storesBefore, err := rig.CPU(stores...)
	if err != nil {
		return r, err
	}
	if r.load, err = rig.Drive(ctx, lanes, o); err != nil {
		return r, err
	}
	if err := drain(r.load); err != nil {
		return r, err
	}
	serverAfter, err := rig.CPU(server.PID)
	if err != nil {
		return r, err
	}
	if err := settle(); err != nil {
		return r, err
	}
	storesAfter, err := rig.CPU(stores...)
	if err != nil {
		return r, err
	}
	memory, err := rig.MemoryOf(server.PID)
	r.server = serverAfter - serverBefore
	r.everything = r.server + storesAfter - storesBefore
	r.peak = memory.Peak
	return r, err
}
