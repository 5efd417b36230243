//go:build unix

package embedded_test

import (
	"testing"

	"github.com/playhead/playhead/pkg/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }
