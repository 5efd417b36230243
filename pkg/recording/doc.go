// Package recording holds the words of Playhead as Go types: ids, sessions,
// segments, moments and the limits they obey.
//
// Every other package imports it; it imports only the standard library. It
// does not read or write anything: bytes are the business of pkg/segment,
// stores of pkg/objectstore and pkg/index.
package recording
