package ingest

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

// Config is the part of playhead.yaml that ingest reads. Begin with
// DefaultConfig, so that what the file leaves out has its default.
type Config struct {
	// Projects says who may send, and from where.
	Projects []Project `yaml:"projects"`

	// SessionTokens says what session tokens are made with.
	SessionTokens SessionTokens `yaml:"session_tokens"`

	// Limits bound one request; beyond them it is refused (docs/format/wire-v1.md).
	Limits Limits `yaml:"limits"`

	// Connections bounds what clients cost before they have sent anything.
	Connections Connections `yaml:"connections"`

	// Journal says where acknowledged segments wait for the stores.
	Journal Journal `yaml:"journal"`

	// Flush says when waiting segments become a pack.
	Flush Flush `yaml:"flush"`

	// Insight bounds what finding out about sessions costs.
	Insight Insight `yaml:"insight"`

	// CountryHeader names a request header in which a proxy says in which
	// country the sender is, as two letters: CF-IPCountry. Only a proxy that
	// sets it itself may be believed. Empty (default): countries are not known.
	CountryHeader string `yaml:"country_header"`
}

// Project is what write keys belong to. Recordings of one project are never
// seen in another.
type Project struct {
	// ID: 1 to 63 characters of a-z, 0-9 and "-". It is part of object keys
	// and cannot be changed later.
	ID recording.ProjectID `yaml:"id"`

	// Scrub replaces card numbers, e-mail addresses and tokens in events by
	// asterisks before anything is stored. Default true.
	Scrub *bool `yaml:"scrub"`

	// ScrubJournal does it before a segment reaches the journal, too, and so
	// before it is acknowledged, which then costs more processor time. Without
	// it the journal, a folder of this server, holds what browsers sent, as
	// they sent it, for the seconds until it is stored, or as long as the
	// stores are away. Default false; needs Scrub.
	ScrubJournal bool `yaml:"scrub_journal"`

	// SessionTokens is TokensRequired (default) or TokensOff.
	SessionTokens TokenPolicy `yaml:"session_tokens"`

	// Recording is what recorders are told by GET /v1/config.
	Recording Recording `yaml:"recording"`

	// Keys are the write keys. They can only write; they appear in the pages
	// that are recorded.
	Keys []Key `yaml:"keys"`
}

// Recording is what a project wants of its recorders. What it leaves out is
// decided by the page.
type Recording struct {
	// SampleRate is the share of the sessions that are recorded, 0 to 1.
	SampleRate *float64 `yaml:"sample_rate"`

	// PrivacyMode is mask-inputs, mask-all or mask-none.
	PrivacyMode string `yaml:"privacy_mode"`
}

func (r *Recording) validate(at string) []error {
	var errs []error
	if rate := r.SampleRate; rate != nil && !(*rate >= 0 && *rate <= 1) {
		errs = append(errs, fmt.Errorf("%s.recording.sample_rate: must be between 0 and 1", at))
	}
	switch r.PrivacyMode {
	case "", "mask-inputs", "mask-all", "mask-none":
	default:
		errs = append(errs, fmt.Errorf("%s.recording.privacy_mode: must be mask-inputs, mask-all or mask-none", at))
	}
	return errs
}

// TokenPolicy says whether uploads must carry the token of their session.
type TokenPolicy string

// The policies. TokensOff lets whoever knows a write key and the id of a
// session add to that session.
const (
	TokensRequired TokenPolicy = "required"
	TokensOff      TokenPolicy = "off"
)

// SessionTokens says what session tokens are made with.
type SessionTokens struct {
	// SecretFile holds a secret per line: tokens are made with the first and
	// accepted from each. It is written when it is absent. Servers that stand
	// behind one address need the same content. Empty: a secret that ends with
	// the process.
	SecretFile string `yaml:"secret_file"`
}

// Key is a write key.
type Key struct {
	// Name tells a project's keys apart in metrics, where the key itself never
	// appears.
	Name string `yaml:"name"`

	// Key is the secret itself, 16 to 256 characters without spaces.
	Key WriteKey `yaml:"key"`

	// Origins are the web origins whose pages may use the key, such as
	// https://shop.example.com. A browser elsewhere is refused; a sender that
	// is no browser (no Origin header) needs the key only.
	Origins []string `yaml:"origins"`

	// Revoked refuses the key and keeps its name.
	Revoked bool `yaml:"revoked"`

	// Quota bounds what the key may send. Default: no bound.
	Quota Quota `yaml:"quota"`
}

// WriteKey is a key that hides itself when it is printed or logged.
type WriteKey string

// String hides the key.
func (WriteKey) String() string { return "[write key]" }

// GoString hides the key.
func (k WriteKey) GoString() string { return k.String() }

// MarshalText hides the key.
func (k WriteKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Quota is a token bucket over request bodies as sent. Zero means no bound.
type Quota struct {
	// BytesPerSecond is the lasting rate.
	BytesPerSecond Bytes `yaml:"bytes_per_second"`

	// BurstBytes is what may come at once, and the size of the largest asset.
	// At least limits.body_bytes; default ten seconds' worth, and at least
	// limits.body_bytes.
	BurstBytes Bytes `yaml:"burst_bytes"`

	// UploadsAtOnce bounds the uploads under way, so that one key cannot take
	// all the memory and connections. Default 512.
	UploadsAtOnce int `yaml:"uploads_at_once"`
}

// Limits bound one request.
type Limits struct {
	// BodyBytes is the size of a body as sent. Default 8MiB.
	BodyBytes Bytes `yaml:"body_bytes"`

	// DecompressedBytes is the size of a body after decompression. Default
	// 32MiB.
	DecompressedBytes Bytes `yaml:"decompressed_bytes"`

	// DecompressionRatio is how much larger a body may become by
	// decompression, once it is larger than 64 KiB. Default 200.
	DecompressionRatio int `yaml:"decompression_ratio"`

	// Events is the number of events in a segment. Default 10000.
	Events int `yaml:"events"`

	// EventBytes is the size of one event; a full snapshot is one. Default 24MiB.
	EventBytes Bytes `yaml:"event_bytes"`

	// Depth is the nesting of one event's JSON. Default 128.
	Depth int `yaml:"depth"`

	// AssetBytes is the size of an asset. Default 4MiB.
	AssetBytes Bytes `yaml:"asset_bytes"`
}

// Connections bounds what clients cost before they have sent anything.
type Connections struct {
	// Max is how many may be open; each takes about 20 KiB. Beyond it those
	// that do nothing, or do it slowest, are closed. It is less when the
	// process may not open as many files. Default 4096.
	Max int `yaml:"max"`
}

// Journal says where acknowledged segments wait.
type Journal struct {
	// Dir is a folder on a local disk that no other server uses. Default
	// "journal".
	Dir string `yaml:"dir"`

	// MaxBytes bounds the folder: when the stores are away for so long that
	// it is reached, the server answers 503. The seals of packs, 12 bytes a
	// segment, come on top. Default 4GiB.
	MaxBytes Bytes `yaml:"max_bytes"`

	// FileBytes is the size at which a new file is begun. Default 64MiB.
	FileBytes Bytes `yaml:"file_bytes"`

	// MaxSegments bounds the segments that wait, each of which takes about
	// 45 bytes of memory. Default 1000000.
	MaxSegments int `yaml:"max_segments"`

	// MinFreeBytes is left free on the disk. Default 64MiB.
	MinFreeBytes Bytes `yaml:"min_free_bytes"`

	// CommitInterval is the shortest time between two fsyncs on the average;
	// under load, all segments that arrive in it share one. Twenty may follow
	// each other at once, so that nobody waits for it where there are few. 0 to
	// 10ms, default 2ms.
	CommitInterval time.Duration `yaml:"commit_interval"`
}

// Insight bounds what finding out about sessions costs.
type Insight struct {
	// DocumentBytes is the memory for the documents of windows that are being
	// recorded. What does not fit is read back from the stores when it is its
	// turn. Default 32MiB.
	DocumentBytes Bytes `yaml:"document_bytes"`

	// CopiesBytes is the room in the journal's folder for copies of the packs
	// that were stored last, at most half an hour ago, from which windows are
	// read back; 0 reads object storage. Default 256MiB.
	CopiesBytes Bytes `yaml:"copies_bytes"`
}

// Flush says when waiting segments become a pack.
type Flush struct {
	// PackBytes is the size at which a pack is closed. Above 12MiB the frames of
	// packs wait in files in the journal's folder. Default 8MiB.
	PackBytes Bytes `yaml:"pack_bytes"`

	// PackAge is how long a segment waits for its pack to fill. Default 10s.
	PackAge time.Duration `yaml:"pack_age"`

	// Grace is how long a stopping server may take to finish requests and to
	// store what waits. What is not stored then stays in the journal. Default
	// 20s.
	Grace time.Duration `yaml:"grace"`
}

// DefaultConfig returns the defaults, without projects.
func DefaultConfig() Config {
	return Config{
		Limits: Limits{
			BodyBytes: 8 << 20, DecompressedBytes: 32 << 20, DecompressionRatio: 200,
			Events: 10_000, EventBytes: 24 << 20, Depth: 128, AssetBytes: 4 << 20,
		},
		Connections: Connections{Max: 4096},
		Journal: Journal{
			Dir: "journal", MaxBytes: 4 << 30, FileBytes: 64 << 20, MaxSegments: 1_000_000,
			MinFreeBytes: 64 << 20, CommitInterval: 2 * time.Millisecond,
		},
		Flush:   Flush{PackBytes: 8 << 20, PackAge: 10 * time.Second, Grace: 20 * time.Second},
		Insight: Insight{DocumentBytes: 32 << 20, CopiesBytes: 256 << 20},
	}
}

// Validate says what is wrong with the configuration, all of it at once, by
// the names that playhead.yaml uses. It never repeats a write key.
func (c *Config) Validate() error {
	var errs []error
	errs = append(errs, c.validateProjects()...)
	errs = append(errs, c.Limits.validate()...)
	if c.Connections.Max < 1 || c.Connections.Max > 1_000_000 {
		errs = append(errs, errors.New("connections.max: must be between 1 and 1000000"))
	}
	errs = append(errs, c.Journal.validate()...)
	errs = append(errs, c.Flush.validate()...)
	if c.Insight.DocumentBytes < 1<<20 || c.Insight.DocumentBytes > 64<<30 {
		errs = append(errs, fmt.Errorf("insight.document_bytes: must be between %d and %d", 1<<20, int64(64)<<30))
	}
	if c.Insight.CopiesBytes < 0 || c.Insight.CopiesBytes > 1<<40 {
		errs = append(errs, fmt.Errorf("insight.copies_bytes: must be between 0 and %d", int64(1)<<40))
	}
	if strings.Trim(strings.ToLower(c.CountryHeader), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		errs = append(errs, errors.New("country_header: must be the name of a header, such as CF-IPCountry"))
	}
	return errors.Join(errs...)
}

func (c *Config) validateProjects() []error {
	var errs []error
	projects := map[recording.ProjectID]bool{}
	keys := map[WriteKey]bool{}
	for i, p := range c.Projects {
		at := fmt.Sprintf("projects[%d]", i)
		if _, err := recording.ParseProjectID(string(p.ID)); err != nil {
			errs = append(errs, fmt.Errorf("%s.id: %w", at, err))
		}
		if projects[p.ID] {
			errs = append(errs, fmt.Errorf("%s.id: %q is used twice", at, p.ID))
		}
		projects[p.ID] = true
		if p.ScrubJournal && p.Scrub != nil && !*p.Scrub {
			errs = append(errs, fmt.Errorf("%s.scrub_journal: needs scrub", at))
		}
		switch p.SessionTokens {
		case "", TokensRequired, TokensOff:
		default:
			errs = append(errs, fmt.Errorf("%s.session_tokens: must be %s or %s", at, TokensRequired, TokensOff))
		}
		errs = append(errs, p.Recording.validate(at)...)
		names := map[string]bool{}
		for k := range p.Keys {
			key := &p.Keys[k]
			at := fmt.Sprintf("%s.keys[%d]", at, k)
			if keys[key.Key] {
				errs = append(errs, fmt.Errorf("%s.key: the same key is used twice", at))
			}
			keys[key.Key] = true
			if names[key.Name] {
				errs = append(errs, fmt.Errorf("%s.name: %q is used twice", at, key.Name))
			}
			names[key.Name] = true
			errs = append(errs, key.validate(at, c.Limits.BodyBytes)...)
		}
	}
	return errs
}

func (k *Key) validate(at string, bodyBytes Bytes) []error {
	var errs []error
	if k.Name == "" {
		errs = append(errs, fmt.Errorf("%s.name: must not be empty", at))
	}
	if n := len(k.Key); n < 16 || n > 256 || strings.ContainsAny(string(k.Key), " \t\r\n") {
		errs = append(errs, fmt.Errorf("%s.key: must have 16 to 256 characters without spaces", at))
	}
	for i, origin := range k.Origins {
		if _, err := parseOrigin(origin); err != nil {
			errs = append(errs, fmt.Errorf("%s.origins[%d]: %w", at, i, err))
		}
	}
	q := k.Quota
	if q.BytesPerSecond < 0 {
		errs = append(errs, fmt.Errorf("%s.quota.bytes_per_second: must not be negative", at))
	}
	// A body larger than the burst could be sent again for ever.
	if q.BurstBytes != 0 && q.BurstBytes < bodyBytes {
		errs = append(errs, fmt.Errorf("%s.quota.burst_bytes: must be at least limits.body_bytes (%d)", at, bodyBytes))
	}
	if q.UploadsAtOnce < 0 {
		errs = append(errs, fmt.Errorf("%s.quota.uploads_at_once: must not be negative", at))
	}
	if q.BurstBytes != 0 && q.BytesPerSecond == 0 {
		errs = append(errs, fmt.Errorf("%s.quota.burst_bytes: needs bytes_per_second", at))
	}
	return errs
}

func (l *Limits) validate() []error {
	var errs []error
	within := func(name string, value, low, high int64) {
		if value < low || value > high {
			errs = append(errs, fmt.Errorf("limits.%s: must be between %d and %d", name, low, high))
		}
	}
	within("body_bytes", int64(l.BodyBytes), 1<<10, recording.MaxSegmentBytes)
	within("decompressed_bytes", int64(l.DecompressedBytes), int64(l.BodyBytes), recording.MaxSegmentBytes)
	within("decompression_ratio", int64(l.DecompressionRatio), 1, 100_000)
	within("events", int64(l.Events), 1, 1_000_000)
	// A segment of one event has a newline too.
	within("event_bytes", int64(l.EventBytes), 1<<10, min(int64(l.DecompressedBytes), recording.MaxSegmentBytes-1))
	within("asset_bytes", int64(l.AssetBytes), 1<<10, segment.MaxAssetBytes)
	// Validation recurses once per level.
	within("depth", int64(l.Depth), 8, 10_000)
	return errs
}

func (j *Journal) validate() []error {
	var errs []error
	if j.Dir == "" || filepath.Clean(j.Dir) == "/" {
		errs = append(errs, errors.New("journal.dir: must name a folder"))
	}
	// Offsets in the journal have 32 bits, with room for the last group.
	if j.FileBytes < 64<<10 || j.FileBytes > 1<<30 {
		errs = append(errs, fmt.Errorf("journal.file_bytes: must be between %d and %d", 64<<10, 1<<30))
	}
	if j.MaxBytes < 2*j.FileBytes {
		errs = append(errs, errors.New("journal.max_bytes: must be at least twice journal.file_bytes"))
	}
	if j.MaxSegments < 1 {
		errs = append(errs, errors.New("journal.max_segments: must be at least 1"))
	}
	if j.MinFreeBytes < 0 {
		errs = append(errs, errors.New("journal.min_free_bytes: must not be negative"))
	}
	if j.CommitInterval < 0 || j.CommitInterval > 10*time.Millisecond {
		errs = append(errs, errors.New("journal.commit_interval: must be between 0 and 10ms"))
	}
	return errs
}

func (f *Flush) validate() []error {
	var errs []error
	if f.PackBytes < 64<<10 || f.PackBytes > 64<<20 {
		errs = append(errs, fmt.Errorf("flush.pack_bytes: must be between %d and %d", 64<<10, 64<<20))
	}
	if f.PackAge < 10*time.Millisecond || f.PackAge > 10*time.Minute {
		errs = append(errs, errors.New("flush.pack_age: must be between 10ms and 10m"))
	}
	if f.Grace < 0 || f.Grace > 10*time.Minute {
		errs = append(errs, errors.New("flush.grace: must be between 0 and 10m"))
	}
	return errs
}

// parseOrigin checks an origin as browsers send it (RFC 6454) and returns its
// spelling in lower case.
func parseOrigin(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", errors.New("must be scheme://host[:port] with http or https")
	}
	if origin := u.Scheme + "://" + u.Host; origin != s {
		return "", errors.New("must be scheme://host[:port], the scheme in lower case, and nothing after it")
	}
	// Browsers send none of these, so that the origin would never match.
	if strings.Contains(u.Host, "*") {
		return "", errors.New("must name one host: there are no wildcards")
	}
	if (u.Scheme == "http" && u.Port() == "80") || (u.Scheme == "https" && u.Port() == "443") {
		return "", errors.New("must not name the default port, which browsers leave out")
	}
	if strings.ContainsFunc(u.Host, func(r rune) bool { return r > unicode.MaxASCII }) {
		return "", errors.New("must name the host in ASCII, as browsers do: xn--…")
	}
	return strings.ToLower(s), nil
}

// Bytes is a number of bytes. In YAML it is a number, or one with the unit
// KiB, MiB or GiB.
type Bytes int64

// UnmarshalText reads "2097152", "2048KiB" or "2MiB".
func (b *Bytes) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	shift := 0
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if number, ok := strings.CutSuffix(s, unit); ok {
			s, shift = strings.TrimSpace(number), 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<62>>shift {
		// The value tells where in the file: the decoder does not.
		return fmt.Errorf("%q must be a number of bytes, such as 2097152 or 2MiB", text)
	}
	*b = Bytes(n << shift)
	return nil
}
