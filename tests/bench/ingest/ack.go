package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/playhead/playhead/tests/bench/rig"
)

const (
	// warmRaw is more than the encode stage takes into memory while packs
	// cannot be stored.
	warmRaw = 300 * mb
	// idleFor is how long a process must do nothing to count as waiting.
	idleFor = 300 * time.Millisecond
	// idleShare of a processor is what a waiting process may use.
	idleShare = 0.05
)

// oursAck measures the acknowledging path alone.
func (b *bench) oursAck(ctx context.Context) (r run, err error) {
	dir, remove := b.folder("ack", &err)
	defer remove()
	stores, err := rig.StartStores(ctx, dir)
	if err != nil {
		return r, err
	}
	defer rig.Stop(&err, stores)
	gate, err := rig.StartGate(ctx, stores.Addresses.S3.Endpoint)
	if err != nil {
		return r, err
	}
	defer rig.Stop(&err, gate)
	server, err := rig.StartPlayhead(ctx, stores, rig.PlayheadOptions{Dir: filepath.Join(dir, "server"), S3: gate.Address})
	if err != nil {
		return r, err
	}
	defer rig.Stop(&err, server)
	gate.Shut()
	return acknowledge(ctx, server.Process, b.lanes(server), warmRaw)
}

// durableAck measures a collector whose exporter waits.
func (b *bench) durableAck(ctx context.Context) (r run, err error) {
	dir, remove := b.folder("durable-ack", &err)
	defer remove()
	sink, err := rig.StartSink(ctx)
	if err != nil {
		return r, err
	}
	defer rig.Stop(&err, sink)
	sink.Hold()
	server, err := rig.StartDurableCollector(ctx, dir, sink.URL)
	if err != nil {
		return r, err
	}
	defer rig.Stop(&err, server)
	// Ten requests make its ten consumers wait.
	return acknowledge(ctx, server.Process, rig.CollectorLanes(server, b.otlp, b.seed, *connections, sessionsAtOnce), 5*mb)
}

// acknowledge sends until what comes after the acknowledgement waits, and then
// measures.
func acknowledge(ctx context.Context, server *rig.Process, lanes []rig.Lane, warm int64) (r run, err error) {
	if _, err := rig.Drive(ctx, lanes, rig.DriveOptions{Raw: warm}); err != nil {
		return r, err
	}
	if err := waitIdle(ctx, server.PID); err != nil {
		return r, err
	}
	before, err := rig.CPU(server.PID)
	if err != nil {
		return r, err
	}
	if r.load, err = rig.Drive(ctx, lanes, rig.DriveOptions{Raw: *raw * mb}); err != nil {
		return r, err
	}
	after, err := rig.CPU(server.PID)
	r.server, r.everything = after-before, after-before
	return r, err
}

// waitIdle waits until a process hardly uses the processor.
func waitIdle(ctx context.Context, pid int) error {
	last, since := time.Duration(-1), time.Now()
	return rig.Eventually(ctx, drainTime, "the server waits", func() (bool, error) {
		used, err := rig.CPU(pid)
		if err != nil {
			return false, err
		}
		passed := time.Since(since)
		if last >= 0 && passed < idleFor {
			return false, nil
		}
		idle := last >= 0 && float64(used-last) < idleShare*float64(passed)
		last, since = used, time.Now()
		return idle, nil
	})
}
