//go:build unix

package faults

import (
	"bytes"
	"os"
	"testing"

	"github.com/playhead/playhead/pkg/embedded"
)

func TestMain(m *testing.M) {
	embedded.RunChild()
	os.Exit(m.Run())
}

// TestFaults runs the short form of all rows; `go tool mage faults` runs the
// long one.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("takes about a minute")
	}
	var figures bytes.Buffer
	err := Run(t.Context(), Options{Root: "../..", Seed: 1, Short: true, Out: &figures, Log: testLog{t}})
	t.Logf("figures:\n%s", figures.String())
	if err != nil {
		t.Fatal(err)
	}
}

type testLog struct{ t *testing.T }

// Write shows what happens in the test's output.
func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(string(bytes.TrimSpace(p)))
	return len(p), nil
}
