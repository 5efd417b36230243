package clickhouse

import (
	"math"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

// never is the last time that a DateTime column holds, in 2106.
var never = time.Unix(math.MaxUint32, 0).UTC()

// expiry is when the rows of a segment may go: the first midnight (UTC) after
// they have been kept as long as their class is. All that a server received on
// one day expires at once, so that the database can remove whole files.
func (x *Index) expiry(class recording.Class, receivedMs int64) time.Time {
	kept, limited := x.cfg.Retention[class]
	if !limited {
		return never
	}
	const day = 24 * time.Hour
	at := timeOf(receivedMs).UTC().Add(kept).Truncate(day).Add(day)
	if at.After(never) {
		return never
	}
	return at
}
