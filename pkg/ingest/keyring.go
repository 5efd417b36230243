package ingest

import (
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

var (
	errKey    = errors.New("the write key is missing, unknown or revoked")
	errOrigin = errors.New("the origin is not allowed for this write key")
)

// project is what the hot path needs to know of a configured project.
type project struct {
	id           recording.ProjectID
	scrub        bool
	scrubJournal bool // before the journal already
}

// credential is what a valid write key gives.
type credential struct {
	project *project
	name    string
	origins map[string]bool
	revoked bool
	quota   *bucket // nil: no bound
}

// keyring finds credentials by key. Keys are looked up by their SHA-256, so
// that the time a look-up takes says nothing about keys that exist.
type keyring struct {
	byHash  map[[sha256.Size]byte]*credential
	origins map[string]bool // of all keys, revoked ones too
}

func newKeyring(projects []Project, bodyBytes Bytes, now time.Time) (*keyring, map[recording.ProjectID]*project, error) {
	r := &keyring{byHash: map[[sha256.Size]byte]*credential{}, origins: map[string]bool{}}
	byID := map[recording.ProjectID]*project{}
	for _, p := range projects {
		known := &project{id: p.ID, scrub: p.Scrub == nil || *p.Scrub, scrubJournal: p.ScrubJournal}
		byID[p.ID] = known
		for _, k := range p.Keys {
			c := &credential{project: known, name: k.Name, origins: map[string]bool{}, revoked: k.Revoked, quota: newBucket(k.Quota, bodyBytes, now)}
			for _, o := range k.Origins {
				origin, err := parseOrigin(o)
				if err != nil {
					return nil, nil, err
				}
				c.origins[origin], r.origins[origin] = true, true
			}
			r.byHash[sha256.Sum256([]byte(k.Key))] = c
		}
	}
	return r, byID, nil
}

// find returns the credential of a key; with errKey when the key is revoked,
// nil and errKey when there is no such key.
func (r *keyring) find(key string) (*credential, error) {
	c, ok := r.byHash[sha256.Sum256([]byte(key))]
	if !ok || c.revoked {
		return c, errKey
	}
	return c, nil
}

// allows says whether a page of the origin may use the key.
func (c *credential) allows(origin string) bool { return c.origins[strings.ToLower(origin)] }

// bucket is a token bucket over bytes. It refills continuously: a caller that
// asks many times a second gets neither more nor less than the rate.
type bucket struct {
	rate  float64 // bytes per second
	burst float64

	mu     sync.Mutex
	tokens float64
	at     time.Time
}

func newBucket(q Quota, bodyBytes Bytes, now time.Time) *bucket {
	if q.BytesPerSecond == 0 {
		return nil
	}
	burst := q.BurstBytes
	if burst == 0 {
		burst = max(10*q.BytesPerSecond, bodyBytes)
	}
	return &bucket{rate: float64(q.BytesPerSecond), burst: float64(burst), tokens: float64(burst), at: now}
}

// take spends n bytes, or says how long until they can be spent.
func (b *bucket) take(n int, now time.Time) (wait time.Duration, ok bool) {
	if b == nil {
		return 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(b.burst, b.tokens+passed.Seconds()*b.rate)
		b.at = now
	}
	if missing := float64(n) - b.tokens; missing > 0 {
		return time.Duration(missing / b.rate * float64(time.Second)), false
	}
	b.tokens -= float64(n)
	return 0, true
}
