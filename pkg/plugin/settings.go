package plugin

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/playhead/playhead/pkg/links"
	"github.com/playhead/playhead/pkg/recording"
)

// Settings are a data source's settings. The JSON names, their defaults and
// their meaning are in docs/provision.md.
type Settings struct {
	Project          recording.ProjectID   `json:"project"`
	ClickHouse       ClickHouseSettings    `json:"clickhouse"`
	ObjectStorage    ObjectStorageSettings `json:"objectStorage"`
	Traces           TracesSettings        `json:"traces"`
	Logs             LogsSettings          `json:"logs"`
	SessionAttribute string                `json:"sessionAttribute"`

	// Authorities are trusted besides the system's by both stores; nil when
	// none are given.
	Authorities *x509.CertPool `json:"-"`
}

// ClickHouseSettings say where the index is.
type ClickHouseSettings struct {
	Protocol      string   `json:"protocol"` // "native" or "http"
	Addresses     []string `json:"addresses"`
	Database      string   `json:"database"`
	Username      string   `json:"username"`
	Password      Secret   `json:"-"`
	TLS           bool     `json:"tls"`
	TLSSkipVerify bool     `json:"tlsSkipVerify"`
}

// ObjectStorageSettings say where the packs are.
type ObjectStorageSettings struct {
	Endpoint      string `json:"endpoint"` // host:port
	Region        string `json:"region"`
	Bucket        string `json:"bucket"`
	Prefix        string `json:"prefix"`
	PathStyle     bool   `json:"pathStyle"`
	TLS           bool   `json:"tls"`
	TLSSkipVerify bool   `json:"tlsSkipVerify"`
	AccessKey     string `json:"accessKey"`
	SecretKey     Secret `json:"-"`
}

// TracesSettings name the data source with the traces; without a type, Tempo.
type TracesSettings struct {
	UID  string `json:"uid"`
	Name string `json:"name"`
	Type string `json:"type"` // plugin id
}

// LogsSettings name the data source with the logs; without a type, Loki.
type LogsSettings struct {
	UID      string `json:"uid"`
	Name     string `json:"name"`
	Type     string `json:"type"` // plugin id
	Selector string `json:"selector"`
}

// Secret is a text that neither logs nor errors show.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// GoString hides the secret.
func (s Secret) GoString() string { return s.String() }

// Reveal returns the secret.
func (s Secret) Reveal() string { return string(s) }

// MarshalJSON hides the secret.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// SettingError says which setting cannot work, and by which rule.
type SettingError struct {
	Field string
	Rule  string
}

func (e *SettingError) Error() string { return e.Field + " " + e.Rule }

// The names of the secure settings.
const (
	settingPassword    = "clickhousePassword"
	settingSecretKey   = "objectStorageSecretKey"
	settingAuthorities = "tlsCACert"
)

// Defaults of docs/provision.md.
const (
	defaultDatabase  = "playhead"
	defaultUsername  = "default"
	defaultProtocol  = "native"
	defaultRegion    = "us-east-1"
	defaultSelector  = `{service_name=~".+"}`
	defaultAttribute = "session.id"
)

// ParseSettings reads and checks the settings of a data source. Its error
// joins one SettingError for every setting that cannot work.
func ParseSettings(instance backend.DataSourceInstanceSettings) (Settings, error) {
	s := Settings{ObjectStorage: ObjectStorageSettings{TLS: true}}
	if len(instance.JSONData) > 0 {
		if err := json.Unmarshal(instance.JSONData, &s); err != nil {
			return Settings{}, typeError(err)
		}
	}
	s.ClickHouse.Password = Secret(instance.DecryptedSecureJSONData[settingPassword])
	s.ObjectStorage.SecretKey = Secret(instance.DecryptedSecureJSONData[settingSecretKey])
	s.setDefaults()

	var authorities error
	if pem := instance.DecryptedSecureJSONData[settingAuthorities]; pem != "" {
		s.Authorities, authorities = parseAuthorities(pem)
	}
	return s, errors.Join(s.validate(), authorities)
}

// typeError names the setting whose JSON is of the wrong type. The JSON itself
// is left out of the error.
func typeError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return &SettingError{wrong.Field, "must not be a " + wrong.Value}
	}
	return &SettingError{"jsonData", "must be a JSON object"}
}

func parseAuthorities(pem string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificate authorities: %w", err)
	}
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		return nil, &SettingError{settingAuthorities, "must hold certificates in PEM"}
	}
	return pool, nil
}

func (s *Settings) setDefaults() {
	for field, value := range map[*string]string{
		&s.ClickHouse.Protocol:  defaultProtocol,
		&s.ClickHouse.Database:  defaultDatabase,
		&s.ClickHouse.Username:  defaultUsername,
		&s.ObjectStorage.Region: defaultRegion,
		&s.Logs.Selector:        defaultSelector,
		&s.SessionAttribute:     defaultAttribute,
	} {
		if *field == "" {
			*field = value
		}
	}
}

var (
	// What a span attribute may be called without quoting it in TraceQL.
	attributePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
	selectorPattern  = regexp.MustCompile(`^\{[^{}]*\}$`)
	databasePattern  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func (s *Settings) validate() error {
	var errs []error
	refuse := func(field, rule string) { errs = append(errs, &SettingError{field, rule}) }

	if _, err := recording.ParseProjectID(string(s.Project)); err != nil {
		refuse("project", ruleOf(err))
	}
	if p := s.ClickHouse.Protocol; p != "native" && p != "http" {
		refuse("clickhouse.protocol", "must be native or http")
	}
	if len(s.ClickHouse.Addresses) == 0 {
		refuse("clickhouse.addresses", "must name at least one host:port")
	}
	for i, address := range s.ClickHouse.Addresses {
		if !isHostPort(address) {
			refuse(fmt.Sprintf("clickhouse.addresses[%d]", i), "must be host:port")
		}
	}
	if !databasePattern.MatchString(s.ClickHouse.Database) {
		refuse("clickhouse.database", "must match "+databasePattern.String())
	}
	if s.ObjectStorage.Endpoint == "" || strings.Contains(s.ObjectStorage.Endpoint, "/") {
		refuse("objectStorage.endpoint", "must be host or host:port, without a scheme")
	}
	if s.ClickHouse.TLSSkipVerify && !s.ClickHouse.TLS {
		refuse("clickhouse.tls", "must be true with clickhouse.tlsSkipVerify")
	}
	if s.ObjectStorage.TLSSkipVerify && !s.ObjectStorage.TLS {
		refuse("objectStorage.tls", "must be true with objectStorage.tlsSkipVerify")
	}
	if s.ObjectStorage.Bucket == "" {
		refuse("objectStorage.bucket", "is required")
	}
	if s.ObjectStorage.AccessKey != "" && s.ObjectStorage.SecretKey == "" {
		refuse(settingSecretKey, "is required with objectStorage.accessKey")
	}
	if s.ObjectStorage.AccessKey == "" && s.ObjectStorage.SecretKey != "" {
		refuse("objectStorage.accessKey", "is required with "+settingSecretKey)
	}
	if !selectorPattern.MatchString(s.Logs.Selector) {
		refuse("logs.selector", `must be one stream selector, as {app="shop"}`)
	}
	if !attributePattern.MatchString(s.SessionAttribute) {
		refuse("sessionAttribute", "must match "+attributePattern.String())
	}
	return errors.Join(errs...)
}

func ruleOf(err error) string {
	var field *recording.FieldError
	if errors.As(err, &field) {
		return "must match " + field.Limit
	}
	return err.Error()
}

func isHostPort(address string) bool {
	host, port, err := net.SplitHostPort(address)
	return err == nil && host != "" && port != "" && !strings.ContainsAny(address, "/@?#")
}

// redact takes the secrets out of a text that came from elsewhere.
func (s *Settings) redact(text string) string {
	for _, secret := range []Secret{s.ClickHouse.Password, s.ObjectStorage.SecretKey} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret.Reveal(), secret.String())
		}
	}
	return text
}

// linksOf says where the links of a data source's frames lead.
func (s *Settings) linksOf(self links.Source) links.Config {
	return links.Config{
		Self:      self,
		Traces:    links.Source{UID: s.Traces.UID, Name: s.Traces.Name, Type: s.Traces.Type},
		Logs:      links.Logs{Source: links.Source{UID: s.Logs.UID, Name: s.Logs.Name, Type: s.Logs.Type}, Selector: s.Logs.Selector},
		Attribute: s.SessionAttribute,
	}
}
