//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// LibraryEnv names the environment variable with the path of libchdb.so.
const LibraryEnv = "PLAYHEAD_CHDB_LIBRARY"

const libraryName = "libchdb.so" // on macOS too

// ErrNoChDB is returned, wrapped, when libchdb.so is nowhere.
var ErrNoChDB = errors.New("ClickHouse's engine (libchdb.so of chDB) was not found")

// FindChDB returns the path of libchdb.so: $PLAYHEAD_CHDB_LIBRARY; lib/ next to
// the executable; node_modules/@chdb/lib-<platform>/ in the working directory,
// in the executable's folder, or in any folder above them.
func FindChDB() (string, error) {
	if path := os.Getenv(LibraryEnv); path != "" {
		if !isFile(path) {
			return "", fmt.Errorf("%w: $%s is %s, which is no file", ErrNoChDB, LibraryEnv, path)
		}
		return path, nil
	}
	var roots []string
	if executable, err := os.Executable(); err == nil {
		folder := filepath.Dir(executable)
		if path := filepath.Join(folder, "lib", libraryName); isFile(path) {
			return path, nil
		}
		roots = append(roots, folder)
	}
	if working, err := os.Getwd(); err == nil {
		roots = append([]string{working}, roots...)
	}
	for _, root := range roots {
		if path := findUpwards(root); path != "" {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: run `npm install %s` here, or set $%s to its path", ErrNoChDB, npmPackages()[0], LibraryEnv)
}

func findUpwards(folder string) string {
	for {
		for _, name := range npmPackages() {
			path := filepath.Join(folder, "node_modules", filepath.FromSlash(name), libraryName)
			if isFile(path) {
				return path
			}
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return ""
		}
		folder = parent
	}
}

// npmPackages are the packages that hold the library for this platform, the
// likelier first.
func npmPackages() []string {
	arch := strings.NewReplacer("amd64", "x64").Replace(runtime.GOARCH)
	if runtime.GOOS != "linux" {
		return []string{"@chdb/lib-" + runtime.GOOS + "-" + arch}
	}
	packages := []string{"@chdb/lib-linux-" + arch + "-gnu", "@chdb/lib-linux-" + arch + "-musl"}
	if isFile("/etc/alpine-release") {
		packages[0], packages[1] = packages[1], packages[0]
	}
	return packages
}

func isFile(path string) bool {
	info, err := os.Stat(path) //nolint:gosec // G703: the operator names the path
	return err == nil && info.Mode().IsRegular()
}
