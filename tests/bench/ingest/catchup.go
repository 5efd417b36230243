package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/playhead/playhead/tests/bench/rig"
)

// packAge is flush.pack_age by default: what came in it always waits.
const packAge = 10 * time.Second

// catchup takes both stores away, lets segments arrive, gives the stores back
// while segments go on arriving, and measures how fast the backlog is stored.
func (b *bench) catchup(ctx context.Context) (results []rig.Result, err error) {
	dir, remove := b.folder("catchup")
	defer remove()
	stores, err := rig.StartStores(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer rig.Stop(&err, stores)
	s3, err := rig.StartGate(ctx, stores.Addresses.S3.Endpoint)
	if err != nil {
		return nil, err
	}
	defer rig.Stop(&err, s3)
	clickhouse, err := rig.StartGate(ctx, stores.Addresses.ClickHouse.Address)
	if err != nil {
		return nil, err
	}
	defer rig.Stop(&err, clickhouse)
	server, err := rig.StartPlayhead(ctx, stores, rig.PlayheadOptions{Dir: filepath.Join(dir, "server"), S3: s3.Address, ClickHouse: clickhouse.Address})
	if err != nil {
		return nil, err
	}
	defer rig.Stop(&err, server)
	s3.Shut()
	clickhouse.Shut()

	arriving, stop := context.WithCancel(ctx)
	defer stop()
	arrived := make(chan error, 1)
	go func() {
		_, err := rig.Drive(arriving, b.lanes(server), rig.DriveOptions{RawPerSecond: *arrivals * mb})
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		arrived <- err
	}()
	d, err := drainBacklog(ctx, server, func() { s3.Open(); clickhouse.Open() })
	stop()
	if err := errors.Join(err, <-arrived); err != nil {
		return nil, err
	}
	return []rig.Result{{
		Name: "catchup.ratio", Value: d.stored / d.took.Seconds() / d.arrivalRate, Unit: "ratio",
		Method: fmt.Sprintf("segments stored per second over segments arriving per second: both stores away for %v at %.0f MB/s raw, then back while segments go on arriving; from their return until only what came in the last %v waits: %.0f segments in %.1f s; retry pauses included", *awayTime, *arrivals, packAge, d.stored, d.took.Seconds()),
	}}, nil
}

// drained is how a backlog went away.
type drained struct {
	stored      float64 // segments
	took        time.Duration
	arrivalRate float64 // segments a second
}

func drainBacklog(ctx context.Context, server *rig.Playhead, open func()) (d drained, err error) {
	timer := time.NewTimer(*awayTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return d, ctx.Err()
	}
	backlog, accepted, err := segments(ctx, server)
	if err != nil {
		return d, err
	}
	d.arrivalRate = accepted / awayTime.Seconds()
	rig.Say("catchup: %.0f segments wait, %.0f come a second", backlog, d.arrivalRate)
	begin := time.Now()
	open()
	var waiting, acceptedNow float64
	err = rig.Eventually(ctx, drainTime, "the backlog goes away", func() (bool, error) {
		waiting, acceptedNow, err = segments(ctx, server)
		return waiting <= d.arrivalRate*packAge.Seconds(), err
	})
	d.took = time.Since(begin)
	d.stored = backlog + acceptedNow - accepted - waiting
	rig.Say("catchup: %.0f segments in %v", d.stored, d.took)
	return d, err
}

// segments are those that wait, and those accepted so far.
func segments(ctx context.Context, server *rig.Playhead) (waiting, accepted float64, err error) {
	metrics, err := server.Metrics(ctx)
	return metrics["playhead_ingest_journal_segments"], metrics["playhead_ingest_segments_total"], err
}
