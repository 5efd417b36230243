package segment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/recording"
)

const (
	keyVersion = "v1"
	keySuffix  = ".pack"
	keyTime    = "2006/01/02/15" // UTC, of the ULID

	dictionaryFolder = "dictionary"
	dictionarySuffix = ".dict"
)

// SiteSuffix ends the keys of SiteKey, and no others.
const SiteSuffix = ".site"

// reserved are the folders of a project that hold no packs.
var reserved = []string{dictionaryFolder, assetFolder}

// A class is a path element and a ClickHouse value; the pattern is that of a
// project without its length of a host name.
var classPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// PackKey returns the object key of a pack:
// v1/<project>/<class>/<yyyy>/<mm>/<dd>/<hh>/<ulid>.pack, with the time of the
// ULID in UTC.
func PackKey(project recording.ProjectID, class recording.Class, id ulid.ULID) string {
	hour := ulid.Time(id.Time()).UTC().Format(keyTime)
	return strings.Join([]string{keyVersion, string(project), string(class), hour, id.String() + keySuffix}, "/")
}

// ProjectPrefix returns what the keys of all objects of a project begin with;
// without a project, those of every object.
func ProjectPrefix(project recording.ProjectID) string {
	if project == "" {
		return keyVersion + "/"
	}
	return keyVersion + "/" + string(project) + "/"
}

// ParsePackKey takes a key of PackKey apart. Any other spelling is refused
// with ErrKey, so that a pack has one key only.
func ParsePackKey(key string) (recording.ProjectID, recording.Class, ulid.ULID, error) {
	parts := strings.Split(key, "/")
	if len(parts) != 8 {
		return "", "", ulid.ULID{}, fmt.Errorf("%w: %d path elements, want 8", ErrKey, len(parts))
	}
	project, class, err := parseOwner(parts[1], parts[2])
	if err != nil {
		return "", "", ulid.ULID{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	id, err := ulid.ParseStrict(strings.TrimSuffix(parts[7], keySuffix))
	if err != nil {
		return "", "", ulid.ULID{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if PackKey(project, class, id) != key {
		return "", "", ulid.ULID{}, fmt.Errorf("%w: version, hour or suffix", ErrKey)
	}
	return project, class, id, nil
}

func parseOwner(project, class string) (recording.ProjectID, recording.Class, error) {
	p, err := recording.ParseProjectID(project)
	if err != nil {
		return "", "", err
	}
	if !classPattern.MatchString(class) || slices.Contains(reserved, class) {
		return "", "", &recording.FieldError{Field: "class", Limit: classPattern.String()}
	}
	return p, recording.Class(class), nil
}

// DictionaryPrefix returns what the keys of a project's dictionaries and sites
// begin with.
func DictionaryPrefix(project recording.ProjectID) string {
	return strings.Join([]string{keyVersion, string(project), dictionaryFolder, ""}, "/")
}

// DictionaryKey returns the object key of a dictionary:
// v1/<project>/dictionary/<id>.dict. It does not name the site, so that a frame
// can be read by what its pack says of it.
func DictionaryKey(project recording.ProjectID, id recording.DictionaryID) string {
	return DictionaryPrefix(project) + string(id) + dictionarySuffix
}

// ParseDictionaryKey takes a key of DictionaryKey apart. Any other spelling is
// refused with ErrKey.
func ParseDictionaryKey(key string) (recording.ProjectID, recording.DictionaryID, error) {
	parts := strings.Split(key, "/")
	if len(parts) != 4 {
		return "", "", fmt.Errorf("%w: %d path elements, want 4", ErrKey, len(parts))
	}
	project, err := recording.ParseProjectID(parts[1])
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrKey, err)
	}
	id := recording.DictionaryID(strings.TrimSuffix(parts[3], dictionarySuffix))
	if !dictionaryIDPattern.MatchString(string(id)) || DictionaryKey(project, id) != key {
		return "", "", fmt.Errorf("%w: version, folder, id or suffix", ErrKey)
	}
	return project, id, nil
}

// SiteKey returns the key of the object that says which dictionary of a site is
// the current one: v1/<project>/dictionary/<16 hex digits>.site, the first of
// the SHA-256 of the site.
func SiteKey(project recording.ProjectID, site string) string {
	sum := sha256.Sum256([]byte(site))
	return DictionaryPrefix(project) + hex.EncodeToString(sum[:8]) + SiteSuffix
}
