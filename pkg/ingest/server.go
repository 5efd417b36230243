package ingest

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/playhead/playhead/pkg/dictionary"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/ingest/wire/playhead"
	"github.com/playhead/playhead/pkg/insight"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
)

const (
	// keepRaw, keepEvents, keepBody and keepFrame are how large a buffer may be to
	// be used again: several times what a recorder sends at once (256 KiB raw).
	// keepRaw is that of who reads for long: an encoder, or who follows windows.
	keepRaw    = 4 << 20
	keepEvents = 1 << 20
	keepBody   = 512 << 10
	keepFrame  = 1 << 20

	// idleBuffers bounds the memory of the buffers of a kind that wait for their
	// next use: two or three as they are mostly, or a large one.
	idleBuffers = 1 << 20

	// bodiesLimit bounds the memory of bodies that are being received, however
	// slowly, and of those that wait for the disk: fifteen hundred of
	// what a recorder sends. It is at least bodiesAtOnce times limits.body_bytes.
	bodiesLimit  = 48 << 20
	bodiesAtOnce = 4

	// largeLimit bounds the part of that for bodies beyond keepBody, whose memory
	// is used once: full snapshots of the largest pages, and bombs. It is at
	// least twice limits.body_bytes, so that a key's share holds one.
	largeLimit = 12 << 20

	// waitingRawLimit bounds the events that stay in memory from their
	// acknowledgement until they are encoded; beyond it they are read from the
	// journal again.
	waitingRawLimit = 8 << 20

	// samplesLimit and dictionariesLimit bound what is kept to make the
	// dictionaries of sites, and those that are in use: 64 sites' largest.
	samplesLimit      = 8 << 20
	dictionariesLimit = 16 << 20
)

// Options are what a Server gets from its surroundings. Zero fields have
// defaults.
type Options struct {
	Now        func() time.Time     // default time.Now
	Log        *slog.Logger         // default slog.Default
	Registerer *prometheus.Registry // holds the metrics, served at /metrics; default a new one
	Recorder   []byte               // what /playhead.js serves; nil: 404

	// Processors is how many goroutines encode, and how many read uploads, at
	// the same time; default GOMAXPROCS. Where GOMAXPROCS is larger, requests
	// need not wait until an encoding is done.
	Processors int

	// DictionaryWorthBytes is the WorthBytes of dictionary.Options.
	DictionaryWorthBytes int

	// Tests replace these.
	after          func(time.Duration) <-chan time.Time
	random         func() float64
	create         func(path string) (journal.File, error)
	freeBytes      func(dir string) (uint64, error)
	crashPoint     func(step) error
	bodyGrace      time.Duration
	attemptTimeout time.Duration
}

// Server accepts segments and stores them. Make it with New, start Run, serve
// Handler.
type Server struct {
	cfg      Config
	now      func() time.Time
	random   func() float64
	log      *slog.Logger
	registry *prometheus.Registry
	recorder *recorderScript

	keys     atomic.Pointer[keyring]
	reload   sync.Mutex // held while keys is replaced
	limits   playhead.Limits
	inflate  *playhead.Decompressor
	metrics  *metrics
	journal  *journal.Journal
	ledger   *ledger
	sessions *sessions
	assets   *assets
	refusals *refusals
	windows  *windows
	library  *dictionary.Library
	pipeline *pipeline
	uploads  *uploads

	addressSeed maphash.Seed           // of the addresses' hashes, which are good for this process only
	unpack      *playhead.Decompressor // for what was accepted, whatever the limits were

	connections *connections
	bodyGrace   time.Duration

	turns  *turns // for uploads to be decompressed and read
	bodies *buffers
	raws   *buffers
	events *buffers // of kept
	frames *buffers
	budget budget // of bodies
	large  budget // of those beyond keepBody

	waitingRaw budget
}

// New opens the journal, recovers what is in it, and returns a server that
// accepts at once; what it accepted before is stored when Run runs. The error
// is journal.ErrInUse, wrapped, when another server has the journal open.
func New(cfg Config, bucket objectstore.Bucket, idx index.Index, opts Options) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	opts = opts.withDefaults()
	s := &Server{
		cfg: cfg, now: opts.Now, random: opts.random, log: opts.Log, registry: opts.Registerer, recorder: newRecorderScript(opts.Recorder),
		limits: playhead.Limits{
			DecompressedBytes: int(cfg.Limits.DecompressedBytes), DecompressionRatio: cfg.Limits.DecompressionRatio,
			Events: cfg.Limits.Events, EventBytes: int(cfg.Limits.EventBytes), Depth: cfg.Limits.Depth,
		},
		refusals: newRefusals(opts.Log, opts.Now),
		ledger:   newLedger(), windows: newWindows(), uploads: newUploads(),
		library:     dictionary.NewLibrary(bucket, dictionary.Options{Now: opts.Now, Log: opts.Log, SampleBytes: samplesLimit, DictionaryBytes: dictionariesLimit, WorthBytes: opts.DictionaryWorthBytes}),
		addressSeed: maphash.MakeSeed(),
		bodyGrace:   opts.bodyGrace,
		turns:       newTurns(opts.Processors),
		bodies:      newBuffers(keepBody, idleBuffers, opts.Now),
		raws:        newBuffers(keepEvents, idleBuffers, opts.Now),
		events:      newBuffers(keepEvents, idleBuffers, opts.Now),
		frames:      newBuffers(keepFrame, idleBuffers, opts.Now),
		budget:      budget{limit: max(bodiesLimit, bodiesAtOnce*int64(cfg.Limits.BodyBytes))},
		large:       budget{limit: max(largeLimit, 2*int64(cfg.Limits.BodyBytes))},
		waitingRaw:  budget{limit: waitingRawLimit},
	}
	keys, err := newKeyring(&cfg, nil, opts.Now())
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	s.keys.Store(keys)
	if s.inflate, err = playhead.NewDecompressor(s.limits); err != nil {
		return nil, err
	}
	s.unpack, err = playhead.NewDecompressor(playhead.Limits{DecompressedBytes: recording.MaxSegmentBytes, DecompressionRatio: math.MaxInt32})
	if err != nil {
		return nil, err
	}
	if s.metrics, err = newMetrics(opts.Registerer); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	files, err := openFiles()
	if err != nil {
		return nil, err
	}
	s.connections = newConnections(bound(cfg.Connections.Max, files), s.metrics)
	if s.connections.most < cfg.Connections.Max {
		s.log.Warn("fewer connections than configured: the limit of open files is low", "connections", s.connections.most, "open_files", files)
	}
	secrets, err := loadTokens(cfg.SessionTokens.SecretFile)
	if err != nil {
		return nil, err
	}
	if err := s.openJournal(bucket, idx, opts); err != nil {
		return nil, err
	}
	s.sessions = newSessions(secrets, idx, s)
	s.assets = newAssets(bucket, func() bool { return !s.pipeline.storeStates()["bucket"].OK })
	return s, nil
}

// Reload replaces the projects with their keys, origins, quotas and
// revocations. It is effective when it returns, also for uploads whose body is
// still coming. What keys have used of their quotas stays used. With an error
// nothing has changed.
func (s *Server) Reload(projects []Project) error {
	cfg := s.cfg
	cfg.Projects = projects
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	s.reload.Lock()
	defer s.reload.Unlock()
	keys, err := newKeyring(&cfg, s.keys.Load(), s.now())
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	s.keys.Store(keys)
	return nil
}

// projects returns the configured projects.
func (s *Server) projects() []recording.ProjectID {
	return slices.Sorted(maps.Keys(s.keys.Load().projects))
}

// project returns a configured project.
func (s *Server) project(id recording.ProjectID) (*project, bool) {
	p, ok := s.keys.Load().projects[id]
	return p, ok
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	if o.Processors == 0 {
		o.Processors = runtime.GOMAXPROCS(0)
	}
	if o.after == nil {
		o.after = time.After
	}
	if o.random == nil {
		o.random = rand.Float64
	}
	if o.bodyGrace == 0 {
		o.bodyGrace = bodyGrace
	}
	if o.attemptTimeout == 0 {
		o.attemptTimeout = attemptTimeout
	}
	if o.crashPoint == nil {
		o.crashPoint = func(step) error { return nil }
	}
	return o
}

func (s *Server) openJournal(bucket objectstore.Bucket, idx index.Index, opts Options) error {
	j, recovery, err := journal.Open(journal.Options{
		Dir: s.cfg.Journal.Dir, MaxBytes: int64(s.cfg.Journal.MaxBytes), FileBytes: int64(s.cfg.Journal.FileBytes),
		MaxSegments: s.cfg.Journal.MaxSegments, MinFreeBytes: uint64(s.cfg.Journal.MinFreeBytes),
		CommitInterval: s.cfg.Journal.CommitInterval, Log: s.log,
		Create: opts.create, FreeBytes: opts.freeBytes, Observe: s.metrics.commit,
	})
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	s.journal = j
	if err := watchJournal(s.registry, j.Stats); err != nil {
		return errors.Join(fmt.Errorf("register metrics: %w", err), j.Close())
	}
	for _, d := range recovery.Damage {
		if d.Torn {
			s.metrics.tornBytes.Add(float64(d.Bytes))
		} else {
			s.metrics.lostBytes.Add(float64(d.Bytes))
		}
	}
	s.pipeline = newPipeline(s, bucket, idx, opts)
	if err := watchPipeline(s.registry, s.pipeline); err != nil {
		return errors.Join(fmt.Errorf("register metrics: %w", err), j.Close())
	}
	insights := s.pipeline.packer.insights
	if err := watchInsights(s.registry, func() insight.Stats { return *insights.stats.Load() }); err != nil {
		return errors.Join(fmt.Errorf("register metrics: %w", err), j.Close())
	}
	s.pipeline.recovered(recovery)
	if n := j.Stats().Segments; n > 0 {
		s.log.Info("journal recovered", "segments", n, "sealed_packs", len(recovery.Packs), "dir", s.cfg.Journal.Dir)
	}
	return nil
}

// Behind says whether more segments wait to be encoded than is kept up with.
func (s *Server) Behind() bool { return s.pipeline.isBehind() }

// Connections returns how many connections of HTTPServer are open.
func (s *Server) Connections() int { return s.connections.count() }

// Run stores what is accepted until ctx is done. Then it refuses new uploads,
// lets those under way finish, stores what it can within flush.grace, and
// closes the journal, which keeps the rest. Following what is stored goes on for
// a second, and after the next start. It returns an error only when the
// journal failed: the process should then be started again, which reads what
// is really on the disk. Run may be called once.
func (s *Server) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var stores sync.WaitGroup
	stores.Go(func() { s.pipeline.run(work) })
	stores.Go(func() {
		giveWay()
		s.library.Run(work)
	})
	following, leave := context.WithCancel(work)
	defer leave()
	var follower sync.WaitGroup
	follower.Go(func() { s.pipeline.packer.insights.run(following) })

	select {
	case <-ctx.Done():
	case <-s.journal.Failed():
	}
	s.stop(work)
	leave()
	follower.Wait()
	cancel()
	stores.Wait()
	s.pipeline.packer.insights.close()
	s.sessions.asks.Wait()
	return errors.Join(s.journal.Err(), s.journal.Close())
}

// stop empties the server as far as the grace period allows.
func (s *Server) stop(ctx context.Context) {
	grace, cancel := context.WithTimeout(ctx, s.cfg.Flush.Grace)
	defer cancel()
	s.uploads.stop()
	if s.journal.Err() != nil {
		return
	}
	if err := s.uploads.wait(grace); err != nil {
		s.log.Warn("stopping with uploads under way", "error", err)
	}
	if err := s.pipeline.flush(grace); err != nil {
		s.log.Warn("stopping before everything is stored; the rest stays in the journal", "segments", s.journal.Stats().Segments, "error", err)
	}
	s.followOn(ctx)
}

// followOn gives insights the time to follow what was stored last. What they do
// not get to, they do after the next start: nothing that is stored waits for it.
func (s *Server) followOn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, followGrace)
	defer cancel()
	if err := s.pipeline.packer.insights.drain(ctx); err != nil {
		s.log.Debug("stopping before everything is followed", "error", err)
	}
}

// Flush returns nil when everything that was accepted before the call is
// stored and indexed, and what the windows showed until then as well. It needs
// Run to be running.
func (s *Server) Flush(ctx context.Context) error {
	if err := s.pipeline.flush(ctx); err != nil {
		return err
	}
	return s.pipeline.packer.insights.drain(ctx)
}

// uploads counts the uploads under way, so that a stopping server can let them
// finish.
type uploads struct {
	mu       sync.Mutex
	running  int
	stopping bool
	idle     chan struct{} // closed when stopping and none is running
}

func newUploads() *uploads { return &uploads{idle: make(chan struct{})} }

func (u *uploads) begin() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stopping {
		return errStopping
	}
	u.running++
	return nil
}

func (u *uploads) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.running--
	if u.stopping && u.running == 0 {
		close(u.idle)
	}
}

func (u *uploads) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.stopping && u.running == 0 {
		close(u.idle)
	}
	u.stopping = true
}

func (u *uploads) isStopping() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.stopping
}

func (u *uploads) wait(ctx context.Context) error {
	select {
	case <-u.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
