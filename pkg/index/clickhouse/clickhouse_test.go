package clickhouse_test

import (
	"context"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/index/clickhouse"
	"github.com/playhead/playhead/pkg/index/indextest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// nativeEnv is host:port of the native interface of the server that
// $PLAYHEAD_TEST_CLICKHOUSE names; the embedded engine has none.
const nativeEnv = "PLAYHEAD_TEST_CLICKHOUSE_NATIVE"

// testConfig is the test server with a database of the test's own, which is
// dropped at the end.
func testConfig(t *testing.T) clickhouse.Config {
	t.Helper()
	a := embeddedtest.Start(t).ClickHouse
	cfg := clickhouse.Config{
		Protocol:  clickhouse.ProtocolHTTP,
		Addresses: []string{a.Address},
		Database:  "test_" + strings.ToLower(rand.Text()),
		Username:  a.User,
		Password:  a.Password,
	}
	t.Cleanup(func() { clickhouse.DropDatabase(t, cfg) })
	return cfg
}

func newIndex(t *testing.T, cfg clickhouse.Config, opts clickhouse.Options) *clickhouse.Index {
	t.Helper()
	x, err := clickhouse.New(cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func TestIndexHTTP(t *testing.T) {
	indextest.Run(t, func(t *testing.T) index.Index { return newIndex(t, testConfig(t), clickhouse.Options{}) })
}

func TestIndexNative(t *testing.T) {
	address := os.Getenv(nativeEnv)
	if address == "" {
		t.Skipf("%s names no server", nativeEnv)
	}
	indextest.Run(t, func(t *testing.T) index.Index {
		cfg := testConfig(t)
		cfg.Protocol, cfg.Addresses = clickhouse.ProtocolNative, []string{address}
		return newIndex(t, cfg, clickhouse.Options{})
	})
}

func TestCheckFindsNewerSchema(t *testing.T) {
	cfg := testConfig(t)
	x := newIndex(t, cfg, clickhouse.Options{})
	if err := x.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	clickhouse.Exec(t, x, "INSERT INTO schema_migrations (version, name, applied_ts) SELECT 9999, 'from the future', now64(3)")
	for name, err := range map[string]error{"Check": x.Check(t.Context()), "Migrate": x.Migrate(t.Context())} {
		if !errors.Is(err, index.ErrSchema) || !strings.Contains(err.Error(), "upgrade this program") {
			t.Errorf("%s = %v, want ErrSchema that says to upgrade this program", name, err)
		}
	}
}

func TestCheckFindsMissingTable(t *testing.T) {
	x := newIndex(t, testConfig(t), clickhouse.Options{})
	if err := x.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	clickhouse.Exec(t, x, "DROP TABLE moments")
	if err := x.Check(t.Context()); !errors.Is(err, index.ErrSchema) || !strings.Contains(err.Error(), "moments") {
		t.Errorf("Check = %v, want ErrSchema that names the table", err)
	}
}

func TestCheckComparesClocks(t *testing.T) {
	cfg := testConfig(t)
	for _, tt := range []struct {
		offset time.Duration
		fits   bool
	}{{0, true}, {3 * time.Second, true}, {-3 * time.Second, true}, {time.Minute, false}, {-time.Minute, false}} {
		x := newIndex(t, cfg, clickhouse.Options{Now: func() time.Time { return time.Now().Add(tt.offset) }})
		if err := x.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := x.Check(t.Context())
		if tt.fits && err != nil {
			t.Errorf("Check with a clock %s off: %v", tt.offset, err)
		}
		if !tt.fits && (err == nil || !strings.Contains(err.Error(), "clock") || !strings.Contains(err.Error(), "1m0s")) {
			t.Errorf("Check with a clock %s off: %v, want an error that tells the difference", tt.offset, err)
		}
	}
}

// Whatever is wrong, the error says what to do and keeps the password.
func TestErrorsSayWhatToFix(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	tests := []struct {
		name   string
		change func(*clickhouse.Config)
		want   string
	}{
		{"server down", func(c *clickhouse.Config) { c.Addresses = []string{closed.Addr().String()} }, "start the server"},
		{"server down, native", func(c *clickhouse.Config) {
			c.Protocol, c.Addresses = clickhouse.ProtocolNative, []string{closed.Addr().String()}
		}, "start the server"},
		{"wrong password", func(c *clickhouse.Config) { c.Password = "hunter2-not-it" }, "password"},
		{"plain server, TLS on", func(c *clickhouse.Config) { c.TLS.Enabled = true }, "tls"},
		{"no database", func(c *clickhouse.Config) { c.Database = "absent" }, "database"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig(t)
			tt.change(&cfg)
			x := newIndex(t, cfg, clickhouse.Options{})
			_, readErr := x.Sessions(t.Context(), index.SessionQuery{Project: "shop", Text: "private search"})
			for name, err := range map[string]error{"Check": x.Check(t.Context()), "Sessions": readErr} {
				if err == nil {
					t.Errorf("%s: no error", name)
					continue
				}
				if name == "Check" && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%s: error %q does not say %q", name, err, tt.want)
				}
				for _, secret := range []string{cfg.Password, "private search", "private+search"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("%s: error %q tells %q", name, err, secret)
					}
				}
			}
		})
	}
}

func TestDialContextMakesTheConnections(t *testing.T) {
	cfg := testConfig(t)
	server := cfg.Addresses[0]
	cfg.Addresses = []string{"clickhouse.invalid:8123"}
	x := newIndex(t, cfg, clickhouse.Options{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != cfg.Addresses[0] {
				t.Errorf("dials %s, want %s", address, cfg.Addresses[0])
			}
			return (&net.Dialer{}).DialContext(ctx, network, server)
		},
	})
	if err := x.Migrate(t.Context()); err != nil {
		t.Errorf("Migrate through a dialer: %v", err)
	}
}

// A write that changes no session asks the server for none.
func TestWriteOfNothingAsksNobody(t *testing.T) {
	cfg := testConfig(t)
	cfg.Addresses = []string{"127.0.0.1:1"}
	if err := newIndex(t, cfg, clickhouse.Options{}).Write(t.Context()); err != nil {
		t.Errorf("Write of nothing, with no server: %v", err)
	}
}

func TestPasswordFile(t *testing.T) {
	cfg := testConfig(t)
	cfg.PasswordFile = filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(cfg.PasswordFile, []byte(cfg.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Password = ""
	if err := newIndex(t, cfg, clickhouse.Options{}).Migrate(t.Context()); err != nil {
		t.Errorf("Migrate with the password from a file: %v", err)
	}
}

func TestTLS(t *testing.T) {
	cfg := testConfig(t)
	proxy := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: cfg.Addresses[0]}))
	t.Cleanup(proxy.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Addresses = []string{proxy.Listener.Addr().String()}
	tests := []struct {
		name string
		tls  clickhouse.TLS
		want string // of the error; empty when it works
	}{
		{"authority from a file", clickhouse.TLS{Enabled: true, CAFile: file}, ""},
		{"another name", clickhouse.TLS{Enabled: true, CAFile: file, ServerName: "example.com"}, ""},
		{"unverified", clickhouse.TLS{Enabled: true, InsecureSkipVerify: true}, ""},
		{"unknown authority", clickhouse.TLS{Enabled: true}, "tls.ca_file"},
		{"wrong name", clickhouse.TLS{Enabled: true, CAFile: file, ServerName: "elsewhere.example"}, "tls.server_name"},
	}
	for _, protocol := range []string{clickhouse.ProtocolHTTP, clickhouse.ProtocolNative} {
		for _, tt := range tests {
			// The proxy speaks HTTP only: of native, what can be seen is
			// whether the handshake is refused.
			if protocol == clickhouse.ProtocolNative && tt.want == "" {
				continue
			}
			t.Run(protocol+", "+tt.name, func(t *testing.T) {
				cfg := cfg
				cfg.Protocol, cfg.TLS = protocol, tt.tls
				x := newIndex(t, cfg, clickhouse.Options{})
				if tt.want == "" {
					if err := x.Migrate(t.Context()); err != nil {
						t.Errorf("Migrate: %v", err)
					}
					return
				}
				if err := x.Check(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Check = %v, want an error that says %s", err, tt.want)
				}
			})
		}
	}
}

func TestValidate(t *testing.T) {
	good := clickhouse.Config{Protocol: "http", Addresses: []string{"127.0.0.1:8123"}, Database: "playhead", Username: "u", Password: "p"}
	tests := []struct {
		name   string
		change func(*clickhouse.Config)
		want   string // field of the error; empty when valid
	}{
		{"as it is", func(*clickhouse.Config) {}, ""},
		{"native", func(c *clickhouse.Config) { c.Protocol = "native" }, ""},
		{"several addresses", func(c *clickhouse.Config) { c.Addresses = []string{"a:1", "[::1]:2"} }, ""},
		{"no protocol", func(c *clickhouse.Config) { c.Protocol = "" }, "protocol"},
		{"https", func(c *clickhouse.Config) { c.Protocol = "https" }, "protocol"},
		{"no address", func(c *clickhouse.Config) { c.Addresses = nil }, "addresses"},
		{"address without port", func(c *clickhouse.Config) { c.Addresses = []string{"clickhouse"} }, "addresses"},
		{"URL", func(c *clickhouse.Config) { c.Addresses = []string{"http://clickhouse:8123"} }, "addresses"},
		{"credentials in an address", func(c *clickhouse.Config) { c.Addresses = []string{"u:p@clickhouse:8123"} }, "addresses"},
		{"no database", func(c *clickhouse.Config) { c.Database = "" }, "database"},
		{"SQL in the database", func(c *clickhouse.Config) { c.Database = "a; DROP TABLE b" }, "database"},
		{"two passwords", func(c *clickhouse.Config) { c.PasswordFile = "/etc/password" }, "password_file"},
		{"CA without TLS", func(c *clickhouse.Config) { c.TLS.CAFile = "ca.pem" }, "tls.enabled"},
		{"skipping verification without TLS", func(c *clickhouse.Config) { c.TLS.InsecureSkipVerify = true }, "tls.enabled"},
		{"negative timeout", func(c *clickhouse.Config) { c.DialTimeoutMs = -1 }, "dial_timeout_ms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			err := cfg.Validate()
			if tt.want == "" && err != nil {
				t.Errorf("Validate: %v", err)
			}
			if tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want+":")) {
				t.Errorf("Validate: %v, want an error about %s", err, tt.want)
			}
		})
	}
}
