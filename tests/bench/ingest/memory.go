package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/playhead/playhead/tests/bench/rig"
)

// defaultJournal is what the program has when nobody says otherwise: what waits
// in the journal takes memory too, until that is full, in three minutes.
const defaultJournal = 4 << 30

// memory watches the server while more is offered than most will ever have.
func (b *bench) memory(ctx context.Context) (results []rig.Result, err error) {
	mine, first, last, load, err := b.oursOffered(ctx)
	if err != nil {
		return nil, err
	}
	peer, peerLoad, err := b.clickstackOffered(ctx)
	if err != nil {
		return nil, err
	}
	method := fmt.Sprintf("most resident memory (VmHWM) of the server's process while %.0f MB/s raw are offered for %v over %d connections; %.0f MB/s were reached, the peer %.0f; medians of the first and of the last third of the time: %.0f and %.0f MB",
		*offered, *memoryTime, *connections, load.RawPerSecond()/mb, peerLoad.RawPerSecond()/mb, first/mb, last/mb)
	return []rig.Result{
		rig.Result{Name: "ingest.rss_mb", Value: float64(mine) / mb, Unit: "MB", Method: method}.Against(clickstack, float64(peer)/mb),
		{Name: "ingest.rss_growth", Value: last / first, Unit: "ratio", Method: "median resident memory of the last third of that time over that of the first"},
		{Name: "ingest.offered_mb_per_s", Value: load.RawPerSecond() / mb, Unit: "MB raw/s", Method: "rate that was reached meanwhile, generator and stores on the same machine"},
	}, nil
}

func (b *bench) oursOffered(ctx context.Context) (peak int64, first, last float64, load rig.Load, err error) {
	dir, remove := b.folder("memory", &err)
	defer remove()
	stores, err := rig.StartStores(ctx, dir)
	if err != nil {
		return 0, 0, 0, load, err
	}
	defer rig.Stop(&err, stores)
	server, err := rig.StartPlayhead(ctx, stores, rig.PlayheadOptions{Dir: filepath.Join(dir, "server"), JournalBytes: defaultJournal})
	if err != nil {
		return 0, 0, 0, load, err
	}
	defer rig.Stop(&err, server)
	samples, stop := rig.WatchMemory(ctx, server.PID)
	load, err = rig.Drive(ctx, b.lanes(server), rig.DriveOptions{Duration: *memoryTime, RawPerSecond: *offered * mb})
	stop()
	if err != nil {
		return 0, 0, 0, load, err
	}
	first, last = samples.Thirds()
	m, err := rig.MemoryOf(server.PID)
	rig.Say("memory: peak %d MB, first third %.0f, last %.0f MB at %.0f MB/s", m.Peak/mb, first/mb, last/mb, load.RawPerSecond()/mb)
	return m.Peak, first, last, load, err
}

func (b *bench) clickstackOffered(ctx context.Context) (peak int64, load rig.Load, err error) {
	dir, remove := b.folder("memory-clickstack", &err)
	defer remove()
	stores, err := rig.StartStores(ctx, dir)
	if err != nil {
		return 0, load, err
	}
	defer rig.Stop(&err, stores)
	server, err := rig.StartClickStack(ctx, filepath.Join(dir, "server"), stores)
	if err != nil {
		return 0, load, err
	}
	defer rig.Stop(&err, server)
	load, err = rig.Drive(ctx, rig.CollectorLanes(server, b.otlp, b.seed, *connections, sessionsAtOnce), rig.DriveOptions{Duration: *memoryTime / 2, RawPerSecond: *offered * mb})
	if err != nil {
		return 0, load, err
	}
	m, err := rig.MemoryOf(server.PID)
	rig.Say("memory: ClickStack's peak %d MB at %.0f MB/s, %d refused", m.Peak/mb, load.RawPerSecond()/mb, load.Refused)
	return m.Peak, load, err
}
