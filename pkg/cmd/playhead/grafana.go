package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/playhead/playhead/pkg/embedded"
)

// grafanaServer is a Grafana found on this machine, to be started with the
// built plugin and the provisioning files of this repository.
type grafanaServer struct {
	binary, home string // home is empty when there is none
	missing      string // why there is none
	address      string
	plugin       string
	provisioning string
}

// findGrafana looks for Grafana in GRAFANA_HOME and on the PATH.
func findGrafana(address, plugin, provisioning string) grafanaServer {
	g := grafanaServer{address: address, plugin: plugin, provisioning: provisioning}
	if address == "" {
		g.missing = "switched off"
		return g
	}
	if _, err := os.Stat(filepath.Join(plugin, "module.js")); err != nil {
		g.missing = "the plugin is not built in " + plugin
		return g
	}
	home := os.Getenv("GRAFANA_HOME")
	g.binary = filepath.Join(home, "bin", "grafana")
	if home == "" {
		binary, err := exec.LookPath("grafana")
		if err != nil {
			g.missing = "no grafana on the PATH and no GRAFANA_HOME"
			return g
		}
		if g.binary, err = filepath.EvalSymlinks(binary); err != nil {
			g.missing = err.Error()
			return g
		}
		home = filepath.Dir(filepath.Dir(g.binary))
		// Debian's package keeps its files apart from the program.
		if _, err := os.Stat(filepath.Join(home, "conf", "defaults.ini")); err != nil {
			home = "/usr/share/grafana"
		}
	}
	if _, err := os.Stat(filepath.Join(home, "conf", "defaults.ini")); err != nil {
		g.missing = "no conf/defaults.ini in " + home + "; set GRAFANA_HOME"
		return g
	}
	g.home = home
	return g
}

// run keeps Grafana running until ctx is done. It asks nothing of the
// internet, and everybody on this machine is its administrator.
func (g grafanaServer) run(ctx context.Context, dir string, at embedded.Addresses, log *slog.Logger) error {
	paths, err := g.layOut(dir)
	if err != nil {
		return fmt.Errorf("prepare Grafana: %w", err)
	}
	host, port, err := net.SplitHostPort(g.address)
	if err != nil {
		return &usageError{"--grafana must be host:port"}
	}
	out, err := os.OpenFile(filepath.Join(dir, "grafana.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	c := exec.CommandContext(ctx, g.binary, "server", "--homepath", g.home)
	c.Stdout, c.Stderr = out, out
	c.Env = append(os.Environ(),
		"GF_SERVER_HTTP_ADDR="+host, "GF_SERVER_HTTP_PORT="+port,
		"GF_PATHS_DATA="+paths.data, "GF_PATHS_LOGS="+paths.data, "GF_PATHS_PLUGINS="+paths.plugins, "GF_PATHS_PROVISIONING="+paths.provisioning,
		"GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS=playhead-replay-app,playhead-replay-datasource,playhead-replay-panel",
		"GF_PLUGINS_PREINSTALL_DISABLED=true", "GF_PLUGINS_PLUGIN_ADMIN_ENABLED=false", "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED=true",
		"GF_AUTH_ANONYMOUS_ENABLED=true", "GF_AUTH_ANONYMOUS_ORG_ROLE=Admin",
		"GF_ANALYTICS_REPORTING_ENABLED=false", "GF_ANALYTICS_CHECK_FOR_UPDATES=false", "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES=false",
		"GF_NEWS_NEWS_FEED_ENABLED=false", "GF_SECURITY_DISABLE_GRAVATAR=true", "GF_SNAPSHOTS_EXTERNAL_ENABLED=false",
		"PLAYHEAD_DASHBOARDS="+paths.dashboards,
		"PLAYHEAD_CLICKHOUSE_PROTOCOL=http", "PLAYHEAD_CLICKHOUSE_ADDRESS="+at.ClickHouse.Address,
		"PLAYHEAD_CLICKHOUSE_USER="+at.ClickHouse.User, "PLAYHEAD_CLICKHOUSE_PASSWORD="+at.ClickHouse.Password,
		"PLAYHEAD_S3_ENDPOINT="+at.S3.Endpoint, "PLAYHEAD_S3_ACCESS_KEY="+at.S3.AccessKey, "PLAYHEAD_S3_SECRET_KEY="+at.S3.SecretKey,
	)
	if hasTelemetry() {
		c.Env = append(c.Env, "PLAYHEAD_TRACES_UID=tempo", "PLAYHEAD_LOGS_UID=loki")
	}
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 15 * time.Second
	log.Info("starting Grafana", "home", g.home, "address", g.address)
	err = c.Run()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("grafana ended by itself, see %s: %w", out.Name(), errors.Join(err, errors.New("not asked to")))
}

type grafanaPaths struct{ data, plugins, provisioning, dashboards string }

// layOut makes the folders that Grafana wants and links the plugin there.
func (g grafanaServer) layOut(dir string) (grafanaPaths, error) {
	root, err := filepath.Abs(filepath.Join(dir, "grafana"))
	if err != nil {
		return grafanaPaths{}, err
	}
	p := grafanaPaths{data: filepath.Join(root, "data"), plugins: filepath.Join(root, "plugins")}
	for _, d := range []string{p.data, p.plugins} {
		if err := os.MkdirAll(d, 0o750); err != nil {
			return p, err
		}
	}
	plugin, err := filepath.Abs(g.plugin)
	if err != nil {
		return p, err
	}
	link := filepath.Join(p.plugins, "playhead-replay-app")
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return p, err
	}
	if err := os.Symlink(plugin, link); err != nil {
		return p, err
	}
	p.provisioning = filepath.Join(root, "provisioning")
	p.dashboards = filepath.Join(p.provisioning, "dashboards", "playhead")
	return p, g.provision(p.provisioning)
}

// hasTelemetry says that there are a Tempo and a Loki to provision.
func hasTelemetry() bool { return os.Getenv("TEMPO_URL") != "" && os.Getenv("LOKI_URL") != "" }

// provision copies the provisioning files of the plugin, with those of Tempo
// and Loki where TEMPO_URL and LOKI_URL name them. A file of an earlier start
// that is no longer there must not be read again.
func (g grafanaServer) provision(to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	for _, folder := range []string{"alerting", "dashboards", "datasources", "plugins"} {
		if err := os.CopyFS(filepath.Join(to, folder), os.DirFS(filepath.Join(g.provisioning, folder))); err != nil {
			return err
		}
	}
	if !hasTelemetry() {
		return nil
	}
	return os.CopyFS(filepath.Join(to, "datasources"), os.DirFS(filepath.Join(g.provisioning, "stack", "grafana")))
}
