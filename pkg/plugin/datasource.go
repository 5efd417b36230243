package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"
	"golang.org/x/net/proxy"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/links"
	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/playback"
)

// Stores are the open stores of one data source.
type Stores struct {
	Index  index.Index
	Bucket objectstore.Bucket
	// CheckBucket returns nil when the packs under the prefix can be listed;
	// its error says what to fix, as that of Index.Check does.
	CheckBucket func(ctx context.Context) error
	// Close ends all connections.
	Close func() error
}

// Dial makes a connection, as net.Dialer's DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// OpenStores prepares the stores of a data source; it need not connect. Dial
// is nil, or goes through Grafana's secure socks proxy. An error is about the
// settings.
type OpenStores func(s Settings, dial Dial) (Stores, error)

var (
	_ backend.QueryDataHandler      = (*Datasource)(nil)
	_ backend.CallResourceHandler   = (*Datasource)(nil)
	_ backend.CheckHealthHandler    = (*Datasource)(nil)
	_ backend.StreamHandler         = (*Datasource)(nil)
	_ instancemgmt.InstanceDisposer = (*Datasource)(nil)
)

// Datasource is one configured data source. It is safe for concurrent use.
type Datasource struct {
	settings  Settings
	problem   error // why the settings cannot work; then there are no stores
	stores    Stores
	reader    *playback.Reader
	links     links.Config
	self      links.Source
	resources backend.CallResourceHandler
	clock     Clock
	log       *slog.Logger
}

// NewFactory makes instances whose stores open opens and whose streams go by
// the clock. Settings that cannot
// work make an instance that says so, because an error here would reach the
// user as a plugin that is broken.
func NewFactory(open OpenStores, clock Clock) datasource.InstanceFactoryFunc {
	return func(ctx context.Context, instance backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
		d := &Datasource{
			self:  links.Source{UID: instance.UID, Name: instance.Name},
			clock: clock,
			log:   newLog(backend.Logger),
		}
		if err := d.open(ctx, instance, open); err != nil {
			d.problem = err
			d.resources = httpadapter.New(d.misconfigured())
		}
		return d, nil
	}
}

func (d *Datasource) open(ctx context.Context, instance backend.DataSourceInstanceSettings, open OpenStores) error {
	settings, err := ParseSettings(instance)
	if err != nil {
		return err
	}
	d.settings = settings
	dial, err := proxyDial(ctx, instance)
	if err != nil {
		return err
	}
	if d.stores, err = open(settings, dial); err != nil {
		return errors.New(settings.redact(err.Error()))
	}
	d.links = settings.linksOf(d.self)
	d.reader = playback.New(playback.Config{
		Project: settings.Project,
		Bucket:  d.stores.Bucket,
		Index:   d.stores.Index,
		Log:     d.log,
		Now:     d.clock.Now,
	})
	d.resources = httpadapter.New(d.reader.Handler())
	return nil
}

// proxyDial is nil unless the data source and Grafana want the secure socks
// proxy.
func proxyDial(ctx context.Context, instance backend.DataSourceInstanceSettings) (Dial, error) {
	var wanted struct {
		Enabled bool `json:"enableSecureSocksProxy"`
	}
	if err := json.Unmarshal(instance.JSONData, &wanted); err != nil || !wanted.Enabled {
		return nil, typeErrorOrNil(err)
	}
	client, err := instance.ProxyClient(ctx)
	if err != nil {
		return nil, fmt.Errorf("secure socks proxy: %w", err)
	}
	if !client.SecureSocksProxyEnabled() {
		return nil, &SettingError{"enableSecureSocksProxy", "needs [secure_socks_datasource_proxy] in Grafana's configuration"}
	}
	dialer, err := client.NewSecureSocksProxyContextDialer()
	if err != nil {
		return nil, fmt.Errorf("secure socks proxy: %w", err)
	}
	contextual, ok := dialer.(proxy.ContextDialer)
	if !ok {
		return nil, backend.PluginErrorf("secure socks proxy: dialer %T takes no context", dialer)
	}
	return contextual.DialContext, nil
}

func typeErrorOrNil(err error) error {
	if err == nil {
		return nil
	}
	return typeError(err)
}

// Dispose closes the stores. Grafana calls it when the settings have changed
// and the requests under way have had time to end.
func (d *Datasource) Dispose() {
	if d.stores.Close == nil {
		return
	}
	if err := d.stores.Close(); err != nil {
		d.log.Warn("Stores closed with an error", "error", err)
	}
}

// pathPattern is what a path of the Playback API can look like.
var pathPattern = regexp.MustCompile(`^/?[0-9A-Za-z_-]+(/[0-9A-Za-z_-]+)*$`)

// CallResource serves the Playback API.
func (d *Datasource) CallResource(ctx context.Context, req *backend.CallResourceRequest, sender backend.CallResourceResponseSender) error {
	// The path is decoded already. The adapter would parse it once more, as
	// the beginning of an address.
	if !pathPattern.MatchString(req.Path) {
		refused := *req
		refused.Path = "refused"
		req = &refused
	}
	return d.resources.CallResource(ctx, req, sender)
}

// misconfigured answers every resource with what is wrong with the settings.
func (d *Datasource) misconfigured() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(http.StatusBadRequest)
		problem := map[string]any{
			"type":   "about:blank",
			"title":  "Bad Request",
			"status": http.StatusBadRequest,
			"detail": "the data source's settings cannot work: " + d.problem.Error(),
		}
		_ = json.NewEncoder(w).Encode(problem) // the caller may have gone
	})
}
