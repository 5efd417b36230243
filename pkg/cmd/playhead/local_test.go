package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindLocal(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("PATH", folder)
	if _, err := findLocal(); err == nil || !strings.Contains(err.Error(), localProgram) || !strings.Contains(err.Error(), "object_storage") {
		t.Errorf("without the program: %v, which does not say what to do", err)
	}
	want := filepath.Join(folder, localProgram)
	if err := os.WriteFile(want, nil, 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	if got, err := findLocal(); err != nil || got != want {
		t.Errorf("on the PATH: %q, %v", got, err)
	}
}
