package ingest

import (
	"os"
	"testing"

	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	embeddedtest.Main(m)
}
