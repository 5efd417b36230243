package segment

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/recording"
)

const (
	keyVersion = "v1"
	keySuffix  = ".pack"
	keyTime    = "2006/01/02/15" // UTC, of the ULID
)

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
	if !classPattern.MatchString(class) {
		return "", "", &recording.FieldError{Field: "class", Limit: classPattern.String()}
	}
	return p, recording.Class(class), nil
}
