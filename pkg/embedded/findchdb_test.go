//go:build unix

package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/playhead/playhead/pkg/embedded"
)

func TestFindChDB(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the names are those of linux on amd64")
	}
	touch := func(path string) string {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	deep := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(deep)
	t.Setenv(embedded.LibraryEnv, "")
	_, err = embedded.FindChDB()
	if !errors.Is(err, embedded.ErrNoChDB) || !strings.Contains(err.Error(), "npm install @chdb/lib-linux-x64-gnu") || !strings.Contains(err.Error(), embedded.LibraryEnv) {
		t.Errorf("nowhere: %v, want what to install", err)
	}
	above := touch(filepath.Join(dir, "node_modules", "@chdb", "lib-linux-x64-musl", "libchdb.so"))
	if got, err := embedded.FindChDB(); err != nil || got != above {
		t.Errorf("above the working directory: %q, %v; want %q", got, err, above)
	}
	nearer := touch(filepath.Join(dir, "a", "node_modules", "@chdb", "lib-linux-x64-gnu", "libchdb.so"))
	if got, err := embedded.FindChDB(); err != nil || got != nearer {
		t.Errorf("nearer to the working directory: %q, %v; want %q", got, err, nearer)
	}
	named := touch(filepath.Join(dir, "named.so"))
	t.Setenv(embedded.LibraryEnv, named)
	if got, err := embedded.FindChDB(); err != nil || got != named {
		t.Errorf("by the environment: %q, %v; want %q", got, err, named)
	}
	t.Setenv(embedded.LibraryEnv, dir)
	if _, err := embedded.FindChDB(); !errors.Is(err, embedded.ErrNoChDB) {
		t.Errorf("a folder in the environment: %v, want ErrNoChDB", err)
	}
}
