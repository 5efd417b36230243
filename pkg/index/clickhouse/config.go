package clickhouse

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/playhead/playhead/pkg/recording"
)

// The protocols ClickHouse speaks.
const (
	ProtocolNative = "native" // port 9000, 9440 with TLS
	ProtocolHTTP   = "http"   // port 8123, 8443 with TLS
)

// Config says where the database is and how to get in. It is read from
// playhead.yaml and from the data source's settings.
type Config struct {
	Protocol string `yaml:"protocol" json:"protocol"` // ProtocolNative or ProtocolHTTP
	// Addresses are host:port; the second is used when the first is down.
	Addresses []string `yaml:"addresses" json:"addresses"`
	// Database is created by Migrate when it is absent and the user may.
	Database string `yaml:"database" json:"database"`
	Username string `yaml:"username" json:"username"`
	Password string `yaml:"password" json:"password"`
	// PasswordFile holds the password in place of Password.
	PasswordFile string `yaml:"password_file" json:"password_file"`
	TLS          TLS    `yaml:"tls" json:"tls"`
	// DialTimeoutMs bounds making a connection; 0 means 5000.
	DialTimeoutMs int `yaml:"dial_timeout_ms" json:"dial_timeout_ms"`
	// Cluster is the ClickHouse cluster whose servers all have the tables;
	// empty: the server that is connected to has them alone.
	Cluster string `yaml:"cluster" json:"cluster"`
	// Retention says how long rows of a class are kept after the server
	// received them; rows of other classes are kept for ever.
	Retention map[recording.Class]time.Duration `yaml:"-" json:"-"`
}

// TLS says how the connection is protected.
type TLS struct {
	Enabled bool `yaml:"enabled" json:"enabled"`
	// CAFile is a PEM file of authorities to trust besides the system's.
	CAFile string `yaml:"ca_file" json:"ca_file"`
	// Authorities are trusted in place of the system's: for a program that is
	// given the certificates and not a file.
	Authorities *x509.CertPool `yaml:"-" json:"-"`
	// InsecureSkipVerify accepts any certificate: whoever sits on the way can
	// then read the password and change what is found.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify" json:"insecure_skip_verify"`
	// ServerName is the name in the certificate, when it is not the address's.
	ServerName string `yaml:"server_name" json:"server_name"`
}

const defaultDialTimeoutMs = 5000

// The names of a database and of a cluster go into statements where no
// parameter can be bound.
var databasePattern = regexp.MustCompile(`^[A-Za-z_][0-9A-Za-z_]{0,62}$`)

// Validate reports every field that cannot work. It opens nothing.
func (c Config) Validate() error {
	var errs []error
	refuse := func(field, why string) { errs = append(errs, fmt.Errorf("%s: %s", field, why)) }

	if c.Protocol != ProtocolNative && c.Protocol != ProtocolHTTP {
		refuse("protocol", "must be native or http")
	}
	if len(c.Addresses) == 0 {
		refuse("addresses", "at least one is required")
	}
	if slices.ContainsFunc(c.Addresses, notHostPort) {
		refuse("addresses", "each must be host:port, without scheme or path")
	}
	if !databasePattern.MatchString(c.Database) {
		refuse("database", "must match "+databasePattern.String())
	}
	if c.Password != "" && c.PasswordFile != "" {
		refuse("password_file", "and password exclude each other")
	}
	if !c.TLS.Enabled && c.TLS != (TLS{}) {
		refuse("tls.enabled", "must be true for the other tls settings to mean anything")
	}
	if c.DialTimeoutMs < 0 {
		refuse("dial_timeout_ms", "must not be negative")
	}
	if c.Cluster != "" && !databasePattern.MatchString(c.Cluster) {
		refuse("cluster", "must match "+databasePattern.String())
	}
	for class, kept := range c.Retention {
		if kept <= 0 {
			refuse("retention."+string(class), "must be more than nothing; leave it out to keep for ever")
		}
	}
	return errors.Join(errs...)
}

func notHostPort(address string) bool {
	host, port, err := net.SplitHostPort(address)
	return err != nil || host == "" || port == "" || strings.ContainsAny(address, "/@?#")
}

// options are the driver's; database is empty to connect without one.
func (c Config) options(dial Dial) (*clickhouse.Options, error) {
	password, err := c.password()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := c.TLS.config()
	if err != nil {
		return nil, err
	}
	timeout := c.dialTimeout()
	o := &clickhouse.Options{
		Protocol:    clickhouse.Native,
		Addr:        c.Addresses,
		Auth:        clickhouse.Auth{Database: c.Database, Username: c.Username, Password: password},
		TLS:         tlsConfig,
		DialTimeout: timeout,
		// A query waits for a free connection no longer than DialTimeout, so
		// there are more of them than queries at any time.
		MaxOpenConns: 32,
		MaxIdleConns: 8,
		ClientInfo: clickhouse.ClientInfo{Products: []struct{ Name, Version string }{
			{Name: "playhead"},
		}},
	}
	if c.Protocol == ProtocolHTTP {
		o.Protocol = clickhouse.HTTP
		// net/http puts TLS on top of the connection by itself.
		o.DialContext = dialer(dial, timeout, nil)
		return o, nil
	}
	o.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	o.DialContext = dialer(dial, timeout, tlsConfig)
	return o, nil
}

func (c Config) dialTimeout() time.Duration {
	ms := c.DialTimeoutMs
	if ms == 0 {
		ms = defaultDialTimeoutMs
	}
	return time.Duration(ms) * time.Millisecond
}

// dialer is what the driver calls to connect; with a tlsConfig, it gives
// connections that speak TLS already.
func dialer(dial Dial, timeout time.Duration, tlsConfig *tls.Config) func(context.Context, string) (net.Conn, error) {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return func(ctx context.Context, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		conn, err := dial(ctx, "tcp", address)
		if err != nil || tlsConfig == nil {
			return conn, err
		}
		cfg := tlsConfig.Clone()
		if cfg.ServerName == "" {
			cfg.ServerName, _, _ = net.SplitHostPort(address)
		}
		secure := tls.Client(conn, cfg)
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		return secure, nil
	}
}

func (c Config) password() (string, error) {
	if c.PasswordFile == "" {
		return c.Password, nil
	}
	b, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("read password_file: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func (t TLS) config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		RootCAs:            t.Authorities,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, // #nosec G402 -- the operator's choice, off by default
	}
	if t.CAFile == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read tls.ca_file: %w", err)
	}
	if cfg.RootCAs, err = x509.SystemCertPool(); err != nil {
		return nil, fmt.Errorf("read the system's certificate authorities: %w", err)
	}
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read tls.ca_file: no certificate in %s", t.CAFile)
	}
	return cfg, nil
}
