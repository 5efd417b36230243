package playback

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

// IdleEnd is how long after its last event a session can still go on: the
// recorder begins a new one then.
const IdleEnd = 30 * time.Minute

// What a browser may do with an answer without asking again. Recordings are
// asked for again soon, so that permissions, erasures and the end of their time
// count; the answer is 304 then. A file is what its hash says for good.
const (
	noStore        = "private, no-store"
	askAgain       = "private, no-cache"
	ofEndedSession = "private, max-age=300"
	ofSuggestions  = "private, max-age=60"
	ofAsset        = "private, max-age=86400, immutable"
)

// notModified sets the headers for caching and, when the caller has this
// version, answers that. An ETag is weak: the answer may be compressed.
func notModified(w http.ResponseWriter, req *http.Request, etag, control string) bool {
	h := w.Header()
	h.Set("ETag", etag)
	h.Set("Cache-Control", control)
	// Grafana replaces the Cache-Control of any resource without it.
	h.Set("X-Grafana-Cache", "y")
	if !matches(req.Header.Values("If-None-Match"), etag) {
		return false
	}
	h.Add("Vary", "Accept-Encoding")
	w.WriteHeader(http.StatusNotModified)
	return true
}

// uncached takes back what notModified set.
func uncached(h http.Header) {
	h.Del("ETag")
	h.Del("X-Grafana-Cache")
	h.Set("Cache-Control", noStore)
}

// matches reads If-None-Match (RFC 9110, 13.1.2), of which the weak comparison
// is meant.
func matches(header []string, etag string) bool {
	for _, one := range strings.Split(strings.Join(header, ","), ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}

func etagOf(content hash.Hash) string {
	return `W/"` + hex.EncodeToString(content.Sum(nil)[:16]) + `"`
}

func contentTag(content []byte) string {
	sum := sha256.New()
	sum.Write(content)
	return etagOf(sum)
}

// ofSession is how long an answer about a session counts.
func (r *Reader) ofSession(endMs int64) string {
	if r.now().Sub(time.UnixMilli(endMs)) < IdleEnd {
		return askAgain
	}
	return ofEndedSession
}

// edition makes the ETags of segments, which are made before the segments are
// read. When an answer turns out to lack what asking again could bring, all
// ETags so far lose their meaning; those of other processes never have one.
type edition struct {
	process string
	lacking atomic.Int64
}

func newEdition() *edition { return &edition{process: rand.Text()} }

func (e *edition) spoil() { e.lacking.Add(1) }

// etag tells apart what would be read for one plan and for another.
func (e *edition) etag(p *plan) string {
	sum := sha256.New()
	fmt.Fprintln(sum, e.process, e.lacking.Load())
	if k := p.keyframe; k != nil {
		fmt.Fprintln(sum, "keyframe", k.SegmentID, k.ClockOffsetMs, k.Location)
	}
	for _, list := range [][]recording.StoredSegment{p.saved, p.segments} {
		fmt.Fprintln(sum, len(list))
		for _, s := range list {
			fmt.Fprintln(sum, s.SegmentID, s.ClockOffsetMs, s.Location)
		}
	}
	return etagOf(sum)
}
