package playhead

import "fmt"

// Kind says whose fault a refusal is and what the sender can do.
type Kind int

// The kinds of refusals, with the HTTP status of wire version 1.
const (
	Malformed   Kind = iota + 1 // 400: this can never be accepted
	TooLarge                    // 413: less of it at once can be accepted
	Unsupported                 // 415: another encoding can be accepted
	Unstorable                  // 422: the other events can be accepted
)

// Refusal says why an upload is not accepted. It never repeats what was sent.
type Refusal struct {
	Kind   Kind
	Detail string
	Line   int    // 1 is the header; 0 when no line is to blame
	Field  string // of the header or of an event
	Limit  string // the name of the limit in playhead.yaml
}

func (r *Refusal) Error() string {
	if r.Line > 0 {
		return fmt.Sprintf("line %d: %s", r.Line, r.Detail)
	}
	return r.Detail
}
