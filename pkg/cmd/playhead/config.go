package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/playhead/playhead/pkg/index/clickhouse"
	"github.com/playhead/playhead/pkg/ingest"
	"github.com/playhead/playhead/pkg/objectstore/s3"
	"github.com/playhead/playhead/pkg/recording"
)

// config is playhead.yaml. docs/playhead.yaml shows every field.
type config struct {
	// Listen is where browsers send segments.
	Listen string `yaml:"listen"`
	// DataDir holds the journal and, without addresses below, the embedded
	// stores.
	DataDir string     `yaml:"data_dir"`
	Log     slog.Level `yaml:"log_level"`
	// ClickHouse and ObjectStorage are the stores; the one that is absent is
	// started on this machine.
	ClickHouse    *clickhouse.Config `yaml:"clickhouse"`
	ObjectStorage *s3.Config         `yaml:"object_storage"`
	Standalone    standaloneConfig   `yaml:"standalone"`
	Ingest        ingest.Config      `yaml:",inline"`
}

// standaloneConfig is about the page that plays recordings without Grafana.
type standaloneConfig struct {
	// Listen must be a loopback address: the page asks nobody who they are.
	// Empty: no page.
	Listen string `yaml:"listen"`
	// Project is the one whose recordings the page shows.
	Project recording.ProjectID `yaml:"project"`
}

func defaultConfig() config {
	c := config{Listen: "127.0.0.1:8080", DataDir: "data", Ingest: ingest.DefaultConfig()}
	c.Ingest.Journal.Dir = "" // below data_dir unless the file says otherwise
	return c
}

// loadConfig reads a file over the defaults. A field that does not exist is
// an error: a misspelt limit must not be ignored.
func loadConfig(path string) (config, error) {
	c := defaultConfig()
	data, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	if err := decoder.DecodeContext(context.Background(), &c); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, false))
	}
	c.completePaths()
	if err := c.validate(); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func (c *config) completePaths() {
	if c.Ingest.Journal.Dir == "" {
		c.Ingest.Journal.Dir = filepath.Join(c.DataDir, "journal")
	}
}

func (c *config) validate() error {
	var errs []error
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		errs = append(errs, fmt.Errorf("listen: must be host:port"))
	}
	if c.Standalone.Listen != "" {
		errs = append(errs, c.Standalone.validate())
	}
	if c.ClickHouse != nil {
		errs = append(errs, within("clickhouse", c.ClickHouse.Validate()))
	}
	if c.ObjectStorage != nil {
		errs = append(errs, within("object_storage", c.ObjectStorage.Validate()))
	}
	errs = append(errs, c.Ingest.Validate())
	return errors.Join(errs...)
}

func (s standaloneConfig) validate() error {
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return errors.New("standalone.listen: must be host:port")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("standalone.listen: must be a loopback address; the page has no log-in, so put an authenticating proxy in front of it")
	}
	if _, err := recording.ParseProjectID(string(s.Project)); err != nil {
		return within("standalone", err)
	}
	return nil
}

func within(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}

// storeFlags are --clickhouse and --s3, which replace the addresses of the
// configuration.
type storeFlags struct{ clickhouse, s3 string }

func (c *call) storeFlags() *storeFlags {
	var s storeFlags
	c.flags.StringVar(&s.clickhouse, "clickhouse", "", "ClickHouse as `URL`: http://user@host:8123/database or clickhouse://user@host:9000/database; the password comes from PLAYHEAD_CLICKHOUSE_PASSWORD")
	c.flags.StringVar(&s.s3, "s3", "", "object storage as `URL`: https://key@host:port/bucket; the secret key comes from PLAYHEAD_S3_SECRET_KEY")
	return &s
}

func (s *storeFlags) apply(c *config) error {
	if s.clickhouse != "" {
		u, err := url.Parse(s.clickhouse)
		if err != nil || u.Host == "" {
			return &usageError{"--clickhouse must be a URL with a host"}
		}
		if _, has := u.User.Password(); has {
			return &usageError{"--clickhouse must not hold the password; set PLAYHEAD_CLICKHOUSE_PASSWORD"}
		}
		protocol := clickhouse.ProtocolHTTP
		if u.Scheme == "clickhouse" {
			protocol = clickhouse.ProtocolNative
		}
		c.ClickHouse = &clickhouse.Config{
			Protocol: protocol, Addresses: []string{u.Host}, Database: strings.Trim(u.Path, "/"),
			Username: u.User.Username(), Password: os.Getenv("PLAYHEAD_CLICKHOUSE_PASSWORD"),
		}
	}
	if s.s3 != "" {
		u, err := url.Parse(s.s3)
		if err != nil || u.Host == "" {
			return &usageError{"--s3 must be a URL with a host"}
		}
		if _, has := u.User.Password(); has {
			return &usageError{"--s3 must not hold the secret key; set PLAYHEAD_S3_SECRET_KEY"}
		}
		c.ObjectStorage = &s3.Config{
			Endpoint: u.Host, Bucket: strings.Trim(u.Path, "/"), PathStyle: true, TLS: s3.TLS{Enabled: u.Scheme == "https"},
			AccessKey: u.User.Username(), SecretKey: os.Getenv("PLAYHEAD_S3_SECRET_KEY"),
		}
	}
	return nil
}
