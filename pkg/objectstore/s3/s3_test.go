package s3_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/objectstore/buckettest"
	"github.com/playhead/playhead/pkg/objectstore/s3"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// testConfig is the test stores' bucket with a prefix of the test's own.
func testConfig(t *testing.T) s3.Config {
	t.Helper()
	a := embeddedtest.Start(t).S3
	return s3.Config{
		Endpoint:  a.Endpoint,
		Region:    a.Region,
		Bucket:    a.Bucket,
		Prefix:    "test/" + strings.Map(letters, t.Name()),
		PathStyle: true,
		AccessKey: a.AccessKey,
		SecretKey: a.SecretKey,
	}
}

func letters(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return '-'
}

func newBucket(t *testing.T, cfg s3.Config) *s3.Bucket {
	t.Helper()
	b, err := s3.New(cfg, s3.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func emptyBucket(t *testing.T) objectstore.Bucket {
	b := newBucket(t, testConfig(t))
	t.Cleanup(func() {
		err := b.List(context.Background(), "", func(o objectstore.Object) error {
			return b.Delete(context.Background(), o.Key)
		})
		if err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestBucket(t *testing.T) { buckettest.Run(t, emptyBucket) }

func TestPrefixIsItsOwnPlace(t *testing.T) {
	cfg := testConfig(t)
	prefix := cfg.Prefix
	cfg.Prefix = prefix + "/one"
	one := newBucket(t, cfg)
	cfg.Prefix = prefix + "/one-two/"
	two := newBucket(t, cfg)
	for _, b := range []*s3.Bucket{one, two} {
		if err := b.Put(t.Context(), "key", strings.NewReader("x"), 1); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := b.Delete(context.Background(), "key"); err != nil {
				t.Error(err)
			}
		})
		var keys []string
		err := b.List(t.Context(), "", func(o objectstore.Object) error {
			keys = append(keys, o.Key)
			return nil
		})
		if err != nil || len(keys) != 1 || keys[0] != "key" {
			t.Errorf("List = %q, %v, want the key put under this prefix only", keys, err)
		}
	}
}

func TestCheck(t *testing.T) {
	b := newBucket(t, testConfig(t))
	if err := b.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	if err := b.CheckWrite(t.Context()); err != nil {
		t.Errorf("CheckWrite: %v", err)
	}
	err := b.List(t.Context(), "", func(o objectstore.Object) error {
		t.Errorf("CheckWrite left %s", o.Key)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Whatever is wrong, the error says what to do and keeps the secret.
func TestCheckSaysWhatToFix(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	tlsServer := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tlsServer.Close)

	tests := []struct {
		name   string
		change func(*s3.Config)
		want   string
	}{
		{"server down", func(c *s3.Config) { c.Endpoint = closed.Addr().String() }, "start the server"},
		{"no such bucket", func(c *s3.Config) { c.Bucket = "no-such-bucket" }, "create the bucket"},
		{"unknown access key", func(c *s3.Config) { c.AccessKey = "nobody" }, "access key"},
		{"wrong secret key", func(c *s3.Config) { c.SecretKey = "hunter2-not-it" }, "secret key"},
		{"plain server, TLS on", func(c *s3.Config) { c.TLS.Enabled = true }, "tls.enabled off"},
		{"unknown authority", func(c *s3.Config) {
			c.Endpoint = tlsServer.Listener.Addr().String()
			c.TLS.Enabled = true
		}, "tls.ca_file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig(t)
			tt.change(&cfg)
			err := newBucket(t, cfg).CheckWrite(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not say %q", err, tt.want)
			}
			if strings.Contains(err.Error(), cfg.SecretKey) {
				t.Errorf("error %q tells the secret key", err)
			}
		})
	}
}

// A bucket that is missing is a fault, never "no such object".
func TestMissingBucketIsNotMissingObject(t *testing.T) {
	cfg := testConfig(t)
	cfg.Bucket = "no-such-bucket"
	b := newBucket(t, cfg)
	for _, length := range []int64{-1, 0, 5} {
		if _, err := b.Get(t.Context(), "key", 0, length); err == nil || errors.Is(err, objectstore.ErrNotFound) {
			t.Errorf("Get of %d bytes from a missing bucket: %v, want an error other than ErrNotFound", length, err)
		}
	}
	if err := b.Delete(t.Context(), "key"); err == nil {
		t.Error("Delete in a missing bucket: no error")
	}
}

func TestSecretKeyFile(t *testing.T) {
	cfg := testConfig(t)
	cfg.SecretKeyFile = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(cfg.SecretKeyFile, []byte(cfg.SecretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.SecretKey = ""
	if err := newBucket(t, cfg).Check(t.Context()); err != nil {
		t.Errorf("Check with the secret key from a file: %v", err)
	}
}

func TestCredentialsOfTheEnvironment(t *testing.T) {
	cfg := testConfig(t)
	t.Setenv("AWS_ACCESS_KEY_ID", cfg.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", cfg.SecretKey)
	cfg.AccessKey, cfg.SecretKey = "", ""
	if err := newBucket(t, cfg).Check(t.Context()); err != nil {
		t.Errorf("Check with keys from the environment: %v", err)
	}
}

func TestDialContextMakesTheConnections(t *testing.T) {
	cfg := testConfig(t)
	server := cfg.Endpoint
	cfg.Endpoint = "storage.invalid:9000"
	var dials atomic.Int32
	b, err := s3.New(cfg, s3.Options{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != cfg.Endpoint {
			t.Errorf("dials %s, want %s", address, cfg.Endpoint)
		}
		dials.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, server)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context()); err != nil || dials.Load() == 0 {
		t.Errorf("Check through a dialer: %v, %d dials", err, dials.Load())
	}
}

func TestCAFileIsTrusted(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBucket(t, s3.Config{
		Endpoint: server.Listener.Addr().String(), Region: "us-east-1", Bucket: "bucket", PathStyle: true,
		AccessKey: "key", SecretKey: "secret", TLS: s3.TLS{Enabled: true, CAFile: file},
	})
	if err := b.Check(t.Context()); err != nil {
		t.Errorf("Check with ca_file: %v", err)
	}
}

// A server that knows no ranges would make every offset of a pack wrong.
func TestServerWithoutRangesIsAnError(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		w.Header().Set("ETag", `"x"`)
		fmt.Fprint(w, "0123456789")
	}))
	t.Cleanup(server.Close)
	b := newBucket(t, s3.Config{
		Endpoint: server.Listener.Addr().String(), Region: "us-east-1", Bucket: "bucket", PathStyle: true,
		AccessKey: "key", SecretKey: "secret",
	})
	body, err := b.Get(t.Context(), "key", 3, 2)
	if err == nil {
		body.Close()
		t.Error("Get of a range that the server ignored: no error")
	}
}

func TestValidate(t *testing.T) {
	good := s3.Config{Endpoint: "s3.example.com", Bucket: "b", AccessKey: "a", SecretKey: "s"}
	tests := []struct {
		name   string
		change func(*s3.Config)
		want   string // field of the error; empty when valid
	}{
		{"as it is", func(*s3.Config) {}, ""},
		{"with port", func(c *s3.Config) { c.Endpoint = "127.0.0.1:9000" }, ""},
		{"IPv6", func(c *s3.Config) { c.Endpoint = "[::1]:9000" }, ""},
		{"role in place of keys", func(c *s3.Config) { c.AccessKey, c.SecretKey = "", "" }, ""},
		{"no endpoint", func(c *s3.Config) { c.Endpoint = "" }, "endpoint"},
		{"scheme", func(c *s3.Config) { c.Endpoint = "https://s3.example.com" }, "endpoint"},
		{"path", func(c *s3.Config) { c.Endpoint = "s3.example.com/bucket" }, "endpoint"},
		{"credentials in the endpoint", func(c *s3.Config) { c.Endpoint = "a:s@s3.example.com" }, "endpoint"},
		{"no bucket", func(c *s3.Config) { c.Bucket = "" }, "bucket"},
		{"absolute prefix", func(c *s3.Config) { c.Prefix = "/replays" }, "prefix"},
		{"no secret key", func(c *s3.Config) { c.SecretKey = "" }, "secret_key"},
		{"no access key", func(c *s3.Config) { c.AccessKey = "" }, "access_key"},
		{"two secret keys", func(c *s3.Config) { c.SecretKeyFile = "/etc/secret" }, "secret_key_file"},
		{"CA without TLS", func(c *s3.Config) { c.TLS.CAFile = "ca.pem" }, "tls.enabled"},
		{"skipping verification without TLS", func(c *s3.Config) { c.TLS.InsecureSkipVerify = true }, "tls.enabled"},
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
