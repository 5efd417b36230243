package dom

import "errors"

// Limits bound what one document may hold. What is over a limit is refused
// with ErrLimit.
type Limits struct {
	Nodes     int // nodes of all kinds, those without a place in the document included
	Depth     int // nodes inside one another, when they are put there
	TextBytes int // bytes of text, attribute values and style rules
}

// DefaultLimits are far above the pages that people use: the largest page in
// common measurements has some 100 000 nodes, and browsers' parsers stop
// nesting at 512.
func DefaultLimits() Limits {
	return Limits{Nodes: 500_000, Depth: 1024, TextBytes: 64 << 20}
}

// The ways in which an event is refused.
var (
	// ErrSyntax means that the line is not one JSON object of the shape of an
	// rrweb event. The document is as it was.
	ErrSyntax = errors.New("not an rrweb event")
	// ErrLimit means that a limit was met on the way. The document then lacks
	// a part of what the page had and says so (Incomplete) until the next full
	// snapshot.
	ErrLimit = errors.New("document over its limit")
	// ErrSnapshot means that a full snapshot could not be rebuilt; rrweb shows
	// nothing of it or a torso. The document is incomplete until the next.
	ErrSnapshot = errors.New("full snapshot cannot be rebuilt")
)

// Stats count what Apply did. They are sums since New.
type Stats struct {
	Events    int64 // events applied, of whatever kind
	Skipped   int64 // events that have nothing to do with a document, and unknown sources
	Missing   int64 // references to nodes that are not there: rrweb warns and goes on
	Abandoned int64 // mutations that rrweb gives up on half way, because the browser throws
}
