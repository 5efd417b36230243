package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/playhead/playhead/tests/bench/rig"
	"github.com/playhead/playhead/tests/traffic"
)

// mostIdle is how long a session of the crowd says nothing. The corpus has
// pauses of hours, which cost nothing and would make the figure better.
const mostIdle = time.Minute

// connections of the crowd.
const connections = 32

// A settled server has had the crowd for settleTimes the time of a count before
// it, which is until its sites have their dictionaries, and is counted for
// settledTimes that time: a pack is then one of seven, and one more or less does
// not decide.
const (
	settleTimes  = 5
	settledTimes = 3
)

// flushSettings are flush settings of a server, and what its count is called.
type flushSettings struct {
	name, setting string
	age           time.Duration
	bytes         int64
	settled       bool // it is counted in the middle of a crowd that has been there
}

// begin is how the server begins.
func (s flushSettings) begin() string {
	if s.settled {
		return fmt.Sprintf("counted while sessions go on that have done so for %v before", settleTimes**putDuration)
	}
	return "the server begins without dictionaries"
}

// countPuts lets 1000 sessions go on in real time, three times at once: with the
// default flush settings, with packs that wait 60 s, and with packs that wait
// 60 s and may be as large as a pack can be.
func countPuts(ctx context.Context, dir string, recordings []*traffic.Recording) ([]rig.Result, error) {
	settings := []flushSettings{
		{name: "", setting: "flush.pack_age 10s (default)"},
		{name: "_60s", setting: "flush.pack_age 60s", age: time.Minute},
		{name: "_60s_64mib", setting: "flush.pack_age 60s, flush.pack_bytes 64MiB", age: time.Minute, bytes: 64 << 20},
	}
	results := make([]rig.Result, len(settings))
	errs := make([]error, len(settings))
	var wait sync.WaitGroup
	for i, s := range settings {
		wait.Go(func() {
			var count putCount
			count, errs[i] = countPutsAt(ctx, filepath.Join(dir, "puts"+s.name), recordings, s)
			results[i] = count.result("storage.puts_per_1000_session_minutes"+s.name, s)
		})
	}
	wait.Wait()
	return results, errors.Join(errs...)
}

// countSettledPuts counts what goes on for ever: sites have their dictionaries,
// packs are closed by their size, and none because the count begins or ends.
func countSettledPuts(ctx context.Context, dir string, recordings []*traffic.Recording) ([]rig.Result, error) {
	s := flushSettings{name: "_settled_90s_64mib", setting: "flush.pack_age 90s, flush.pack_bytes 64MiB", age: 90 * time.Second, bytes: 64 << 20, settled: true}
	count, err := countPutsAt(ctx, filepath.Join(dir, "puts"+s.name), recordings, s)
	return []rig.Result{count.result("storage.puts_per_1000_session_minutes"+s.name, s)}, err
}

// putCount is what one server did while the crowd was there.
type putCount struct {
	puts, packs, bytes int64
	memory             rig.Memory
	load               rig.CrowdLoad
}

func (c putCount) result(name string, s flushSettings) rig.Result {
	minutes := c.load.Elapsed.Minutes() * float64(*sessions)
	perUpload := float64(c.load.Requests) / minutes * 1000
	return rig.Result{
		Name: name, Value: float64(c.puts) / minutes * 1000, Unit: "PUT",
		Method: fmt.Sprintf("%d concurrent sessions of the corpus in real time for %v (pauses beyond %v shortened), %s; PUTs counted in front of the S3 gateway: %d packs, %d for dictionaries, %.1f MB of %.1f MB raw; resident at most %d MB; %s; the peer puts every upload", *sessions, c.load.Elapsed.Round(time.Second), mostIdle, s.setting, c.packs, c.puts-c.packs, float64(c.bytes)/1e6, float64(c.load.Raw)/1e6, c.memory.Peak/1e6, s.begin()),
	}.Against("one object per upload (Sentry, Maple)", perUpload)
}

func countPutsAt(ctx context.Context, dir string, recordings []*traffic.Recording, s flushSettings) (count putCount, err error) {
	stores, err := rig.StartStores(ctx, dir)
	if err != nil {
		return count, err
	}
	defer rig.Stop(&err, stores)
	gate, err := rig.StartGate(ctx, stores.Addresses.S3.Endpoint)
	if err != nil {
		return count, err
	}
	defer rig.Stop(&err, gate)
	playhead, err := rig.StartPlayhead(ctx, stores, rig.PlayheadOptions{Dir: filepath.Join(dir, "playhead"), S3: gate.Address, PackAge: s.age, PackBytes: s.bytes})
	if err != nil {
		return count, err
	}
	defer rig.Stop(&err, playhead)
	say := func(l rig.CrowdLoad) { rig.Say("%s: %v", s.setting, l) }
	crowd := rig.Crowd{Recordings: recordings, Sessions: *sessions, Connections: connections, MostIdle: mostIdle, Seed: 1}
	if s.settled {
		count, err = countInTheMiddle(ctx, &crowd, playhead, gate, say)
	} else {
		count, err = countFromTheBeginning(ctx, &crowd, playhead, gate, say)
	}
	if err != nil {
		return count, err
	}
	count.memory, err = rig.MemoryOf(playhead.PID)
	return count, err
}

// countFromTheBeginning counts packs that are still open at the end as whole ones.
func countFromTheBeginning(ctx context.Context, crowd *rig.Crowd, playhead *rig.Playhead, gate *rig.Gate, say func(rig.CrowdLoad)) (count putCount, err error) {
	puts, packs, bytes := gate.Puts()
	if count.load, err = crowd.Run(ctx, playhead, *putDuration, say); err != nil {
		return count, err
	}
	if err := playhead.Drain(ctx, storeTime); err != nil {
		return count, err
	}
	count.puts, count.packs, count.bytes = gate.Puts()
	count.puts, count.packs, count.bytes = count.puts-puts, count.packs-packs, count.bytes-bytes
	return count, nil
}

// countInTheMiddle counts what is put between two instants.
func countInTheMiddle(ctx context.Context, crowd *rig.Crowd, playhead *rig.Playhead, gate *rig.Gate, say func(rig.CrowdLoad)) (count putCount, err error) {
	var before putCount
	watch := func(load rig.CrowdLoad) {
		say(load)
		if before.load.Elapsed == 0 && load.Elapsed >= settleTimes**putDuration {
			before.load = load
			before.puts, before.packs, before.bytes = gate.Puts()
		}
	}
	if count.load, err = crowd.Run(ctx, playhead, (settleTimes+settledTimes)**putDuration, watch); err != nil {
		return count, err
	}
	count.puts, count.packs, count.bytes = gate.Puts()
	count.puts, count.packs, count.bytes = count.puts-before.puts, count.packs-before.packs, count.bytes-before.bytes
	count.load.Elapsed -= before.load.Elapsed
	count.load.Requests -= before.load.Requests
	count.load.Raw -= before.load.Raw
	return count, nil
}
