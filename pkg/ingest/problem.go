package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/playhead/playhead/pkg/ingest/journal"
	"github.com/playhead/playhead/pkg/ingest/wire/playhead"
)

var (
	errStopping    = errors.New("the server is stopping")
	errOverloaded  = errors.New("too many uploads at once")
	errContentType = errors.New("the content type must be application/x-ndjson or text/plain")
	errBodyBytes   = errors.New("the body is larger than body_bytes allows")
	errBody        = errors.New("the body ended early")
	errSlow        = errors.New("the body did not arrive in time")
	errEncoding    = errors.New("the encoding must be identity")
	errMethod      = errors.New("the method is not allowed")
	errNoRoute     = errors.New("there is nothing here")
)

// The times after which a refused recorder may try again. A full journal
// empties when a store returns; a stopping server is replaced by another.
const (
	retryFull     = 5 * time.Second
	retryStopping = time.Second
)

// problem is an error as RFC 9457 spells it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Line   int    `json:"line,omitempty"`
	Field  string `json:"field,omitempty"`
	Limit  string `json:"limit,omitempty"`

	reason string        // the label in metrics
	retry  time.Duration // Retry-After; 0: none
	ours   bool          // not the sender's fault: the log says why
}

// problemOf is the one place that turns errors into answers. What it does not
// know is ours, and its text stays in the log.
func problemOf(err error) problem {
	var refusal *playhead.Refusal
	var quota *quotaError
	if errors.As(err, &refusal) {
		return refusalProblem(refusal)
	}
	if errors.As(err, &quota) {
		return problem{Status: http.StatusTooManyRequests, Detail: quota.Error(), reason: "quota", retry: max(quota.wait, time.Millisecond)}
	}
	for _, known := range []struct {
		err error
		problem
	}{
		{errKey, problem{Status: http.StatusUnauthorized, reason: "key"}},
		{errOrigin, problem{Status: http.StatusForbidden, reason: "origin"}},
		{errToken, problem{Status: http.StatusForbidden, Field: "token", reason: "token"}},
		{errNoRoute, problem{Status: http.StatusNotFound, reason: "route"}},
		{errMethod, problem{Status: http.StatusMethodNotAllowed, reason: "method"}},
		{errContentType, problem{Status: http.StatusUnsupportedMediaType, Field: "Content-Type", reason: "content_type"}},
		{errEncoding, problem{Status: http.StatusUnsupportedMediaType, Field: "Content-Encoding", reason: "encoding"}},
		{errAssetType, problem{Status: http.StatusUnsupportedMediaType, Field: "Content-Type", reason: "content_type"}},
		{errAssetID, problem{Status: http.StatusBadRequest, Field: "sha256", reason: "sha256"}},
		{errAssetSize, problem{Status: http.StatusRequestEntityTooLarge, Limit: "asset_bytes", reason: "asset_bytes"}},
		{errHashes, problem{Status: http.StatusBadRequest, reason: "sha256"}},
		{errManyIDs, problem{Status: http.StatusRequestEntityTooLarge, Limit: "hashes", reason: "hashes"}},
		{errBucket, problem{Status: http.StatusServiceUnavailable, reason: "bucket", retry: retryFull, ours: true}},
		{errBodyBytes, problem{Status: http.StatusRequestEntityTooLarge, Limit: "body_bytes", reason: "body_bytes"}},
		{errBody, problem{Status: http.StatusBadRequest, reason: "body"}},
		// Not 400, which says that the segment itself is bad and must be dropped.
		{errSlow, problem{Status: http.StatusRequestTimeout, reason: "slow"}},
		{errOverloaded, problem{Status: http.StatusServiceUnavailable, reason: "overloaded", retry: retryStopping}},
		{errAsking, problem{Status: http.StatusServiceUnavailable, reason: "asking", retry: retryStopping}},
		{errStopping, problem{Status: http.StatusServiceUnavailable, reason: "stopping", retry: retryStopping}},
		{journal.ErrClosed, problem{Status: http.StatusServiceUnavailable, reason: "stopping", retry: retryStopping}},
		{journal.ErrFull, problem{Status: http.StatusServiceUnavailable, reason: "journal_full", retry: retryFull}},
		{context.Canceled, problem{Status: http.StatusServiceUnavailable, reason: "canceled", retry: retryStopping}},
	} {
		if errors.Is(err, known.err) {
			known.Detail = known.err.Error()
			return known.problem
		}
	}
	return problem{Status: http.StatusServiceUnavailable, Detail: "the request could not be kept; the server's log says why", reason: "journal_failed", retry: retryFull, ours: true}
}

func refusalProblem(r *playhead.Refusal) problem {
	p := problem{Detail: r.Detail, Line: r.Line, Field: r.Field, Limit: r.Limit, reason: r.Limit}
	switch r.Kind {
	case playhead.Malformed:
		p.Status, p.reason = http.StatusBadRequest, "malformed"
	case playhead.TooLarge:
		p.Status = http.StatusRequestEntityTooLarge
	case playhead.Unsupported:
		p.Status, p.reason = http.StatusUnsupportedMediaType, "encoding"
	case playhead.Unstorable:
		p.Status = http.StatusUnprocessableEntity
	}
	return p
}

// write sends the problem.
func (p problem) write(w http.ResponseWriter) error {
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode problem: %w", err)
	}
	if p.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retry.Seconds()))))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, err = w.Write(body)
	return err
}
