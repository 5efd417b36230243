package s3

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// Config says where the bucket is and how to get in. It is read from
// playhead.yaml and from the data source's settings.
type Config struct {
	// Endpoint is host or host:port, without scheme: TLS.Enabled decides that.
	Endpoint string `yaml:"endpoint" json:"endpoint"`
	// Region may be empty: it is then asked of the server once.
	Region string `yaml:"region" json:"region"`
	Bucket string `yaml:"bucket" json:"bucket"`
	// Prefix is put before every key, with a "/" between.
	Prefix string `yaml:"prefix" json:"prefix"`
	// PathStyle puts the bucket into the path (host/bucket/key) and not into
	// the host name (bucket.host/key). Most servers that are not AWS need it.
	PathStyle bool `yaml:"path_style" json:"path_style"`
	TLS       TLS  `yaml:"tls" json:"tls"`

	// AccessKey and a secret key come together. Without them the credentials
	// are those of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, else of the
	// shared credentials file, else of the machine's IAM role.
	AccessKey string `yaml:"access_key" json:"access_key"`
	SecretKey string `yaml:"secret_key" json:"secret_key"`
	// SecretKeyFile holds the secret key in place of SecretKey.
	SecretKeyFile string `yaml:"secret_key_file" json:"secret_key_file"`
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
	// then read and change recordings.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify" json:"insecure_skip_verify"`
}

// Validate reports every field that cannot work. It opens nothing.
func (c Config) Validate() error {
	var errs []error
	refuse := func(field, why string) { errs = append(errs, fmt.Errorf("%s: %s", field, why)) }

	switch u, err := url.Parse("//" + c.Endpoint); {
	case c.Endpoint == "":
		refuse("endpoint", "is required")
	case strings.Contains(c.Endpoint, "://"):
		refuse("endpoint", "must be host:port without a scheme; use tls.enabled for https")
	case err != nil || u.Host != c.Endpoint || u.Hostname() == "":
		refuse("endpoint", "must be host or host:port")
	}
	if c.Bucket == "" {
		refuse("bucket", "is required")
	}
	if strings.HasPrefix(c.Prefix, "/") || strings.Contains(c.Prefix, "//") {
		refuse("prefix", `must not begin with "/" or contain "//"`)
	}
	secret := c.SecretKey != "" || c.SecretKeyFile != ""
	if c.SecretKey != "" && c.SecretKeyFile != "" {
		refuse("secret_key_file", "and secret_key exclude each other")
	}
	if c.AccessKey != "" && !secret {
		refuse("secret_key", "is required with access_key")
	}
	if c.AccessKey == "" && secret {
		refuse("access_key", "is required with a secret key")
	}
	if !c.TLS.Enabled && (c.TLS.CAFile != "" || c.TLS.InsecureSkipVerify) {
		refuse("tls.enabled", "must be true for the other tls settings to mean anything")
	}
	return errors.Join(errs...)
}

// prefix is what goes before every key: empty, or ending in "/".
func (c Config) prefix() string {
	if c.Prefix == "" || strings.HasSuffix(c.Prefix, "/") {
		return c.Prefix
	}
	return c.Prefix + "/"
}

func (c Config) secretKey() (string, error) {
	if c.SecretKeyFile == "" {
		return c.SecretKey, nil
	}
	b, err := os.ReadFile(c.SecretKeyFile)
	if err != nil {
		return "", fmt.Errorf("read secret_key_file: %w", err)
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
