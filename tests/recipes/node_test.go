package recipes

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// nodePackages is where `go tool mage recipes` installs testdata/node/package.json.
const nodePackages = "../../.cache/recipes/node"

func TestNode(t *testing.T) {
	packages, err := filepath.Abs(filepath.Join(nodePackages, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(packages); errors.Is(err, fs.ErrNotExist) {
		t.Skip("skipped: no opentelemetry for Node; go tool mage recipes installs it")
	}
	blocks := recipe(t, "Node", "js", 2)
	server, err := os.ReadFile("testdata/node/server.mjs")
	if err != nil {
		t.Fatal(err)
	}
	// Modules are found from where the importing file is.
	folder := t.TempDir()
	if err := os.Symlink(packages, filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	write(t, folder, "playhead-session.mjs", blocks[0])
	write(t, folder, "instrumentation.mjs", blocks[1])
	write(t, folder, "server.mjs", string(server))

	r, address := newReceiver(t), freeAddress(t)
	command := program(t.Context(), "node", "--import", "./instrumentation.mjs", "server.mjs", portOf(t, address))
	command.Dir = folder
	serve(t, r, address, command)
	checkAll(t, address, r)
}
