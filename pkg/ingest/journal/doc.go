// Package journal keeps what ingest has acknowledged until the stores have it:
// append-only files of checksummed records, fsynced in groups, read back after
// a crash. The bytes are described in docs/format/journal-v1.md.
//
// It knows segments, seals and dones, and which files are still needed. It
// does not know the stores, and it never interprets the frame of a segment.
package journal
