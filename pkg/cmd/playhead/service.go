package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/playhead/playhead/pkg/ingest"
	"github.com/playhead/playhead/pkg/playback"
)

// service is ingest and the standalone page on their listeners.
type service struct {
	config   config
	stores   *stores
	ingest   *ingest.Server
	log      *slog.Logger
	registry *prometheus.Registry // of the metrics
	listener net.Listener
	page     net.Listener // nil without a standalone page
	otlp     net.Listener // nil when no telemetry is received

	processors int // that this process may use
}

func newService(ctx context.Context, c config, s *stores, log *slog.Logger) (*service, error) {
	recorder, err := assets.ReadFile("assets/playhead.js")
	if err != nil {
		log.Warn("this build has no recorder; /playhead.js answers 404", "error", err)
	}
	registry, processors := newRegistry(), runtime.GOMAXPROCS(0)
	server, err := ingest.New(c.Ingest, s.bucket, s.index, ingest.Options{Log: log, Recorder: recorder, Registerer: registry, Processors: processors})
	if err != nil {
		return nil, fmt.Errorf("open ingest: %w", err)
	}
	runBeside(processors)
	v := &service{config: c, stores: s, ingest: server, log: log, registry: registry, processors: processors}
	if err := v.listen(ctx); err != nil {
		return nil, errors.Join(err, v.drain())
	}
	return v, nil
}

// listen opens the listeners that are configured; on an error it has closed
// those that were open.
func (v *service) listen(ctx context.Context) error {
	page := v.config.Standalone
	var opened []net.Listener
	for _, l := range []struct {
		name, address string
		listener      *net.Listener
	}{{"listen", v.config.Listen, &v.listener}, {"standalone.listen", page.Listen, &v.page}, {"standalone.telemetry.receive", page.Telemetry.Receive, &v.otlp}} {
		if l.address == "" {
			continue
		}
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", l.address)
		if err != nil {
			errs := []error{fmt.Errorf("%s: %w", l.name, err)}
			for _, o := range opened {
				errs = append(errs, o.Close())
			}
			return errors.Join(errs...)
		}
		*l.listener, opened = listener, append(opened, listener)
	}
	return nil
}

// runBeside lets four times as many goroutines run at once as there are
// processors, unless $GOMAXPROCS says otherwise. Encoding takes as many of these
// places as there are processors, following one, and collecting garbage a
// quarter of all, for milliseconds at a time. While all are taken, an answer from
// the disk or the network waits until the Go scheduler looks, every 10 ms; with a
// place, the kernel lets those in first that need little.
func runBeside(processors int) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(4 * processors)
	}
}

// newRegistry holds what every Go program tells of itself: memory, goroutines,
// descriptors, processor time. Ingest adds its own.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// run serves until ctx is done. Then ingest stops first: what it accepted is
// stored, and whoever comes meanwhile, a load balancer's check too, hears that
// the server is stopping. The listeners close last.
func (v *service) run(ctx context.Context) error {
	group, serving := errgroup.WithContext(ctx)
	servers := []*http.Server{v.ingest.HTTPServer()}
	group.Go(func() error { return serve(servers[0], v.listener) })
	if v.page != nil {
		page := standalone(playback.New(playback.Config{Project: v.config.Standalone.Project, Bucket: v.stores.bucket, Index: v.stores.index, Log: v.log}), v.stores.telemetry, v.config.Standalone.Hosts)
		servers = append(servers, page)
		group.Go(func() error { return serve(page, v.page) })
	}
	if v.otlp != nil {
		receiver := &http.Server{Handler: v.stores.telemetry.Receiver(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second}
		servers = append(servers, receiver)
		group.Go(func() error { return serve(receiver, v.otlp) })
	}
	group.Go(func() error {
		tendHeap(serving, v.processors, v.ingest)
		return nil
	})
	group.Go(func() error {
		errs := []error{v.ingest.Run(serving)}
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), v.config.Ingest.Flush.Grace)
		defer cancel()
		for _, s := range servers {
			errs = append(errs, s.Shutdown(ending))
		}
		return errors.Join(errs...)
	})
	group.Go(func() error {
		select {
		case err := <-v.stores.failed():
			return fmt.Errorf("a store ended by itself: %w", err)
		case <-serving.Done():
			return nil
		}
	})
	return group.Wait()
}

// runMigrated accepts segments at once, also while ClickHouse is away, and
// migrates its schema as soon as it answers; only a schema that does not fit
// ends the service.
func (v *service) runMigrated(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	stopped, stop := context.WithCancel(running)
	group.Go(func() error {
		defer stop()
		return v.run(running)
	})
	group.Go(func() error {
		if err := v.stores.migrate(stopped, v.log); err != nil && stopped.Err() == nil {
			return err
		}
		return nil
	})
	return group.Wait()
}

// drain closes an ingest that never ran.
func (v *service) drain() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return v.ingest.Run(ctx)
}

func serve(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
