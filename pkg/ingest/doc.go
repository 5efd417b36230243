// Package ingest receives segments, makes them durable before it acknowledges
// them, and brings them to object storage and the index.
//
// The way of a segment: Handler (or Accept) decodes, validates, scrubs and
// journals it; Run takes what is in the journal, seals it into packs, puts the
// packs, writes their rows and only then lets the journal forget. The package
// reads nothing back for viewers; that is the business of pkg/plugin and
// pkg/playback.
package ingest
