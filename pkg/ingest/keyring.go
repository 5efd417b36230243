package ingest

import (
	"crypto/sha256"
	"errors"
	"strings"
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
	tokens       bool // uploads must carry the token of their session
	settings     settings
}

// credential is what a valid write key gives.
type credential struct {
	project *project
	name    string
	origins map[string]bool
	revoked bool
	quota   *quota
	ring    *keyring // that it is of
}

// keyring finds projects, and credentials by key. It never changes: reading
// the configuration again makes another one. Keys are looked up by their
// SHA-256, so that the time a look-up takes says nothing about keys that exist.
type keyring struct {
	projects map[recording.ProjectID]*project
	byHash   map[[sha256.Size]byte]*credential
	origins  map[string]bool // of all keys, revoked ones too
}

// newKeyring makes a keyring of a valid configuration. What a key has used of
// its quota is taken over from the keyring before; nil: there was none.
func newKeyring(cfg *Config, before *keyring, now time.Time) (*keyring, error) {
	r := &keyring{projects: map[recording.ProjectID]*project{}, byHash: map[[sha256.Size]byte]*credential{}, origins: map[string]bool{}}
	for _, p := range cfg.Projects {
		known := &project{id: p.ID, scrub: p.Scrub == nil || *p.Scrub, scrubJournal: p.ScrubJournal, tokens: p.SessionTokens != TokensOff, settings: newSettings(p.Recording)}
		r.projects[p.ID] = known
		for _, k := range p.Keys {
			hash := sha256.Sum256([]byte(k.Key))
			c := &credential{project: known, name: k.Name, origins: map[string]bool{}, revoked: k.Revoked, quota: before.quota(hash), ring: r}
			c.quota.set(k.Quota, cfg.Limits.BodyBytes, now)
			for _, o := range k.Origins {
				origin, err := parseOrigin(o)
				if err != nil {
					return nil, err
				}
				c.origins[origin], r.origins[origin] = true, true
			}
			r.byHash[hash] = c
		}
	}
	return r, nil
}

// quota returns the quota of a key, an empty one if the key is not known.
func (r *keyring) quota(hash [sha256.Size]byte) *quota {
	if r != nil {
		if c := r.byHash[hash]; c != nil {
			return c.quota
		}
	}
	return &quota{}
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
