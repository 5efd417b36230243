// Command load lets thousands of sessions of the corpus go on at once, each
// sending when its recorder would have, and says how the server takes it:
// times to acknowledgement, memory, processor time, errors and backlog.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/playhead/playhead/tests/bench/rig"
)

var (
	duration    = flag.Duration("duration", 2*time.Minute, "how long sessions go on")
	sessions    = flag.Int("sessions", 2000, "concurrent sessions")
	connections = flag.Int("connections", 64, "uploads that can be under way at once")
	mostIdle    = flag.Duration("most-idle", time.Minute, "longer pauses of recordings are shortened to this")
	packAge     = flag.Duration("pack-age", 0, "flush.pack_age; 0: the default")
	unseen      = flag.Bool("unseen", false, "every session is of a site of its own, so that no dictionary fits")
)

// drainTime bounds the storing of what was accepted.
const drainTime = 2 * time.Minute

func main() { rig.Main("load", measure) }

func measure(ctx context.Context, dir string) (err error) {
	recordings, err := rig.Recordings(time.Now())
	if err != nil {
		return err
	}
	stores, err := rig.StartStores(ctx, dir)
	if err != nil {
		return err
	}
	defer rig.Stop(&err, stores)
	server, err := rig.StartPlayhead(ctx, stores, rig.PlayheadOptions{Dir: filepath.Join(dir, "server"), PackAge: *packAge})
	if err != nil {
		return err
	}
	defer rig.Stop(&err, server)
	crowd := rig.Crowd{Recordings: recordings, Sessions: *sessions, Connections: *connections, MostIdle: *mostIdle, Seed: 1}
	if *unseen {
		crowd.Options = rig.UnseenSite(1)
	}
	before, err := used(server, stores)
	if err != nil {
		return err
	}
	samples, stop := rig.WatchMemory(ctx, server.PID)
	load, err := crowd.Run(ctx, server, *duration, func(l rig.CrowdLoad) { rig.Say("%v", l) })
	stop()
	if err != nil {
		return err
	}
	backlog, err := server.Waiting(ctx)
	if err != nil {
		return err
	}
	if err := server.Drain(ctx, drainTime); err != nil {
		return err
	}
	after, err := used(server, stores)
	if err != nil {
		return err
	}
	memory, err := rig.MemoryOf(server.PID)
	if err != nil {
		return err
	}
	rig.Say("%v", load)
	first, last := samples.Thirds()
	return rig.Write(os.Stdout, results(load, after.minus(before), memory, last/first, backlog)...)
}

// usage is the processor time of everybody who works.
type usage struct{ server, clickhouse, s3 time.Duration }

func used(server *rig.Playhead, stores *rig.Stores) (u usage, err error) {
	for pid, into := range map[int]*time.Duration{server.PID: &u.server, stores.ClickHouse: &u.clickhouse, stores.S3: &u.s3} {
		if *into, err = rig.CPU(pid); err != nil {
			return u, err
		}
	}
	return u, nil
}

func (u usage) minus(v usage) usage {
	return usage{u.server - v.server, u.clickhouse - v.clickhouse, u.s3 - v.s3}
}

func results(load rig.CrowdLoad, cpu usage, memory rig.Memory, growth, backlog float64) []rig.Result {
	method := fmt.Sprintf("%d concurrent sessions of the corpus in real time for %v over %d connections, pauses beyond %v shortened; generator, server and stores on one machine", *sessions, load.Elapsed.Round(time.Second), *connections, *mostIdle)
	percent := func(d time.Duration) float64 { return 100 * d.Seconds() / load.Elapsed.Seconds() }
	line := func(name string, value float64, unit string) rig.Result {
		return rig.Result{Name: name, Value: value, Unit: unit, Method: method}
	}
	return []rig.Result{
		line("load.uploads_per_s", float64(load.Requests)/load.Elapsed.Seconds(), "1/s"),
		line("load.mb_per_s", load.RawPerSecond()/1e6, "MB raw/s"),
		line("load.ack_p50_ms", rig.Percentile(load.Acks, .5), "ms"),
		line("load.ack_p99_ms", rig.Percentile(load.Acks, .99), "ms"),
		line("load.ack_p999_ms", rig.Percentile(load.Acks, .999), "ms"),
		line("load.late_ms", float64(load.Late.Milliseconds()), "ms"),
		line("load.rss_mb", float64(memory.Peak)/1e6, "MB"),
		line("load.rss_growth", growth, "ratio"),
		line("load.server_cpu_percent", percent(cpu.server), "% of one"),
		line("load.clickhouse_cpu_percent", percent(cpu.clickhouse), "% of one"),
		line("load.s3_cpu_percent", percent(cpu.s3), "% of one"),
		line("load.refused", float64(load.RefusedForGood()), "uploads"),
		line("load.errors", float64(load.Errors), "uploads"),
		line("load.backlog", backlog, "segments"),
	}
}
