package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// addresses is demo.json, as far as the smoke test needs it.
type addresses struct {
	Ingest  string `json:"ingest"`
	Shop    string `json:"shop"`
	Project string `json:"project"`
	Stores  struct {
		ClickHouse struct {
			Address  string `json:"address"`
			Database string `json:"database"`
			User     string `json:"user"`
			Password string `json:"password"`
		} `json:"clickhouse"`
		S3 struct {
			Endpoint  string `json:"endpoint"`
			Region    string `json:"region"`
			Bucket    string `json:"bucket"`
			AccessKey string `json:"access_key"`
			SecretKey string `json:"secret_key"`
		} `json:"s3"`
	} `json:"stores"`
}

// demo is a running `playhead demo` on ports of its own.
type demo struct {
	dir    string
	args   []string
	stderr io.Writer
	cmd    *exec.Cmd
	front  *front
	at     addresses
}

func startDemo(ctx context.Context, dir string, stderr io.Writer) (*demo, error) {
	d := &demo{dir: dir, stderr: stderr}
	d.args = []string{"demo", "-data", dir, "-seed=false", "-grafana", ""}
	for _, part := range []string{"ingest", "page", "shop"} {
		address, err := freeAddress(ctx)
		if err != nil {
			return nil, err
		}
		d.args = append(d.args, "-"+part, address)
		if part == "ingest" {
			if d.front, err = startFront(ctx, address); err != nil {
				return nil, err
			}
			d.args = append(d.args, "-public", d.front.address)
		}
	}
	return d, d.start(ctx)
}

// start runs the demo and waits until it says that everything answers.
func (d *demo) start(ctx context.Context) error {
	said := filepath.Join(d.dir, "demo.json")
	if err := os.Remove(said); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	d.cmd = exec.Command(filepath.Join("bin", "playhead"), d.args...) //nolint:noctx // killed and stopped below
	d.cmd.Stdout, d.cmd.Stderr = d.stderr, d.stderr
	if err := d.cmd.Start(); err != nil {
		return fmt.Errorf("start the demo: %w", err)
	}
	err := await(ctx, time.Minute, func() (bool, error) {
		data, err := os.ReadFile(said)
		if errors.Is(err, os.ErrNotExist) {
			return false, d.cmd.Process.Signal(syscall.Signal(0))
		}
		if err != nil {
			return false, err
		}
		return true, json.Unmarshal(data, &d.at)
	})
	if err != nil {
		return fmt.Errorf("the demo does not come up: %w", err)
	}
	return nil
}

// restart kills the demo, ingest included, without a warning.
func (d *demo) restart(ctx context.Context) error {
	if err := d.cmd.Process.Kill(); err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := d.cmd.Wait(); !errors.As(err, &exit) {
		return fmt.Errorf("the demo was not killed: %w", err)
	}
	return d.start(ctx)
}

func (d *demo) stop() error {
	defer d.front.server.Close()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the demo: %w", err)
	}
	if err := d.cmd.Wait(); err != nil {
		return fmt.Errorf("the demo did not end well: %w", err)
	}
	return nil
}

func freeAddress(ctx context.Context) (string, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// await asks again every 100 ms until the condition holds, it fails or the
// time is over.
func await(ctx context.Context, limit time.Duration, condition func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if done, err := condition(); done || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
