package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"time"
)

// scenario is what the browser saw while it acted as a user.
type scenario struct {
	Name      string    `json:"scenario"`
	SessionID string    `json:"session_id"`
	Instants  []instant `json:"instants"`
}

// instant is the text of the page at a time of the browser's clock.
type instant struct {
	T    int64  `json:"t"`
	Text string `json:"text"`
}

// driver is drive.mjs with JSON lines in and out.
type driver struct {
	cmd *exec.Cmd
	in  *json.Encoder
	out *json.Decoder
}

func startDriver(ctx context.Context, stderr io.Writer, errand, address string) (*driver, error) {
	cmd := exec.CommandContext(ctx, "node", filepath.Join("tests", "smoke", "drive.mjs"), errand, address)
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &driver{cmd: cmd, in: json.NewEncoder(in), out: json.NewDecoder(out)}, cmd.Start()
}

// record acts the three scenarios and kills the demo in the middle of the
// first.
func record(ctx context.Context, d *demo, stderr io.Writer) ([]scenario, error) {
	browser, err := startDriver(ctx, stderr, "record", d.at.Shop)
	if err != nil {
		return nil, err
	}
	var scenarios []scenario
	for {
		var said struct {
			scenario
			At   string `json:"at"`
			Done bool   `json:"done"`
		}
		if err := browser.out.Decode(&said); err != nil {
			return nil, errors.Join(fmt.Errorf("the browser broke off: %w", err), browser.cmd.Wait())
		}
		switch {
		case said.At == "kill":
			if err := d.restart(ctx); err != nil {
				return nil, err
			}
			if err := browser.in.Encode(map[string]bool{"restarted": true}); err != nil {
				return nil, err
			}
		case said.Done:
			return scenarios, browser.cmd.Wait()
		default:
			scenarios = append(scenarios, said.scenario)
		}
	}
}

// replay opens every session at every instant in the standalone page, which
// gets its data from the plugin, and compares the texts.
func (r *results) replay(ctx context.Context, s *source, scenarios []scenario, stderr io.Writer) error {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", s.resources()))
	mux.HandleFunc("/", servePage)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(l) //nolint:errcheck // ends with Close
	defer server.Close()
	browser, err := startDriver(ctx, stderr, "replay", "http://"+l.Addr().String())
	if err != nil {
		return err
	}
	for _, sc := range scenarios {
		offset, err := s.clockOffset(ctx, sc.SessionID)
		if err != nil {
			return err
		}
		for i, at := range sc.Instants {
			if err := browser.in.Encode(map[string]any{"session_id": sc.SessionID, "t": at.T + offset}); err != nil {
				return err
			}
			var got struct{ Text, Problem string }
			if err := browser.out.Decode(&got); err != nil {
				return errors.Join(fmt.Errorf("the browser broke off: %w", err), browser.cmd.Wait())
			}
			r.instants++
			if got.Text != at.Text || got.Problem != "" {
				r.mismatches++
				fmt.Fprintf(stderr, "%s, instant %d (session %s, t %d): %s\n  page:   %q\n  replay: %q\n", sc.Name, i, sc.SessionID, at.T+offset, got.Problem, at.Text, got.Text)
			}
		}
	}
	if err := browser.in.Encode(map[string]bool{"done": true}); err != nil {
		return err
	}
	return browser.cmd.Wait()
}

// servePage serves the built standalone page as `playhead` does.
func servePage(w http.ResponseWriter, r *http.Request) {
	name := path.Clean(r.URL.Path)
	if path.Ext(name) == "" {
		name = "/index.html"
	}
	http.ServeFileFS(w, r, os.DirFS("dist-standalone"), name[1:])
}
