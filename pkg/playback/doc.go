// Package playback reads recordings: it lists sessions, describes one session
// in a manifest and streams its events. Its handler serves the Playback API of
// docs/format/playback.md; the data source mounts it as resources, the command
// mounts it beside the standalone page.
//
// It only reads, knows no Grafana, and asks nobody for permission: whoever
// mounts the handler decides who may call it.
package playback
