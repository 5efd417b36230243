// Package recordings holds recordings of the demo shop's three scenarios, made
// in that shop with the recorder of this repository.
package recordings

import "embed"

// Files are JSON arrays of rrweb events, one a scenario.
//
//go:embed *.json
var Files embed.FS
