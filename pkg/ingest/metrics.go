package ingest

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/insight"
	"github.com/playhead/playhead/pkg/scrub"
)

// metrics are what an operator watches. Labels are words of this program and
// names of the configuration, never ids of recordings, keys or URLs.
type metrics struct {
	requests  *prometheus.CounterVec
	byKey     *prometheus.CounterVec
	seconds   prometheus.Histogram
	refused   *prometheus.CounterVec
	segments  prometheus.Counter
	repeats   prometheus.Counter
	events    prometheus.Counter
	bodyBytes prometheus.Counter
	rawBytes  prometheus.Counter
	scrubbed  *prometheus.CounterVec

	assets      *prometheus.CounterVec
	sessionAsks *prometheus.CounterVec

	connections       prometheus.Gauge
	connectionsClosed *prometheus.CounterVec

	commits        prometheus.Counter
	commitRecords  prometheus.Counter
	commitSeconds  prometheus.Histogram
	lostBytes      prometheus.Counter
	lostSegments   prometheus.Counter
	tornBytes      prometheus.Counter
	journalRefused prometheus.Counter

	packs         prometheus.Counter
	packBytes     prometheus.Counter
	packSegments  prometheus.Counter
	packRepeats   prometheus.Counter
	packSeconds   prometheus.Histogram
	storeFailures *prometheus.CounterVec
	derivePanics  prometheus.Counter
	voidedPacks   prometheus.Counter
	gaps          prometheus.Counter
}

// buckets reach from a fast local disk to a store that barely answers.
var (
	requestBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	commitBuckets  = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1}
)

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	var collectors []prometheus.Collector
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "playhead_ingest_" + name, Help: help})
		collectors = append(collectors, c)
		return c
	}
	vector := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "playhead_ingest_" + name, Help: help}, labels)
		collectors = append(collectors, c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "playhead_ingest_" + name, Help: help})
		collectors = append(collectors, g)
		return g
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "playhead_ingest_" + name, Help: help, Buckets: buckets})
		collectors = append(collectors, h)
		return h
	}
	m := &metrics{
		requests:  vector("requests_total", "Requests to /v1/segments by status code.", "code"),
		byKey:     vector("key_requests_total", "Requests to /v1/segments with a configured write key, by its project and name and by status code.", "project", "key", "code"),
		seconds:   histogram("request_seconds", "Time from the head of a request for /v1/segments to its answer.", requestBuckets),
		refused:   vector("refused_total", "Refused requests by reason.", "reason"),
		segments:  counter("segments_total", "Segments accepted, without repeats."),
		repeats:   counter("repeats_total", "Uploads of segments that were accepted before."),
		events:    counter("events_total", "Events accepted, without repeats."),
		bodyBytes: counter("body_bytes_total", "Bytes of bodies as sent."),
		rawBytes:  counter("raw_bytes_total", "Bytes of accepted events, uncompressed."),
		scrubbed:  vector("scrubbed_total", "Secrets replaced in events by rule.", "rule"),

		assets:      vector("assets_total", "Assets accepted, by whether they were stored already.", "result"),
		sessionAsks: vector("session_asks_total", "Questions to the index whether a session had begun, for first uploads without token, by answer.", "answer"),

		connections:       gauge("connections", "Open connections."),
		connectionsClosed: vector("connections_closed_total", "Connections closed to make room for new ones, by what they were doing; refused: the new one.", "phase"),

		commits:        counter("journal_commits_total", "Group commits of the journal."),
		commitRecords:  counter("journal_records_total", "Records committed to the journal."),
		commitSeconds:  histogram("journal_commit_seconds", "Write and fsync of one group.", commitBuckets),
		lostBytes:      counter("journal_lost_bytes_total", "Bytes of damaged journal records, found when the journal was opened or read."),
		lostSegments:   counter("journal_lost_segments_total", "Acknowledged segments that could not be read back."),
		tornBytes:      counter("journal_torn_bytes_total", "Bytes of unfinished writes at the end of the journal; nothing acknowledged is in them."),
		journalRefused: counter("journal_full_total", "Segments refused because the journal was full."),

		packs:         counter("packs_total", "Packs stored and indexed."),
		packBytes:     counter("pack_bytes_total", "Bytes of stored packs."),
		packSegments:  counter("pack_segments_total", "Segments in stored packs."),
		packRepeats:   counter("pack_repeats_total", "Segments left out of packs because another server had stored them."),
		packSeconds:   histogram("pack_seconds", "Time from a pack's first segment leaving the journal to its rows being written.", requestBuckets),
		storeFailures: vector("store_failures_total", "Failed calls to a store; each is tried again.", "store"),
		derivePanics:  counter("derive_panics_total", "Segments stored without moments because reading them panicked."),
		voidedPacks:   counter("voided_packs_total", "Sealed packs that were not in object storage; their segments went into others."),
		gaps:          counter("gaps_total", "Times that segments of a window were still missing 30 s after later ones had come."),
	}
	for _, c := range collectors {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// watchJournal adds gauges that are read from the journal.
func watchJournal(r prometheus.Registerer, stats func() journal.Stats) error {
	gauges := []struct {
		name, help string
		value      func(journal.Stats) float64
	}{
		{"journal_bytes", "Size of the journal.", func(s journal.Stats) float64 { return float64(s.Bytes) }},
		{"journal_files", "Files of the journal.", func(s journal.Stats) float64 { return float64(s.Files) }},
		{"journal_segments", "Accepted segments that are not stored yet.", func(s journal.Stats) float64 { return float64(s.Segments) }},
	}
	for _, g := range gauges {
		err := r.Register(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: "playhead_ingest_" + g.name, Help: g.help},
			func() float64 { return g.value(stats()) }))
		if err != nil {
			return err
		}
	}
	return nil
}

// watchPipeline adds gauges of what is on its way to the stores.
func watchPipeline(r prometheus.Registerer, p *pipeline) error {
	for _, g := range []prometheus.GaugeFunc{
		prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: "playhead_ingest_parked_packs", Help: "Packs that failed and wait for another attempt."},
			func() float64 { return float64(p.parkedPacks()) }),
		prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: "playhead_ingest_encoded_bytes", Help: "Memory of what is encoded and not stored."},
			func() float64 { return float64(p.encodedBytes()) }),
	} {
		if err := r.Register(g); err != nil {
			return err
		}
	}
	return nil
}

// watchInsights adds what following the windows does and holds.
func watchInsights(r prometheus.Registerer, stats func() insight.Stats) error {
	type value struct {
		name, help string
		of         func(insight.Stats) float64
	}
	for _, v := range []value{
		{"insight_windows", "Windows that are followed and have a document in memory.", func(s insight.Stats) float64 { return float64(s.Open) }},
		{"insight_windows_behind", "Windows with stored segments that are to be read again.", func(s insight.Stats) float64 { return float64(s.Behind) }},
		{"insight_document_bytes", "Memory of documents, estimated.", func(s insight.Stats) float64 { return float64(s.Bytes) }},
	} {
		gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "playhead_ingest_" + v.name, Help: v.help}, func() float64 { return v.of(stats()) })
		if err := r.Register(gauge); err != nil {
			return err
		}
	}
	for _, v := range []value{
		{"insight_segments_total", "Segments that were followed.", func(s insight.Stats) float64 { return float64(s.Segments) }},
		{"insight_segments_read_back_total", "Of these, segments that were read from the stores.", func(s insight.Stats) float64 { return float64(s.ReadBack) }},
		{"insight_documents_dropped_total", "Documents that made room for others.", func(s insight.Stats) float64 { return float64(s.Dropped) }},
		{"insight_panics_total", "Windows that could not be followed because reading them panicked.", func(s insight.Stats) float64 { return float64(s.Panics) }},
	} {
		counter := prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "playhead_ingest_" + v.name, Help: v.help}, func() float64 { return v.of(stats()) })
		if err := r.Register(counter); err != nil {
			return err
		}
	}
	return nil
}

// answered counts a request by its write key; nil is a key that nobody knows.
func (m *metrics) answered(who *credential, status int) {
	if who != nil {
		m.byKey.WithLabelValues(string(who.project.id), who.name, strconv.Itoa(status)).Inc()
	}
}

func (m *metrics) commit(c journal.Commit) {
	m.commits.Inc()
	m.commitRecords.Add(float64(c.Records))
	m.commitSeconds.Observe(c.Duration.Seconds())
}

func (m *metrics) scrub(c scrub.Counts) {
	for _, r := range []struct {
		rule string
		n    int
	}{
		{"card", c.Card}, {"email", c.Email}, {"jwt", c.JWT}, {"bearer", c.Bearer}, {"api_key", c.APIKey}, {"url_credentials", c.URLCredentials},
	} {
		if r.n > 0 {
			m.scrubbed.WithLabelValues(r.rule).Add(float64(r.n))
		}
	}
}
