package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

const (
	// rememberedAssets bounds the assets that are known to be stored; one takes
	// about 40 bytes.
	rememberedAssets = 1 << 17

	// assetsAtOnce bounds the assets that wait for object storage, and with
	// limits.asset_bytes their memory.
	assetsAtOnce = 4

	// assetTimeout is how long storing one may take.
	assetTimeout = 15 * time.Second

	// maxMissing is how many assets can be asked for at once, as many as a page
	// has that is made of pictures.
	maxMissing = 1000

	// missingBytes is room for maxMissing ids in JSON, whatever its spaces.
	missingBytes = 128 << 10

	// missingTimeout bounds the look-up; what is not found by then is missing.
	// It is then sent, and found to be there.
	missingTimeout = 2 * time.Second

	// missingAtOnce bounds the look-ups of all callers.
	missingAtOnce = 16
)

var (
	errAssetID   = errors.New("sha256 must be the SHA-256 of the content, 64 hex digits in lower case")
	errAssetType = errors.New("the content type must be that of a picture, a font or a style sheet")
	errAssetSize = errors.New("the asset is larger than asset_bytes allows")
	errHashes    = errors.New("the body must be a JSON array of SHA-256 hashes, 64 hex digits in lower case")
	errManyIDs   = fmt.Errorf("more than %d hashes at once", maxMissing)
	errBucket    = errors.New("object storage does not answer")
)

// assets are files that recorded pages show, stored under the hash of their
// content. They do not go through the journal: an answer of 200 or 201 comes
// from object storage itself.
type assets struct {
	bucket  objectstore.Bucket
	away    func() bool // the bucket is known to be
	storing chan struct{}
	asking  chan struct{}

	mu    sync.Mutex
	known *generations[struct{}] // to be stored
}

func newAssets(bucket objectstore.Bucket, away func() bool) *assets {
	return &assets{
		bucket: bucket, away: away,
		storing: make(chan struct{}, assetsAtOnce), asking: make(chan struct{}, missingAtOnce),
		known: newGenerations[struct{}](rememberedAssets),
	}
}

func assetIdentity(key string) journal.Identity {
	sum := sha256.Sum256([]byte(key))
	return journal.Identity(sum[:16])
}

func (a *assets) isKnown(key string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.known.get(assetIdentity(key))
	return known
}

func (a *assets) know(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known.put(assetIdentity(key), struct{}{})
}

// has asks object storage. The error is errBucket or that of ctx, wrapped.
func (a *assets) has(ctx context.Context, key string) (bool, error) {
	if a.away() {
		return false, errBucket
	}
	r, err := a.bucket.Get(ctx, key, 0, 1)
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return false, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil:
		return false, fmt.Errorf("%w: %w", errBucket, err)
	}
	a.know(key)
	return true, r.Close()
}

// store makes an asset durable and says whether it was not stored before.
func (a *assets) store(ctx context.Context, key string, asset segment.Asset) (created bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, assetTimeout)
	defer cancel()
	select {
	case a.storing <- struct{}{}:
		defer func() { <-a.storing }()
	case <-ctx.Done():
		return false, fmt.Errorf("%w: %w", errBucket, ctx.Err())
	}
	if stored, err := a.has(ctx, key); err != nil || stored {
		return false, err
	}
	object, err := segment.AppendAssetObject(nil, asset)
	if err != nil {
		return false, err
	}
	if err := a.bucket.Put(ctx, key, bytes.NewReader(object), int64(len(object))); err != nil {
		return false, fmt.Errorf("%w: %w", errBucket, err)
	}
	a.know(key)
	return true, nil
}

// missing returns those of the ids that are not known to be stored.
func (a *assets) missing(ctx context.Context, project recording.ProjectID, ids []segment.AssetID) ([]segment.AssetID, error) {
	ctx, cancel := context.WithTimeout(ctx, missingTimeout)
	defer cancel()
	stored := make([]bool, len(ids))
	group, asking := errgroup.WithContext(ctx)
	for i, id := range ids {
		key := segment.AssetKey(project, id)
		if stored[i] = a.isKnown(key); stored[i] {
			continue
		}
		select {
		case a.asking <- struct{}{}:
		case <-asking.Done():
			continue
		}
		group.Go(func() (err error) {
			defer func() { <-a.asking }()
			if stored[i], err = a.has(asking, key); errors.Is(err, errBucket) {
				return err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	missing := []segment.AssetID{}
	for i, id := range ids {
		if !stored[i] {
			missing = append(missing, id)
		}
	}
	return missing, nil
}

// serveAsset is POST /v1/assets.
func (s *Server) serveAsset(w http.ResponseWriter, r *http.Request) {
	created := false
	who, err := s.authenticate(w, r)
	if err == nil {
		created, err = s.receiveAsset(w, r, who)
	}
	if err != nil {
		s.refuse(w, r, who, err)
		return
	}
	status, result := http.StatusOK, "known"
	if created {
		status, result = http.StatusCreated, "stored"
	}
	s.metrics.assets.WithLabelValues(result).Inc()
	s.serveJSON(w, status, struct {
		Stored bool `json:"stored"`
	}{created})
}

func (s *Server) receiveAsset(w http.ResponseWriter, r *http.Request, who *credential) (created bool, err error) {
	id, err := segment.ParseAssetID(r.URL.Query().Get("sha256"))
	if err != nil {
		return false, errAssetID
	}
	kind, err := assetType(r)
	if err != nil {
		return false, err
	}
	key := segment.AssetKey(who.project.id, id)
	body, done, err := s.admit(w, r, who, who.quota.most(s.cfg.Limits.AssetBytes))
	if err != nil {
		if errors.Is(err, errBodyBytes) {
			err = errAssetSize
		}
		return false, err
	}
	defer done()
	if segment.AssetIDOf(body) != id {
		return false, errAssetID
	}
	if s.assets.isKnown(key) {
		return false, nil
	}
	return s.assets.store(r.Context(), key, segment.Asset{Type: kind, Content: body})
}

// assetType reads the type of an asset. The type of a CORS simple request is
// text/plain, and the query says what it is.
func assetType(r *http.Request) (string, error) {
	if err := needIdentity(r); err != nil {
		return "", err
	}
	name := r.Header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(name); err == nil && kind == "text/plain" {
		name = r.URL.Query().Get("type")
	}
	kind, err := segment.ParseAssetType(name)
	if err != nil {
		return "", errAssetType
	}
	return kind, nil
}

// serveMissing is POST /v1/assets/missing.
func (s *Server) serveMissing(w http.ResponseWriter, r *http.Request) {
	var missing []segment.AssetID
	who, err := s.authenticate(w, r)
	if err == nil {
		missing, err = s.receiveMissing(w, r, who)
	}
	if err != nil {
		s.refuse(w, r, who, err)
		return
	}
	s.serveJSON(w, http.StatusOK, struct {
		Missing []segment.AssetID `json:"missing"`
	}{missing})
}

func (s *Server) receiveMissing(w http.ResponseWriter, r *http.Request, who *credential) ([]segment.AssetID, error) {
	if err := needIdentity(r); err != nil {
		return nil, err
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || (kind != "application/json" && kind != "text/plain") {
		return nil, errContentType
	}
	body, done, err := s.admit(w, r, who, missingBytes)
	if err != nil {
		if errors.Is(err, errBodyBytes) {
			err = errManyIDs
		}
		return nil, err
	}
	defer done()
	ids, err := parseAssetIDs(body)
	if err != nil {
		return nil, err
	}
	return s.assets.missing(r.Context(), who.project.id, ids)
}

func parseAssetIDs(body []byte) ([]segment.AssetID, error) {
	var texts []string
	if err := json.Unmarshal(body, &texts); err != nil || texts == nil {
		return nil, errHashes
	}
	if len(texts) > maxMissing {
		return nil, errManyIDs
	}
	ids := make([]segment.AssetID, 0, len(texts))
	for _, text := range texts {
		id, err := segment.ParseAssetID(text)
		if err != nil {
			return nil, errHashes
		}
		ids = append(ids, id)
	}
	return ids, nil
}
