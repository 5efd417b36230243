package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/playhead/playhead/pkg/ingest"
)

// reloadEvery is how often the configuration is looked at. A revoked key is
// promised to be refused within a minute, whatever else the machine does.
const reloadEvery = 5 * time.Second

// reloader follows the configuration file while ingest runs. Projects with
// their keys, and the level of the log, change at once; the rest needs a
// restart. A file that is not valid changes nothing.
type reloader struct {
	file  string
	load  func() (config, error)
	apply func([]ingest.Project) error
	level *slog.LevelVar
	log   *slog.Logger
	now   func() time.Time

	running config // what is in effect
	seen    [sha256.Size]byte
	problem string // with the file as it is; empty when it is good

	failed prometheus.Gauge
	loaded prometheus.Gauge
}

// newReloader expects that the configuration it gets is in effect.
func newReloader(flags *configFlags, running config, v *service, level *slog.LevelVar) *reloader {
	r := &reloader{
		file: flags.file, load: flags.load, apply: v.ingest.Reload, level: level, log: v.log, now: time.Now, running: running,
		failed: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "playhead_config_reload_failed", Help: "1 while the configuration file cannot be used and an older one is in effect.",
		}),
		loaded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "playhead_config_loaded_timestamp_seconds", Help: "When the configuration in effect was read, in seconds since the epoch.",
		}),
	}
	r.loaded.Set(float64(r.now().Unix()))
	v.registry.MustRegister(r.failed, r.loaded)
	return r
}

// run looks at the file regularly, and at once on SIGHUP, until ctx is done.
func (r *reloader) run(ctx context.Context) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	r.follow(ctx, tick.C, hup)
}

func (r *reloader) follow(ctx context.Context, tick <-chan time.Time, hup <-chan os.Signal) {
	for {
		select {
		case <-tick:
			r.check(false)
		case <-hup:
			r.check(true)
		case <-ctx.Done():
			return
		}
	}
}

// check reads the file again when its content is not the one judged last, or
// when forced to: what the file names may have changed.
func (r *reloader) check(forced bool) {
	data, err := os.ReadFile(r.file)
	if err != nil {
		r.refuse(fmt.Errorf("read configuration: %w", err))
		return
	}
	sum := sha256.Sum256(data)
	if sum == r.seen && !forced {
		return
	}
	r.seen = sum
	next, err := r.load()
	if err == nil {
		err = r.apply(next.Ingest.Projects)
	}
	if err != nil {
		r.refuse(err)
		return
	}
	r.accept(next)
}

func (r *reloader) refuse(err error) {
	r.failed.Set(1)
	r.seen = [sha256.Size]byte{} // it may be a file that it names, which is repaired
	if r.problem != err.Error() {
		r.problem = err.Error()
		r.log.Error("configuration cannot be used; the one before stays in effect", "error", err)
	}
}

func (r *reloader) accept(next config) {
	r.failed.Set(0)
	r.loaded.Set(float64(r.now().Unix()))
	if !reflect.DeepEqual(next.Ingest.Projects, r.running.Ingest.Projects) || next.Log != r.running.Log || r.problem != "" {
		r.log.Info("configuration read again", "projects", len(next.Ingest.Projects), "log_level", next.Log)
	}
	r.problem = ""
	r.level.Set(next.Log)
	r.running.Ingest.Projects, r.running.Log = next.Ingest.Projects, next.Log
	for _, field := range changedFields(r.running, next) {
		r.log.Warn("configuration needs a restart to take effect", "field", field)
	}
}

// changedFields names the sections of the file in which two configurations
// differ.
func changedFields(a, b config) []string {
	var names []string
	compare := func(a, b reflect.Value) {
		for i := range a.NumField() {
			name := a.Type().Field(i).Tag.Get("yaml")
			if name != ",inline" && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
				names = append(names, name)
			}
		}
	}
	compare(reflect.ValueOf(a), reflect.ValueOf(b))
	compare(reflect.ValueOf(a.Ingest), reflect.ValueOf(b.Ingest))
	return names
}
