package rig

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/playhead/playhead/tests/traffic"
)

// Collector is a running OpenTelemetry Collector.
type Collector struct {
	*Process
	URL string
}

// clickstackTable is the table that ClickStack keeps replays in, column for
// column.
//
//go:embed clickstack.sql
var clickstackTable string

// durableYAML acknowledges what lies in a queue on disk, with fsync, and
// exports from there.
const durableYAML = `
receivers: {otlp: {protocols: {http: {endpoint: "%s", max_request_body_size: 67108864}}}}
extensions: {file_storage: {directory: "%s", create_directory: true, fsync: true}}
exporters:
  otlp_http:
    endpoint: "%s"
    compression: gzip
    sending_queue: {enabled: true, storage: file_storage, queue_size: 100000, num_consumers: 10}
    retry_on_failure: {enabled: true}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}, logs: {level: warn}}
  pipelines: {logs: {receivers: [otlp], exporters: [otlp_http]}}
`

// clickstackYAML is ClickStack's pipeline for replays, without the routing
// connector in front: that would cost it more. Its in-memory queue and
// asynchronous inserts are the exporter's defaults.
const clickstackYAML = `
receivers: {otlp: {protocols: {http: {endpoint: "%s", max_request_body_size: 67108864}}}}
processors:
  memory_limiter: {check_interval: 5s, limit_mib: 1500, spike_limit_mib: 512}
  batch: {send_batch_size: 10000, timeout: 5s}
exporters:
  clickhouse:
    endpoint: "http://%s"
    database: "%s"
    username: "%s"
    password: "%s"
    logs_table_name: hyperdx_sessions
    create_schema: false
    ttl: 720h
    timeout: %s
    retry_on_failure: {enabled: true, initial_interval: 1s, max_interval: 30s, max_elapsed_time: 300s}
service:
  telemetry: {metrics: {level: none}, logs: {level: warn}}
  pipelines: {logs: {receivers: [otlp], processors: [memory_limiter, batch], exporters: [clickhouse]}}
`

// clickstackTimeout is more than the 5 s that ClickStack ships: on two busy
// processors its inserts would time out, be repeated and counted twice.
const clickstackTimeout = time.Minute

// StartDurableCollector starts a collector whose acknowledgement means that
// the data is on disk, as ours does. sink is where it exports to.
func StartDurableCollector(ctx context.Context, dir, sink string) (*Collector, error) {
	queue := filepath.Join(dir, "queue")
	return startCollector(ctx, dir, func(address string) string {
		return fmt.Sprintf(durableYAML, address, queue, sink)
	})
}

// StartClickStack makes ClickStack's table and starts its collector on the
// stores' ClickHouse.
func StartClickStack(ctx context.Context, dir string, s *Stores) (*Collector, error) {
	if err := CreateClickStackTable(ctx, s); err != nil {
		return nil, err
	}
	c := s.Addresses.ClickHouse
	return startCollector(ctx, dir, func(address string) string {
		return fmt.Sprintf(clickstackYAML, address, c.Address, c.Database, c.User, c.Password, clickstackTimeout)
	})
}

// CreateClickStackTable makes the table in the stores' database.
func CreateClickStackTable(ctx context.Context, s *Stores) error {
	if _, err := s.Query(ctx, clickstackTable); err != nil {
		return fmt.Errorf("create ClickStack's table: %w", err)
	}
	return nil
}

func startCollector(ctx context.Context, dir string, config func(address string) string) (*Collector, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	file := filepath.Join(dir, "collector.yaml")
	if err := os.WriteFile(file, []byte(config(address)), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	process, err := startProcess(dir, "otelcol", CollectorProgram, "--config", "file:"+file)
	if err != nil {
		return nil, err
	}
	if err := process.waitReady(ctx, address); err != nil {
		return nil, err
	}
	return &Collector{Process: process, URL: "http://" + address + "/v1/logs"}, nil
}

// SendOTLPOnce sends every recording as one session over one connection, and
// returns the number of rows that this makes.
func SendOTLPOnce(ctx context.Context, c *Collector, recordings []*traffic.Recording) (records int, err error) {
	client := traffic.NewClient(1)
	defer client.CloseIdleConnections()
	random := Random(1)
	var body []byte
	for _, r := range recordings {
		otlp, err := NewOTLP(r)
		if err != nil {
			return 0, err
		}
		s := NewOTLPSession(otlp, random)
		for i := range otlp.Requests {
			body = s.AppendBody(body[:0], i)
			if _, err := postOTLP(ctx, client, c.URL, body); err != nil {
				return 0, err
			}
			records += otlp.Requests[i].Records
		}
	}
	return records, nil
}

// WaitForRows waits until ClickStack's table has so many rows.
func WaitForRows(ctx context.Context, s *Stores, rows int64, most time.Duration) error {
	return Eventually(ctx, most, "ClickStack's rows are there", func() (bool, error) {
		n, err := s.Number(ctx, "SELECT count() FROM hyperdx_sessions")
		if err == nil && int64(n) > rows {
			err = fmt.Errorf("%.0f rows of %d sent: an insert was repeated", n, rows)
		}
		return int64(n) == rows, err
	})
}

// Sink is an HTTP server that takes everything and keeps nothing.
type Sink struct {
	URL    string
	server *http.Server
	served chan error
	held   atomic.Bool
	taken  atomic.Int64
}

// Hold makes the sink take nothing any more: who asks, waits.
func (s *Sink) Hold() { s.held.Store(true) }

// Taken is the number of requests that were answered.
func (s *Sink) Taken() int64 { return s.taken.Load() }

// StartSink starts one in this process, so that nobody is charged for it.
func StartSink(ctx context.Context) (*Sink, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &Sink{URL: "http://" + listener.Addr().String(), served: make(chan error, 1)}
	s.server = &http.Server{ReadHeaderTimeout: endTime, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if s.held.Load() {
			<-r.Context().Done()
			return
		}
		s.taken.Add(1)
		// An empty ExportLogsServiceResponse.
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.WriteHeader(http.StatusOK)
	})}
	go func() { s.served <- s.server.Serve(listener) }()
	return s, nil
}

// Stop ends the sink.
func (s *Sink) Stop() error {
	err := s.server.Close()
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		return served
	}
	return err
}
