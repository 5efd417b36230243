package rig

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Project and Key are what the benches send to.
const (
	Project = "bench"
	Key     = "pk_bench_0123456789abcdef"
)

// Playhead is a running `playhead ingest`.
type Playhead struct {
	*Process
	URL string
}

// PlayheadOptions configure a server. What is not here has the default of the
// product.
type PlayheadOptions struct {
	// Dir takes the configuration, the journal and the log.
	Dir string
	// ClickHouse and S3 are addresses in place of the stores' own, for a proxy
	// between; empty: the stores' own.
	ClickHouse, S3 string
	// PackAge is flush.pack_age; 0: the default.
	PackAge time.Duration
	// PackBytes is flush.pack_bytes; 0: the default.
	PackBytes int64
	// JournalBytes is journal.max_bytes; 0: so much that nothing is refused.
	JournalBytes int64
	// NoScrub turns scrubbing off.
	NoScrub bool
}

// StartPlayhead starts a server on the given stores and waits until it
// accepts.
func StartPlayhead(ctx context.Context, s *Stores, o PlayheadOptions) (*Playhead, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	config := filepath.Join(o.Dir, "playhead.yaml")
	if err := os.WriteFile(config, []byte(playheadYAML(address, s, o)), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	// Ingest makes the schema while it accepts already, which is not what a
	// bench asks for.
	migrate := exec.CommandContext(ctx, PlayheadProgram, "migrate", "--config", config)
	if out, err := migrate.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make the schema: %w: %s", err, out)
	}
	process, err := startProcess(o.Dir, "playhead", PlayheadProgram, "ingest", "--config", config)
	if err != nil {
		return nil, err
	}
	if err := process.waitReady(ctx, address); err != nil {
		return nil, err
	}
	return &Playhead{Process: process, URL: "http://" + address}, nil
}

func playheadYAML(address string, s *Stores, o PlayheadOptions) string {
	clickhouse, s3 := s.Addresses.ClickHouse, s.Addresses.S3
	if o.ClickHouse != "" {
		clickhouse.Address = o.ClickHouse
	}
	if o.S3 != "" {
		s3.Endpoint = o.S3
	}
	if o.JournalBytes == 0 {
		o.JournalBytes = 16 << 30
	}
	flush := "flush: {"
	if o.PackAge != 0 {
		flush += fmt.Sprintf("pack_age: %s, ", o.PackAge)
	}
	if o.PackBytes != 0 {
		flush += fmt.Sprintf("pack_bytes: %d, ", o.PackBytes)
	}
	flush = strings.TrimSuffix(flush, ", ") + "}\n"
	return fmt.Sprintf(`listen: %s
data_dir: %s
log_level: warn
clickhouse: {protocol: http, addresses: ['%s'], database: %s, username: %s, password: '%s'}
object_storage: {endpoint: '%s', region: %s, bucket: %s, path_style: true, tls: {enabled: false}, access_key: %s, secret_key: '%s'}
journal: {max_bytes: %d}
%sprojects: [{id: %s, scrub: %t, keys: [{name: bench, key: %s, origins: []}]}]
`, address, filepath.Join(o.Dir, "data"),
		clickhouse.Address, clickhouse.Database, clickhouse.User, clickhouse.Password,
		s3.Endpoint, s3.Region, s3.Bucket, s3.AccessKey, s3.SecretKey,
		o.JournalBytes, flush, Project, !o.NoScrub, Key)
}

// Metrics are the server's metrics, by name with labels.
func (p *Playhead) Metrics(ctx context.Context) (map[string]float64, error) {
	body, err := get(ctx, p.URL+"/metrics")
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	metrics := map[string]float64{}
	for scanner := bufio.NewScanner(bytes.NewReader(body)); scanner.Scan(); {
		line := scanner.Text()
		space := strings.LastIndexByte(line, ' ')
		if space < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("read metrics: %q: %w", line, err)
		}
		metrics[line[:space]] = value
	}
	return metrics, nil
}

// Waiting is the number of accepted segments that are not stored yet.
func (p *Playhead) Waiting(ctx context.Context) (float64, error) {
	metrics, err := p.Metrics(ctx)
	if err != nil {
		return 0, err
	}
	waiting, ok := metrics["playhead_ingest_journal_segments"]
	if !ok {
		return 0, fmt.Errorf("the server has no metric playhead_ingest_journal_segments")
	}
	return waiting, nil
}

// Drain waits until everything accepted is stored.
func (p *Playhead) Drain(ctx context.Context, most time.Duration) error {
	return Eventually(ctx, most, "everything accepted is stored", func() (bool, error) {
		waiting, err := p.Waiting(ctx)
		return waiting == 0, err
	})
}

// insightPause is between two questions of DrainInsight.
const insightPause = 2 * time.Second

// DrainInsight waits until everything stored has been looked at: what the
// server finds in it costs as much as storing it. The server is asked seldom: its
// answers cost processor time that is measured.
func (p *Playhead) DrainInsight(ctx context.Context, most time.Duration) error {
	var asked time.Time
	return Eventually(ctx, most, "everything stored is looked at", func() (bool, error) {
		if time.Since(asked) < insightPause {
			return false, nil
		}
		asked = time.Now()
		metrics, err := p.Metrics(ctx)
		if err != nil {
			return false, err
		}
		behind, ok := metrics["playhead_ingest_insight_windows_behind"]
		if !ok {
			return false, fmt.Errorf("the server has no metric playhead_ingest_insight_windows_behind")
		}
		return behind == 0 && metrics["playhead_ingest_insight_segments_total"] >= metrics["playhead_ingest_segments_total"], nil
	})
}
