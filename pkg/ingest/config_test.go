package ingest

import (
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/playhead/playhead/pkg/recording"
)

func TestConfigFromYAML(t *testing.T) {
	const text = `
projects:
  - id: shop
    scrub: false
    keys:
      - name: web
        key: pk_0123456789abcdef
        origins: [https://shop.example.com, "http://localhost:3000"]
        quota: {bytes_per_second: 1MiB, burst_bytes: 4MiB}
      - name: old
        key: pk_fedcba9876543210
        revoked: true
limits:
  body_bytes: 1048576
journal:
  dir: /var/lib/playhead/journal
  max_bytes: 1 GiB
  commit_interval: 2ms
flush:
  pack_age: 30s
`
	got := DefaultConfig()
	if err := yaml.UnmarshalWithOptions([]byte(text), &got, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	want := DefaultConfig()
	no := false
	want.Projects = []Project{{ID: "shop", Scrub: &no, Keys: []Key{
		{
			Name: "web", Key: "pk_0123456789abcdef", Origins: []string{"https://shop.example.com", "http://localhost:3000"},
			Quota: Quota{BytesPerSecond: 1 << 20, BurstBytes: 4 << 20},
		},
		{Name: "old", Key: "pk_fedcba9876543210", Revoked: true},
	}}}
	want.Limits.BodyBytes = 1 << 20
	want.Journal.Dir, want.Journal.MaxBytes, want.Journal.CommitInterval = "/var/lib/playhead/journal", 1<<30, 2*time.Millisecond
	want.Flush.PackAge = 30 * time.Second
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDefaultConfigIsValid(t *testing.T) {
	c := DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// TestConfigMistakes: each is refused by the name that the file uses, and no
// message repeats a key.
func TestConfigMistakes(t *testing.T) {
	cases := map[string]func(*Config){
		"country_header": func(c *Config) { c.CountryHeader = "CF IPCountry:" },
		"projects[0].id": func(c *Config) { c.Projects[0].ID = "Shop" },
		"projects[1].id": func(c *Config) { c.Projects = append(c.Projects, Project{ID: testProject}) },
		"projects[0].scrub_journal": func(c *Config) {
			c.Projects[0].Scrub, c.Projects[0].ScrubJournal = new(bool), true
		},
		"projects[0].keys[0].name":              func(c *Config) { c.Projects[0].Keys[0].Name = "" },
		"projects[0].keys[0].key":               func(c *Config) { c.Projects[0].Keys[0].Key = "short-secret" },
		"projects[0].keys[1].key":               func(c *Config) { c.Projects[0].Keys[1].Key = testKey },
		"projects[0].keys[1].name":              func(c *Config) { c.Projects[0].Keys[1].Name = "golden" },
		"projects[0].keys[0].origins[0]":        func(c *Config) { c.Projects[0].Keys[0].Origins[0] = "https://shop.example.com/" },
		"projects[0].keys[1].origins[0]":        func(c *Config) { c.Projects[0].Keys[1].Origins[0] = "*" },
		"projects[0].keys[0].quota.burst_bytes": func(c *Config) { c.Projects[0].Keys[0].Quota = Quota{BytesPerSecond: 1, BurstBytes: 1000} },
		"limits.body_bytes":                     func(c *Config) { c.Limits.BodyBytes = 0 },
		"limits.decompressed_bytes":             func(c *Config) { c.Limits.DecompressedBytes = 1 << 20 },
		"limits.decompression_ratio":            func(c *Config) { c.Limits.DecompressionRatio = 0 },
		"limits.events":                         func(c *Config) { c.Limits.Events = 0 },
		"limits.event_bytes":                    func(c *Config) { c.Limits.EventBytes = 64 << 20 },
		"limits.depth":                          func(c *Config) { c.Limits.Depth = 1 << 20 },
		"journal.dir":                           func(c *Config) { c.Journal.Dir = "" },
		"journal.max_bytes":                     func(c *Config) { c.Journal.MaxBytes = 100 << 20 },
		"journal.file_bytes":                    func(c *Config) { c.Journal.FileBytes = 1 },
		"journal.max_segments":                  func(c *Config) { c.Journal.MaxSegments = 0 },
		"journal.commit_interval":               func(c *Config) { c.Journal.CommitInterval = time.Second },
		"flush.pack_bytes":                      func(c *Config) { c.Flush.PackBytes = 1 },
		"flush.pack_age":                        func(c *Config) { c.Flush.PackAge = 0 },
		"flush.grace":                           func(c *Config) { c.Flush.Grace = -1 },
	}
	for name, change := range cases {
		c := testConfig(t)
		change(&c)
		err := c.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: error %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), testKey) || strings.Contains(err.Error(), "short-secret")) {
			t.Errorf("%s: the message repeats a key", name)
		}
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{"0": 0, "2097152": 2 << 20, "2MiB": 2 << 20, "512 KiB": 512 << 10, "4GiB": 4 << 30} {
		var got Bytes
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "1.5MiB", "2MB", "MiB", "99999999999GiB"} {
		var got Bytes
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

// TestOriginSpellings: those that browsers never send are refused: they would match nothing.
func TestOriginSpellings(t *testing.T) {
	for _, origin := range []string{
		"https://shop.example.com", "http://localhost:3000", "https://shop.example.com:80", "http://127.0.0.1:8090", "http://[::1]:8090", "https://xn--mnchen-3ya.example",
	} {
		if _, err := parseOrigin(origin); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
	}
	for _, origin := range []string{
		"", "*", "null", "shop.example.com", "ftp://shop.example.com", "https://shop.example.com/", "https://u@shop.example.com", "HTTPS://shop.example.com",
		"https://*.example.com", "https://shop.example.com:443", "http://shop.example.com:80", "https://m\u00fcnchen.example",
	} {
		if _, err := parseOrigin(origin); err == nil {
			t.Errorf("%q is accepted", origin)
		}
	}
}

// What is accepted must be playable: readers take no larger segment.
func TestLimitsOfReaders(t *testing.T) {
	c := testConfig(t)
	c.Limits.DecompressedBytes = recording.MaxSegmentBytes + 1
	if err := c.Validate(); err == nil {
		t.Error("segments that no reader takes can be accepted")
	}
	c.Limits.DecompressedBytes, c.Limits.EventBytes = recording.MaxSegmentBytes, recording.MaxSegmentBytes
	if err := c.Validate(); err == nil {
		t.Error("an imported event can make a segment that no reader takes")
	}
	c.Limits.EventBytes--
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}
