//go:build !linux

package ingest

import "time"

var begun = time.Now()

// processorTime is the time that has passed, where no thread says what it has
// used of processors.
func processorTime() time.Duration { return time.Since(begun) }
