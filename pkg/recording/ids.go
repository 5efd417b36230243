package recording

import (
	"fmt"
	"regexp"
)

// ProjectID names what a write key belongs to. Every row, object key and query
// is scoped by it. It comes from the server's configuration, never from a
// request.
type ProjectID string

// SessionID is the OpenTelemetry session.id: a UUIDv7 from our recorder, any
// id of the same alphabet from others.
type SessionID string

// WindowID names one browser tab.
type WindowID string

// PageID names one document in a window.
type PageID string

var (
	// The alphabet is safe in object keys, TraceQL, LogQL and log lines; the
	// length covers UUIDs (36) and the hex ids of other recorders (64).
	idPattern      = regexp.MustCompile(`^[0-9A-Za-z_-]{8,64}$`)
	projectPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

// ParseProjectID checks a project id: 1 to 63 characters of a-z, 0-9 and "-",
// not beginning with "-".
func ParseProjectID(s string) (ProjectID, error) {
	if !projectPattern.MatchString(s) {
		return "", &FieldError{Field: "project", Limit: projectPattern.String()}
	}
	return ProjectID(s), nil
}

// ParseSessionID checks a session id.
func ParseSessionID(s string) (SessionID, error) { return parseID[SessionID]("session_id", s) }

// ParseWindowID checks a window id.
func ParseWindowID(s string) (WindowID, error) { return parseID[WindowID]("window_id", s) }

// ParsePageID checks a page id.
func ParsePageID(s string) (PageID, error) { return parseID[PageID]("page_id", s) }

func parseID[T ~string](field, s string) (T, error) {
	if !idPattern.MatchString(s) {
		return "", &FieldError{Field: field, Limit: idPattern.String()}
	}
	return T(s), nil
}

// FieldError says which field of an input is refused, and by which rule. The
// refused value itself is left out: it may hold anything.
type FieldError struct {
	Field string
	Limit string
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s must match %s", e.Field, e.Limit) }
