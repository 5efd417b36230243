package playhead

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/rrweb"
)

// The limits of header fields, in bytes unless said otherwise; they are part
// of wire version 1.
const (
	maxHeader         = 64 << 10
	maxRecorderString = 64
	maxURL            = 4096
	maxUserID         = 256
	maxAttributes     = 64 // attributes
	maxAttributeKey   = 64
	maxAttributeValue = 1024
	maxLabel          = 128 // release, environment
	maxToken          = 256
)

// Header is the first line of an upload.
type Header struct {
	Session  recording.SessionID
	Window   recording.WindowID
	Page     recording.PageID
	Seq      uint32
	SentAtMs int64 // the sender's clock, ms since the epoch
	Token    string
	Origin   recording.Origin // without UserAgent, which HTTP says
}

type headerLine struct {
	V         *int64         `json:"v"`
	Token     string         `json:"token"`
	SessionID *string        `json:"session_id"`
	Previous  *string        `json:"previous_id"`
	WindowID  *string        `json:"window_id"`
	PageID    *string        `json:"page_id"`
	Seq       *int64         `json:"seq"`
	SentAt    *int64         `json:"sent_at"`
	Reason    *string        `json:"reason"`
	Final     bool           `json:"final"`
	Recorder  recorderObject `json:"recorder"`
	Page      pageObject     `json:"page"`
	User      userObject     `json:"user"`
	Release   string         `json:"release"`
	Env       string         `json:"environment"`
}

type recorderObject struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	RRWeb   string `json:"rrweb"`
}

type pageObject struct {
	URL      string  `json:"url"`
	Referrer string  `json:"referrer"`
	Viewport []int64 `json:"viewport"`
}

type userObject struct {
	ID         string            `json:"id"`
	Attributes map[string]string `json:"attributes"`
}

// DecodeHeader reads and checks a header line.
func DecodeHeader(line []byte) (Header, error) {
	if len(line) > maxHeader {
		return Header{}, &Refusal{Kind: TooLarge, Detail: fmt.Sprintf("the header is larger than %d bytes", maxHeader), Line: 1, Limit: "header"}
	}
	if !utf8.Valid(line) {
		return Header{}, malformedHeader("", "the header is not UTF-8")
	}
	var h headerLine
	if err := json.Unmarshal(line, &h); err != nil {
		var mistyped *json.UnmarshalTypeError
		if errors.As(err, &mistyped) && mistyped.Field != "" {
			return Header{}, malformedHeader(mistyped.Field, mistyped.Field+" has the wrong type")
		}
		return Header{}, malformedHeader("", "the header is not a JSON object")
	}
	return h.check()
}

func malformedHeader(field, detail string) *Refusal {
	return &Refusal{Kind: Malformed, Detail: detail, Line: 1, Field: field}
}

// checker keeps the first refusal, so that the checks read as a list.
type checker struct{ refusal *Refusal }

func (c *checker) fail(field, rule string) {
	if c.refusal == nil {
		c.refusal = malformedHeader(field, field+" "+rule)
	}
}

func (c *checker) atMost(field, value string, limit int) {
	if len(value) > limit {
		c.fail(field, fmt.Sprintf("must have at most %d bytes", limit))
	}
}

func (c *checker) integer(field string, value *int64, low, high int64) int64 {
	if value == nil {
		c.fail(field, "is required")
		return 0
	}
	if *value < low || *value > high {
		c.fail(field, fmt.Sprintf("must be between %d and %d", low, high))
	}
	return *value
}

func checkID[T ~string](c *checker, field string, value *string, parse func(string) (T, error)) T {
	if value == nil {
		c.fail(field, "is required")
		return ""
	}
	id, err := parse(*value)
	if err != nil {
		c.fail(field, "must be 8 to 64 characters of A-Z, a-z, 0-9, _ and -")
	}
	return id
}

func (h *headerLine) check() (Header, error) {
	c := &checker{}
	c.integer("v", h.V, 1, 1)
	out := Header{
		Session:  checkID(c, "session_id", h.SessionID, recording.ParseSessionID),
		Window:   checkID(c, "window_id", h.WindowID, recording.ParseWindowID),
		Page:     checkID(c, "page_id", h.PageID, recording.ParsePageID),
		Seq:      uint32(c.integer("seq", h.Seq, 0, math.MaxUint32)),
		SentAtMs: c.integer("sent_at", h.SentAt, 0, rrweb.MaxTimestampMs),
		Token:    h.Token,
	}
	c.atMost("token", h.Token, maxToken)
	out.Origin = h.origin(c, out.Session)
	if c.refusal != nil {
		return Header{}, c.refusal
	}
	return out, nil
}

func (h *headerLine) origin(c *checker, session recording.SessionID) recording.Origin {
	o := recording.Origin{
		Reason: recording.ReasonSampled, Final: h.Final,
		Recorder: recording.Recorder(h.Recorder),
		URL:      h.Page.URL, Referrer: h.Page.Referrer,
		UserID: h.User.ID, UserAttributes: h.User.Attributes,
		Release: h.Release, Environment: h.Env,
	}
	if h.Previous != nil {
		o.PreviousSession = checkID(c, "previous_id", h.Previous, recording.ParseSessionID)
		if o.PreviousSession == session {
			c.fail("previous_id", "must differ from session_id")
		}
	}
	if h.Reason != nil {
		o.Reason = recording.Reason(*h.Reason)
		switch o.Reason {
		case recording.ReasonSampled, recording.ReasonError, recording.ReasonCohort, recording.ReasonTicket, recording.ReasonManual:
		default:
			c.fail("reason", "must be sampled, error, cohort, ticket or manual")
		}
	}
	c.atMost("recorder.name", o.Recorder.Name, maxRecorderString)
	c.atMost("recorder.version", o.Recorder.Version, maxRecorderString)
	c.atMost("recorder.rrweb", o.Recorder.RRWeb, maxRecorderString)
	c.atMost("page.url", o.URL, maxURL)
	c.atMost("page.referrer", o.Referrer, maxURL)
	o.Viewport = h.viewport(c)
	c.atMost("user.id", o.UserID, maxUserID)
	if len(o.UserAttributes) > maxAttributes {
		c.fail("user.attributes", fmt.Sprintf("must have at most %d members", maxAttributes))
	}
	for k, v := range o.UserAttributes {
		if len(k) > maxAttributeKey || len(v) > maxAttributeValue {
			c.fail("user.attributes", fmt.Sprintf("must have keys of at most %d and values of at most %d bytes", maxAttributeKey, maxAttributeValue))
		}
	}
	c.atMost("release", o.Release, maxLabel)
	c.atMost("environment", o.Environment, maxLabel)
	return o
}

func (h *headerLine) viewport(c *checker) [2]int {
	v := h.Page.Viewport
	if v == nil {
		return [2]int{}
	}
	if len(v) != 2 || v[0] < 0 || v[1] < 0 || v[0] > math.MaxInt32 || v[1] > math.MaxInt32 {
		c.fail("page.viewport", "must be two integers of 0 or more")
		return [2]int{}
	}
	return [2]int{int(v[0]), int(v[1])}
}
