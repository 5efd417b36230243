//go:build unix

package faults

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/playhead/playhead/pkg/embedded"
)

func TestMain(m *testing.M) {
	embedded.RunChild()
	os.Exit(m.Run())
}

// measured are the rows that judge memory and time, which a test does not.
var measured = []int{14, 15, 16, 17}

// TestFaults runs the short form of the rows that count segments; `go tool mage
// faults` runs the long form of all.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("takes about a minute")
	}
	var figures bytes.Buffer
	counted := slices.DeleteFunc(Rows(), func(row int) bool { return slices.Contains(measured, row) })
	err := Run(t.Context(), Options{Root: "../..", Seed: 1, Rows: counted, Short: true, Out: &figures, Log: testLog{t}})
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
