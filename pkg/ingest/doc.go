// Package ingest receives segments, makes them durable before it acknowledges
// them, and brings them to object storage and the index.
//
// The way of a segment: Handler (or Accept) decompresses, checks and journals
// what was sent; Run encodes what is in the journal (scrub, derive, compress),
// seals it into packs, puts the packs, writes their rows and only then lets
// the journal forget. The package reads nothing back for viewers; that is the
// business of pkg/plugin and pkg/playback.
//
// Its memory is bounded, whatever is sent and however long the stores are
// away: bodies by bodiesLimit, decompressed events by a slot for each
// processor and waitingRawLimit, encoded segments and packs by encodedLimit, or
// by spoolingLimit where the frames of large packs are on the disk, what waits
// in the journal by a position each. docs/operate.md has the table.
package ingest
