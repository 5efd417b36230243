// Package rrweb reads the envelope of rrweb events: enough to accept, order
// and classify them without decoding what they carry.
//
// It validates and looks at bytes in one pass. It does not rebuild documents,
// and it knows nothing of sessions, segments or moments.
package rrweb
