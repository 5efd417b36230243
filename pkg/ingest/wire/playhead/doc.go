// Package playhead reads wire version 1, the format of our own recorder
// (docs/format/wire-v1.md): decompression within limits, the header line, and
// the validation of every event line.
//
// It turns bytes into an Upload or a Refusal. It knows no HTTP, no keys and no
// journal, and it never decodes an event into values.
package playhead
