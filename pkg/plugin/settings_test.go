package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

const minimal = `{"project":"shop","clickhouse":{"addresses":["ch:9000"]},"objectStorage":{"endpoint":"s3:9000","bucket":"playhead"}}`

func TestSettingsDefaults(t *testing.T) {
	s, err := ParseSettings(backend.DataSourceInstanceSettings{JSONData: []byte(minimal)})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{s.ClickHouse.Protocol, s.ClickHouse.Database, s.ClickHouse.Username, s.ObjectStorage.Region, s.Logs.Selector, s.SessionAttribute}
	want := []string{"native", "playhead", "default", "us-east-1", `{service_name=~".+"}`, "session.id"}
	if !slices.Equal(got, want) {
		t.Errorf("defaults %q, want %q", got, want)
	}
	if !s.ObjectStorage.TLS || s.ClickHouse.TLS || s.ObjectStorage.PathStyle {
		t.Errorf("TLS is the default of object storage, not of ClickHouse: %+v", s)
	}
}

// The example of docs/provision.md, spelled as JSON.
func TestSettingsWhole(t *testing.T) {
	s, err := ParseSettings(backend.DataSourceInstanceSettings{
		JSONData: []byte(`{"project":"shop",
			"clickhouse":{"protocol":"http","addresses":["a:1","b:2"],"database":"d","username":"u","tls":true,"tlsSkipVerify":true},
			"objectStorage":{"endpoint":"s3:9000","region":"eu-1","bucket":"b","prefix":"p","pathStyle":true,"tls":false,"accessKey":"ak"},
			"traces":{"uid":"tempo","name":"Tempo"},"logs":{"uid":"loki","name":"Loki","selector":"{app=\"shop\"}"},
			"sessionAttribute":"app.session","enableSecureSocksProxy":false,"keepCookies":[]}`),
		DecryptedSecureJSONData: map[string]string{"clickhousePassword": "pw", "objectStorageSecretKey": "sk"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Project:          "shop",
		ClickHouse:       ClickHouseSettings{"http", []string{"a:1", "b:2"}, "d", "u", "pw", true, true},
		ObjectStorage:    ObjectStorageSettings{"s3:9000", "eu-1", "b", "p", true, false, false, "ak", "sk"},
		Traces:           TracesSettings{UID: "tempo", Name: "Tempo"},
		Logs:             LogsSettings{UID: "loki", Name: "Loki", Selector: `{app="shop"}`},
		SessionAttribute: "app.session",
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}

func TestSettingsRefusedByName(t *testing.T) {
	change := func(from, to string) string { return strings.Replace(minimal, from, to, 1) }
	for name, test := range map[string]struct {
		json   string
		secure map[string]string
		want   []string
	}{
		"nothing":            {"{}", nil, []string{"project", "clickhouse.addresses", "objectStorage.endpoint", "objectStorage.bucket"}},
		"no settings at all": {"", nil, []string{"project", "clickhouse.addresses", "objectStorage.endpoint", "objectStorage.bucket"}},
		"not an object":      {`[]`, nil, []string{""}},
		"not JSON":           {`{"project":`, nil, []string{"jsonData"}},
		"wrong type":         {change(`["ch:9000"]`, `"ch:9000"`), nil, []string{"clickhouse.addresses"}},
		"project":            {change(`"shop"`, `"My Shop"`), nil, []string{"project"}},
		"address":            {change(`"ch:9000"`, `"ch:9000","http://ch"`), nil, []string{"clickhouse.addresses[1]"}},
		"protocol":           {change(`{"addresses"`, `{"protocol":"tcp","addresses"`), nil, []string{"clickhouse.protocol"}},
		"database":           {change(`{"addresses"`, `{"database":"a b","addresses"`), nil, []string{"clickhouse.database"}},
		"skip without TLS":   {change(`{"addresses"`, `{"tlsSkipVerify":true,"addresses"`), nil, []string{"clickhouse.tls"}},
		"scheme":             {change(`"s3:9000"`, `"http://s3:9000"`), nil, []string{"objectStorage.endpoint"}},
		"key without secret": {change(`"bucket"`, `"accessKey":"ak","bucket"`), nil, []string{"objectStorageSecretKey"}},
		"secret without key": {minimal, map[string]string{"objectStorageSecretKey": "hush"}, []string{"objectStorage.accessKey"}},
		"authorities":        {minimal, map[string]string{"tlsCACert": "hush"}, []string{"tlsCACert"}},
		"selector":           {change(`}}`, `},"logs":{"selector":"app"}}`), nil, []string{"logs.selector"}},
		"attribute":          {change(`}}`, `},"sessionAttribute":"a\" || true"}`), nil, []string{"sessionAttribute"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseSettings(backend.DataSourceInstanceSettings{JSONData: []byte(test.json), DecryptedSecureJSONData: test.secure})
			var fields []string
			for _, one := range unjoin(err) {
				var setting *SettingError
				if !errors.As(one, &setting) {
					t.Fatalf("%v is no SettingError", one)
				}
				fields = append(fields, setting.Field)
			}
			if !slices.Equal(fields, test.want) {
				t.Errorf("refused %q, want %q: %v", fields, test.want, err)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("%v tells a secret", err)
			}
		})
	}
}

func unjoin(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if err == nil {
			return nil
		}
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, unjoin(one)...)
	}
	return all
}

func TestSecretsDoNotShow(t *testing.T) {
	s := Settings{ClickHouse: ClickHouseSettings{Password: "hush-1"}, ObjectStorage: ObjectStorageSettings{SecretKey: "hush-2"}}
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", s), string(encoded), s.redact("denied hush-1 for hush-2")} {
		if strings.Contains(shown, "hush") {
			t.Errorf("%s tells a secret", shown)
		}
	}
}
