// Package replay holds the tests of the whole way of a recording, from the
// requests of browsers through ingest and real stores to what a player reads:
// late and shuffled segments, missing ones, and an index that is made again.
// It has no code of its own.
package replay
