//go:build mage

package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/build"
	"github.com/magefile/mage/mg"
)

const (
	releases = "release"
	pluginID = "playhead-replay-app"
)

// packed is the time of every file in an archive: what was packed decides its
// checksum, not when.
var packed = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

type platform struct{ os, arch string }

func (p platform) executable(name string) string {
	if p.os == "windows" {
		return name + ".exe"
	}
	return name
}

// grafanaPlatforms are what Grafana runs on.
var grafanaPlatforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"},
}

// commandPlatforms are what the command runs on: the embedded ClickHouse
// engine has no build for Windows.
var commandPlatforms = []platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}}

// Package makes what a release consists of, in release: the plugin's zip, with
// its backend for every platform, archives of the command, and checksums.
func Package(ctx context.Context) error {
	mg.SerialCtxDeps(ctx, BuildFrontend)
	version, err := packageVersion()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(releases); err != nil {
		return err
	}
	if err := os.MkdirAll(releases, 0o755); err != nil {
		return err
	}
	if err := packPlugin(filepath.Join(releases, pluginID+"-"+version+".zip")); err != nil {
		return fmt.Errorf("pack the plugin: %w", err)
	}
	for _, p := range commandPlatforms {
		if err := packCommand(ctx, p, version); err != nil {
			return fmt.Errorf("pack playhead for %s/%s: %w", p.os, p.arch, err)
		}
	}
	return writeChecksums()
}

func packageVersion() (string, error) {
	data, err := os.ReadFile("package.json")
	if err != nil {
		return "", err
	}
	var p struct{ Version string }
	if err := json.Unmarshal(data, &p); err != nil {
		return "", err
	}
	if p.Version == "" {
		return "", errors.New("package.json has no version")
	}
	return p.Version, nil
}

// packPlugin packs dist as the one folder that Grafana expects, named by the
// plugin's id.
func packPlugin(name string) error {
	for _, p := range grafanaPlatforms {
		if err := toStderr(func() error { return build.Build{}.Custom(p.os, p.arch) }); err != nil {
			return err
		}
	}
	list, err := files("dist")
	if err != nil {
		return err
	}
	slices.Sort(list)
	return writeFile(name, func(w io.Writer) error {
		z := zip.NewWriter(w)
		for _, file := range list {
			if err := zipFile(z, file, path.Join(pluginID, filepath.ToSlash(strings.TrimPrefix(file, "dist")))); err != nil {
				return err
			}
		}
		return z.Close()
	})
}

func zipFile(z *zip.Writer, file, name string) error {
	header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: packed}
	header.SetMode(0o644)
	if strings.HasPrefix(path.Base(name), "gpx_") {
		header.SetMode(0o755)
	}
	w, err := z.CreateHeader(header)
	if err != nil {
		return err
	}
	return copyFile(w, file)
}

func packCommand(ctx context.Context, p platform, version string) error {
	binary, local := filepath.Join(releases, p.executable("playhead")), filepath.Join(releases, p.executable("playhead-local"))
	ldflags := "-s -w -X main.version=" + version
	for out, pkg := range map[string]string{binary: "./pkg/cmd/playhead", local: "./pkg/cmd/playhead-local"} {
		defer os.Remove(out)
		if err := runWith(ctx, []string{"CGO_ENABLED=0", "GOOS=" + p.os, "GOARCH=" + p.arch}, "go", "build", "-trimpath", "-ldflags", ldflags, "-o", out, pkg); err != nil {
			return err
		}
	}
	folder := fmt.Sprintf("playhead-%s-%s-%s", version, p.os, p.arch)
	contents := []struct {
		file string
		mode int64
	}{{binary, 0o755}, {local, 0o755}, {"LICENSE", 0o644}, {"CHANGELOG.md", 0o644}, {"docs/install.md", 0o644}, {"docs/playhead.yaml", 0o644}}
	return writeFile(filepath.Join(releases, folder+".tar.gz"), func(w io.Writer) error {
		zipped := gzip.NewWriter(w)
		t := tar.NewWriter(zipped)
		for _, c := range contents {
			if err := tarFile(t, c.file, path.Join(folder, filepath.Base(c.file)), c.mode); err != nil {
				return err
			}
		}
		return errors.Join(t.Close(), zipped.Close())
	})
}

func tarFile(t *tar.Writer, file, name string, mode int64) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: info.Size(), ModTime: packed}); err != nil {
		return err
	}
	return copyFile(t, file)
}

// writeChecksums writes what `sha256sum --check` reads.
func writeChecksums() error {
	list, err := files(releases)
	if err != nil {
		return err
	}
	slices.Sort(list)
	var lines strings.Builder
	for _, file := range list {
		sum := sha256.New()
		if err := copyFile(sum, file); err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%s  %s\n", hex.EncodeToString(sum.Sum(nil)), filepath.Base(file))
	}
	return os.WriteFile(filepath.Join(releases, "SHA256SUMS"), []byte(lines.String()), 0o644)
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

func copyFile(to io.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(to, f)
	return err
}
