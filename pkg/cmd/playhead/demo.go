package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	shoprecordings "github.com/playhead/playhead/examples/shop/recordings"
	"github.com/playhead/playhead/pkg/embedded"
	"github.com/playhead/playhead/pkg/ingest"
	"github.com/playhead/playhead/pkg/recording"
)

const (
	demoProject = recording.ProjectID("shop")
	// demoKey is no secret: every visitor of the shop can read it in the page.
	demoKey = "pk_demo_shop_0123456789"
)

// demoAddresses is what the demo writes to demo.json in its folder, for
// programs that drive it. It holds the keys of the stores.
type demoAddresses struct {
	Ingest  string              `json:"ingest"`
	Public  string              `json:"public"` // of ingest, for browsers
	Page    string              `json:"page"`
	Shop    string              `json:"shop"`
	OTLP    string              `json:"otlp"` // OTLP/HTTP, for services whose traces and logs the page shows
	Grafana string              `json:"grafana,omitempty"`
	Project recording.ProjectID `json:"project"`
	Key     string              `json:"key"`
	Stores  embedded.Addresses  `json:"stores"`
}

func runDemo(ctx context.Context, c *call) (err error) {
	dir := c.flags.String("data", filepath.Join("data", "demo"), "`FOLDER` for everything that the demo stores")
	ingestAt := c.flags.String("ingest", "127.0.0.1:8080", "`ADDRESS` of ingest")
	public := c.flags.String("public", "", "`URL` at which browsers reach ingest, when something stands in front of it")
	pageAt := c.flags.String("page", "127.0.0.1:8081", "`ADDRESS` of the standalone page")
	shopAt := c.flags.String("shop", "127.0.0.1:8090", "`ADDRESS` of the shop")
	otlpAt := c.flags.String("otlp", "127.0.0.1:0", "`ADDRESS` that takes traces and logs over OTLP/HTTP; port 0: a free one")
	grafanaAt := c.flags.String("grafana", "127.0.0.1:3000", "`ADDRESS` of Grafana, where there is one; empty: none")
	plugin := c.flags.String("plugin", "dist", "`FOLDER` of the built plugin, for Grafana")
	provisioning := c.flags.String("provisioning", "provisioning", "`FOLDER` of Grafana's provisioning files")
	seed := c.flags.Bool("seed", true, "store recordings of the three scenarios first")
	if err := c.parseNoWords(); err != nil {
		return err
	}
	if err := os.MkdirAll(*dir, 0o750); err != nil {
		return err
	}
	log, closeLog, err := demoLog(*dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	cfg, err := demoConfig(*dir, *ingestAt, *pageAt, *shopAt, *otlpAt)
	if err != nil {
		return err
	}
	s, err := openStores(ctx, cfg, false, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.migrate(ctx, log); err != nil {
		return err
	}
	if *seed {
		if err := seedRecordings(ctx, cfg, s, log, time.Now()); err != nil {
			return fmt.Errorf("store the demo's recordings: %w", err)
		}
	}
	v, err := newService(ctx, cfg, s, log)
	if err != nil {
		return err
	}
	at := demoAddresses{
		Ingest: "http://" + v.listener.Addr().String(), Public: *public, Page: "http://" + v.page.Addr().String(), Shop: "http://" + *shopAt, OTLP: "http://" + v.otlp.Addr().String(),
		Project: demoProject, Key: demoKey, Stores: s.addresses,
	}
	if at.Public == "" {
		at.Public = at.Ingest
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return v.run(running) })
	group.Go(func() error { return runShop(running, *shopAt, at, log) })
	grafana := findGrafana(*grafanaAt, *plugin, *provisioning)
	if grafana.home != "" {
		at.Grafana = "http://" + *grafanaAt
		group.Go(func() error { return grafana.run(running, *dir, s.addresses, log) })
	}
	group.Go(func() error {
		if err := awaitReady(running, at); err != nil {
			return err
		}
		if err := writeAddresses(*dir, at); err != nil {
			return err
		}
		welcome(c.stdout, at, grafana.missing, *dir)
		return nil
	})
	return group.Wait()
}

// demoLog keeps the log in a file, so that the terminal shows what to try.
func demoLog(dir string) (*slog.Logger, func() error, error) {
	f, err := os.OpenFile(filepath.Join(dir, "demo.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	return newLog(f, slog.LevelInfo), f.Close, nil
}

func demoConfig(dir, ingestAt, pageAt, shopAt, otlpAt string) (config, error) {
	_, shopPort, err := net.SplitHostPort(shopAt)
	if err != nil {
		return config{}, &usageError{"--shop must be host:port"}
	}
	c := defaultConfig()
	c.Listen, c.DataDir = ingestAt, dir
	c.Standalone = standaloneConfig{Listen: pageAt, Project: demoProject, Telemetry: telemetryConfig{Database: "otel", Receive: otlpAt}}
	c.Ingest.Projects = []ingest.Project{{ID: demoProject, Keys: []ingest.Key{{
		Name: "shop", Key: demoKey, Origins: []string{"http://127.0.0.1:" + shopPort, "http://localhost:" + shopPort},
	}}}}
	// Somebody is waiting to watch.
	c.Ingest.Flush.PackAge = 2 * time.Second
	c.completePaths()
	return c, c.validate()
}

// seedRecordings stores the shop's recordings as if they had just been made.
// Their ids come from their content: a second start stores nothing new.
func seedRecordings(ctx context.Context, c config, s *stores, log *slog.Logger, now time.Time) error {
	names, err := fs.Glob(shoprecordings.Files, "*.json")
	if err != nil {
		return err
	}
	i, err := newImporter(ctx, c, s, log)
	if err != nil {
		return err
	}
	for n, name := range names {
		if err := seedRecording(ctx, i, name, now.Add(-time.Duration(n+1)*7*time.Minute)); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", name, err), i.close(ctx))
		}
	}
	return i.close(ctx)
}

func seedRecording(ctx context.Context, i *importer, name string, end time.Time) error {
	f, err := shoprecordings.Files.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := readRecording(f, i.limits)
	if err != nil {
		return err
	}
	scenario := strings.TrimSuffix(filepath.Base(name), ".json")
	origin := recording.Origin{UserID: "demo-" + scenario, Environment: "demo"}
	return i.store(ctx, demoProject, r, origin, end.Sub(time.UnixMilli(r.endMs)).Truncate(time.Millisecond))
}

// runShop keeps the shop running until ctx is done. It ends with this process,
// however that ends.
func runShop(ctx context.Context, address string, at demoAddresses, log *slog.Logger) error {
	program, err := findLocal()
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, program, "shop", "-attached", "-listen", address, "-recorder", at.Public+"/playhead.js", "-key", demoKey, "-otlp", at.OTLP) //nolint:gosec // the program beside this one
	c.Stdout, c.Stderr = logWriter{log}, logWriter{log}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for this process, which tells it
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 10 * time.Second
	alive, err := c.StdinPipe()
	if err != nil {
		return fmt.Errorf("start the shop: %w", err)
	}
	defer alive.Close()
	if err := c.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("the shop ended, demo.log says why: %w", err)
	}
	return nil
}

// logWriter takes the shop's own log lines into the demo's log.
type logWriter struct{ log *slog.Logger }

func (w logWriter) Write(line []byte) (int, error) {
	w.log.Info("shop", "line", string(line))
	return len(line), nil
}

// awaitReady returns when every part answers.
func awaitReady(ctx context.Context, at demoAddresses) error {
	targets := []string{at.Ingest + "/readyz", at.Page + "/", at.Shop + "/"}
	if at.Grafana != "" {
		targets = append(targets, at.Grafana+"/api/health")
	}
	for _, target := range targets {
		if err := awaitAnswer(ctx, target); err != nil {
			return err
		}
	}
	return nil
}

func awaitAnswer(ctx context.Context, target string) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if err == nil && response.StatusCode < http.StatusInternalServerError {
				return nil
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", target, ctx.Err())
		}
	}
}

// writeAddresses puts demo.json in place whole, readable by its owner only.
func writeAddresses(dir string, at demoAddresses) error {
	data, err := json.MarshalIndent(at, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "demo.json")
	if err := os.WriteFile(path+".tmp", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

func welcome(w io.Writer, at demoAddresses, noGrafana, dir string) {
	fmt.Fprintf(w, `
Playhead is running.

  The shop          %s
  Replays           %s
`, at.Shop, at.Page)
	if at.Grafana != "" {
		fmt.Fprintf(w, "  Grafana           %s/a/playhead-replay-app/sessions\n", at.Grafana)
	} else {
		fmt.Fprintf(w, "  Grafana           not started: %s\n", noGrafana)
	}
	fmt.Fprintf(w, `  Ingest            %s (metrics at /metrics)
  OTLP/HTTP         %s (traces and logs beside the replays)

Try this, then watch it under Replays a few seconds later:

  1. Press "Place order" without a delivery date. What was wrong?
  2. Choose a date and press "Place order" twice, quickly. How many orders?
  3. Open Sale and press "Show the offers". Why does the page freeze?

Logs: %s. Stop with Ctrl-C.
`, at.Ingest, at.OTLP, filepath.Join(dir, "demo.log"))
}
