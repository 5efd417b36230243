//go:build unix

package faults

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/embedded/s3gateway"
)

func TestMain(m *testing.M) {
	embedded.RunChild(s3gateway.Serve)
	RunAttackers()
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
	dependOn(t, "../../pkg", "../../go.mod")
	var figures bytes.Buffer
	counted := slices.DeleteFunc(Rows(), func(row int) bool { return slices.Contains(measured, row) })
	err := Run(t.Context(), Options{Root: "../..", Seed: 1, Rows: counted, Short: true, Out: &figures, Log: testLog{t}})
	t.Logf("figures:\n%s", figures.String())
	if err != nil {
		t.Fatal(err)
	}
}

// TestPowerLossIsNoticed: a disk whose fsync does nothing loses what the journal
// acknowledged, and the row would say so.
func TestPowerLossIsNoticed(t *testing.T) {
	row := &trial{rng: rand.New(rand.NewPCG(1, 2)), dir: t.TempDir()}
	lost := 0
	for run := range 5 {
		_, l, err := row.journalPowerLost(run, true)
		if err != nil {
			t.Fatal(err)
		}
		lost += l
	}
	if lost == 0 {
		t.Error("nothing is lost on a disk that does not keep anything")
	}
}

// dependOn makes go test forget an old result when one of these files changes:
// it does not see what the programs that the suite builds are made of.
func dependOn(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				_, err = os.Stat(name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

type testLog struct{ t *testing.T }

// Write shows what happens in the test's output.
func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(string(bytes.TrimSpace(p)))
	return len(p), nil
}
