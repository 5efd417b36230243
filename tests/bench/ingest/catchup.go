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
	dir, remove := b.folder("catchup", &err)
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
	return []rig.Result{
		{
			Name: "catchup.ratio", Value: d.stored / d.took.Seconds() / d.arrivalRate, Unit: "ratio",
			Method: fmt.Sprintf("segments stored per second over segments arriving per second: both stores away for %v at %.0f MB/s raw, then back while segments go on arriving; from the first pack that is stored until only what came in the last %v waits: %.0f segments in %.1f s", *awayTime, *arrivals, packAge, d.stored, d.took.Seconds()),
		},
		{
			Name: "catchup.pause_s", Value: d.pause.Seconds(), Unit: "s",
			Method: "from the return of the stores until the first pack is stored: what is left of the pause between two attempts, and the pack",
		},
	}, nil
}

// drained is how a backlog went away.
type drained struct {
	pause       time.Duration // until the first pack
	stored      float64       // segments, from then on
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
	before, err := progressOf(ctx, server)
	if err != nil {
		return d, err
	}
	d.arrivalRate = before.accepted / awayTime.Seconds()
	rig.Say("catchup: %.0f segments wait, %.0f come a second", before.waiting, d.arrivalRate)
	open()
	begin := time.Now()
	now := before
	err = rig.Eventually(ctx, drainTime, "a pack is stored", func() (bool, error) {
		now, err = progressOf(ctx, server)
		return now.stored() > before.stored(), err
	})
	if err != nil {
		return d, err
	}
	d.pause = time.Since(begin)
	before, begin = now, time.Now()
	err = rig.Eventually(ctx, drainTime, "the backlog goes away", func() (bool, error) {
		now, err = progressOf(ctx, server)
		return now.waiting <= d.arrivalRate*packAge.Seconds(), err
	})
	d.took = time.Since(begin)
	d.stored = now.stored() - before.stored()
	rig.Say("catchup: a pause of %v, then %.0f segments in %v", d.pause, d.stored, d.took)
	return d, err
}

// progress counts segments.
type progress struct{ waiting, accepted float64 }

func (p progress) stored() float64 { return p.accepted - p.waiting }

func progressOf(ctx context.Context, server *rig.Playhead) (progress, error) {
	metrics, err := server.Metrics(ctx)
	return progress{waiting: metrics["playhead_ingest_journal_segments"], accepted: metrics["playhead_ingest_segments_total"]}, err
}
