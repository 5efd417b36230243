package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/embedded/s3gateway"
)

func TestMain(m *testing.M) {
	embedded.RunChild(s3gateway.Serve)
	testscript.Main(m, map[string]func(){
		"playhead":   main,
		localProgram: func() {}, // a store, which RunChild has been by now
	})
}

// The scripts in testdata/script call the command as a person does.
func TestScripts(t *testing.T) {
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(file), "..", "..", "..")
	library, err := embedded.FindChDB()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("PLAYHEAD_CHDB_LIBRARY", library)
			env.Setenv("DOCS", filepath.Join(root, "docs"))
			env.Setenv("RECORDINGS", filepath.Join(root, "examples", "shop", "recordings"))
			// Sockets and journals of the scripts lie in their own folders.
			env.Setenv("TMPDIR", env.WorkDir)
			return os.MkdirAll(env.WorkDir, 0o750)
		},
	})
}
