package playback

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// problem is an error as RFC 9457 spells it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Field  string `json:"field,omitempty"`
}

// statusClientClosed is what nginx logs, and Grafana too, for a caller that
// went away; nobody reads the answer.
const statusClientClosed = 499

// problemOf says what of an error the caller may know. Why a store does not
// answer is for the log alone.
func problemOf(err error) problem {
	var param *paramError
	var field *recording.FieldError
	switch {
	case errors.As(err, &param):
		return problem{Title: "Bad Request", Status: http.StatusBadRequest, Detail: param.Error(), Field: param.Field}
	case errors.As(err, &field):
		return problem{Title: "Bad Request", Status: http.StatusBadRequest, Detail: field.Error(), Field: field.Field}
	case errors.Is(err, errNoRoute), errors.Is(err, index.ErrNotFound):
		// One answer for what is not there, not well named and not in this
		// project: a stranger learns nothing from the difference.
		return problem{Title: "Not Found", Status: http.StatusNotFound, Detail: "there is no such recording"}
	case errors.Is(err, index.ErrQuery):
		return problem{Title: "Bad Request", Status: http.StatusBadRequest, Detail: "limit, before or seen cannot be used"}
	case errors.Is(err, errMethod):
		return problem{Title: "Method Not Allowed", Status: http.StatusMethodNotAllowed, Detail: "only GET and HEAD are answered"}
	case errors.Is(err, context.Canceled):
		return problem{Title: "Client Closed Request", Status: statusClientClosed, Detail: "the request was cancelled"}
	default:
		return problem{Title: "Bad Gateway", Status: http.StatusBadGateway, Detail: "a store does not answer; the server's log says why"}
	}
}

func (r *Reader) answerError(w http.ResponseWriter, req *http.Request, err error) {
	p := problemOf(err)
	p.Type = "about:blank"
	if p.Status == http.StatusBadGateway {
		r.log.ErrorContext(req.Context(), "Request cannot be answered", "path", req.URL.Path, "error", err)
	}
	encoded, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers alone always have a JSON form
	}
	uncached(w.Header())
	w.Header().Del("Content-Encoding")
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	if req.Method != http.MethodHead {
		_, _ = w.Write(append(encoded, '\n')) // the caller may have gone
	}
}
