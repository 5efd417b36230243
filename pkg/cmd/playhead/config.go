package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/playhead/playhead/pkg/index/clickhouse"
	"github.com/playhead/playhead/pkg/ingest"
	"github.com/playhead/playhead/pkg/objectstore/s3"
	"github.com/playhead/playhead/pkg/otlp"
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
	// Retention says how long recordings of a class are found; the classes
	// that are absent are kept for ever.
	Retention  map[recording.Class]keepTime `yaml:"retention"`
	Standalone standaloneConfig             `yaml:"standalone"`
	Ingest     ingest.Config                `yaml:",inline"`
}

// standaloneConfig is about the page that plays recordings without Grafana.
type standaloneConfig struct {
	// Listen must be a loopback address: the page asks nobody who they are.
	// Empty: no page.
	Listen string `yaml:"listen"`
	// Project is the one whose recordings the page shows.
	Project recording.ProjectID `yaml:"project"`
	// Hosts are the names, without port, by which an authenticating proxy asks
	// for the page, when it passes on the name that the browser used.
	Hosts []string `yaml:"hosts"`
	// Telemetry is about the traces and logs that the page shows beside a
	// recording.
	Telemetry telemetryConfig `yaml:"telemetry"`
}

// telemetryConfig says where the project's traces and logs are.
type telemetryConfig struct {
	// Database has the tables otel_traces and otel_logs, on the server of the
	// index. Empty: the page shows none.
	Database string `yaml:"database"`
	// Receive is where the project's services send traces and logs over
	// OTLP/HTTP; a loopback address. Empty: another program writes the tables.
	Receive string `yaml:"receive"`
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
	if err := c.decode(data); err != nil {
		return c, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, false))
	}
	c.completePaths()
	if err := c.validate(); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func (c *config) decode(data []byte) error {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return err
	}
	switch {
	case len(file.Docs) > 1:
		return errors.New("holds more than one YAML document")
	case len(file.Docs) == 0 || file.Docs[0].Body == nil || file.Docs[0].Body.Type() == ast.CommentType:
		return nil // the decoder would empty c
	}
	return yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(c)
}

func (c *config) completePaths() {
	if c.Ingest.Journal.Dir == "" {
		c.Ingest.Journal.Dir = filepath.Join(c.DataDir, "journal")
	}
	if c.Ingest.SessionTokens.SecretFile == "" {
		c.Ingest.SessionTokens.SecretFile = filepath.Join(c.DataDir, "session-tokens.secret")
	}
}

func (c *config) validate() error {
	var errs []error
	if _, err := hostOf(c.Listen); err != nil {
		errs = append(errs, within("listen", err))
	}
	if c.Standalone.Listen != "" {
		errs = append(errs, c.Standalone.validate(c.Ingest.Projects))
	}
	if c.ClickHouse != nil {
		errs = append(errs, within("clickhouse", c.ClickHouse.Validate()))
	}
	if c.ObjectStorage != nil {
		errs = append(errs, within("object_storage", c.ObjectStorage.Validate()))
	}
	for class, kept := range c.Retention {
		errs = append(errs, within("retention."+string(class), kept.validate()))
	}
	errs = append(errs, c.Ingest.Validate())
	return errors.Join(errs...)
}

func (s standaloneConfig) validate(projects []ingest.Project) error {
	host, err := hostOf(s.Listen)
	if err != nil {
		return within("standalone.listen", err)
	}
	if !isLoopback(host) {
		return errors.New("standalone.listen: must be a loopback address; the page has no log-in, so put an authenticating proxy in front of it")
	}
	if !slices.ContainsFunc(projects, func(p ingest.Project) bool { return p.ID == s.Project }) {
		return errors.New("standalone.project: must be one of projects")
	}
	return within("standalone.telemetry", s.Telemetry.validate())
}

func (t telemetryConfig) validate() error {
	if t.Database != "" {
		if err := otlp.CheckDatabase(t.Database); err != nil {
			return within("database", err)
		}
	}
	if t.Receive == "" {
		return nil
	}
	if t.Database == "" {
		return errors.New("receive: needs a database")
	}
	host, err := hostOf(t.Receive)
	if err != nil {
		return within("receive", err)
	}
	if !isLoopback(host) {
		return errors.New("receive: must be a loopback address; it asks nobody who they are")
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// hostOf returns the host of an address to listen on.
func hostOf(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", errors.New("must be host:port, the port a number up to 65535")
	}
	return host, nil
}

func within(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}

// configFlags are --config, and --clickhouse and --s3, which replace the
// addresses of the file.
type configFlags struct{ file, clickhouse, s3 string }

func (c *call) configFlags() *configFlags {
	var s configFlags
	c.flags.StringVar(&s.file, "config", "playhead.yaml", "configuration `FILE`")
	c.flags.StringVar(&s.clickhouse, "clickhouse", "", "ClickHouse as `URL`: http://user@host:8123/database or clickhouse://user@host:9000/database; the password comes from PLAYHEAD_CLICKHOUSE_PASSWORD")
	c.flags.StringVar(&s.s3, "s3", "", "object storage as `URL`: https://key@host:port/bucket; the secret key comes from PLAYHEAD_S3_SECRET_KEY")
	return &s
}

// load reads the file and applies the other flags.
func (s *configFlags) load() (config, error) {
	c, err := loadConfig(s.file)
	if err != nil {
		return c, err
	}
	return c, s.apply(&c)
}

func (s *configFlags) apply(c *config) error {
	if err := s.replace(c); err != nil {
		return err
	}
	return c.validate()
}

func (s *configFlags) replace(c *config) error {
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
