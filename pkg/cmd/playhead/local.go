package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// localProgram is installed with this one.
const localProgram = "playhead-local"

// findLocal returns the path of the program that has the S3 gateway and the
// demo's shop: beside this one, else on the PATH.
func findLocal() (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find own program: %w", err)
	}
	beside := filepath.Join(filepath.Dir(own), localProgram)
	if _, err := os.Stat(beside); err == nil {
		return beside, nil
	}
	path, err := exec.LookPath(localProgram)
	if err != nil {
		return "", errors.New(localProgram + ", which runs object storage on this machine, is neither beside playhead nor on the PATH: put it there, or configure clickhouse and object_storage")
	}
	return path, nil
}
