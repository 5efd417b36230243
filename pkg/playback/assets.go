package playback

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/segment"
)

// serveAsset serves a file that a recorded page shows. It was sent by whoever
// holds a write key, and some of the types (SVG, CSS) can do things: the answer
// is a document without scripts, requests and origin wherever a browser opens
// it, and its type is one of a short list, which nosniff makes the browser
// believe.
func (r *Reader) serveAsset(w http.ResponseWriter, req *http.Request, text string) error {
	id, err := segment.ParseAssetID(text)
	if err != nil {
		return errNoRoute
	}
	// What has the hash has not changed, and who has it was allowed to read it.
	if notModified(w, req, `"`+string(id)+`"`, ofAsset) {
		return nil
	}
	asset, err := r.asset(req, id)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", asset.Type)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Length", strconv.Itoa(len(asset.Content)))
	if req.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	_, _ = w.Write(asset.Content) // the caller may have gone
	return nil
}

func (r *Reader) asset(req *http.Request, id segment.AssetID) (segment.Asset, error) {
	body, err := r.bucket.Get(req.Context(), segment.AssetKey(r.project, id), 0, segment.MaxAssetObjectBytes)
	if errors.Is(err, objectstore.ErrNotFound) {
		return segment.Asset{}, errNoRoute
	}
	if err != nil {
		return segment.Asset{}, fmt.Errorf("get asset: %w", err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		return segment.Asset{}, fmt.Errorf("get asset: %w", err)
	}
	asset, err := segment.ReadAssetObject(data, id)
	if err != nil {
		r.log.ErrorContext(req.Context(), "Asset is damaged", "asset", id, "error", err)
		return segment.Asset{}, errNoRoute
	}
	return asset, nil
}
