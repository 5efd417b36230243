// Package plugintest runs the plugin's binary as Grafana does, as a child
// process spoken to over hashicorp/go-plugin, so that tests and the smoke test
// go the whole way without a Grafana.
//
// It is no Grafana: it has no users, no permissions and one data source at a
// time, whose settings every call brings along.
package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/config"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
)

// pluginID is the id of src/datasource/plugin.json.
const pluginID = "playhead-replay-datasource"

// Client is a running plugin. It is safe for concurrent use.
type Client struct {
	process     *goplugin.Client
	diagnostics grpcplugin.DiagnosticsClient
	data        grpcplugin.DataClient
	resource    grpcplugin.ResourceClient
	stream      grpcplugin.StreamClient
}

// Start starts the binary; what it logs goes to log. The process ends with
// Stop, or at the latest when ctx does.
func Start(ctx context.Context, binary string, log io.Writer) (*Client, error) {
	process := goplugin.NewClient(&goplugin.ClientConfig{
		Cmd: exec.CommandContext(ctx, binary),
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion:  grpcplugin.ProtocolVersion,
			MagicCookieKey:   grpcplugin.MagicCookieKey,
			MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		VersionedPlugins: map[int]goplugin.PluginSet{grpcplugin.ProtocolVersion: {
			"diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{},
			"resource":    &grpcplugin.ResourceGRPCPlugin{},
			"stream":      &grpcplugin.StreamGRPCPlugin{},
			"data":        &grpcplugin.DataGRPCPlugin{},
		}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger:           hclog.New(&hclog.LoggerOptions{Name: "plugintest", Level: hclog.Info, Output: log}),
	})
	c := &Client{process: process}
	if err := c.connect(); err != nil {
		process.Kill()
		return nil, fmt.Errorf("start plugin %s: %w", binary, err)
	}
	return c, nil
}

func (c *Client) connect() error {
	rpc, err := c.process.Client()
	if err != nil {
		return err
	}
	return errors.Join(
		dispense(rpc, "diagnostics", &c.diagnostics),
		dispense(rpc, "data", &c.data),
		dispense(rpc, "resource", &c.resource),
		dispense(rpc, "stream", &c.stream),
	)
}

func dispense[T any](rpc goplugin.ClientProtocol, name string, to *T) error {
	raw, err := rpc.Dispense(name)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", name, err)
	}
	service, ok := raw.(T)
	if !ok {
		return fmt.Errorf("%s is a %T", name, raw)
	}
	*to = service
	return nil
}

// Stop asks the plugin to end, and kills it when it does not within seconds.
func (c *Client) Stop() { c.process.Kill() }

func pluginContext(settings backend.DataSourceInstanceSettings) backend.PluginContext {
	return backend.PluginContext{
		Namespace:                  "default",
		PluginID:                   pluginID,
		User:                       &backend.User{Login: "viewer", Name: "Viewer", Role: "Viewer"},
		DataSourceInstanceSettings: &settings,
		GrafanaConfig:              config.NewGrafanaCfg(map[string]string{}),
	}
}

// CheckHealth does what "Save & test" does.
func (c *Client) CheckHealth(ctx context.Context, settings backend.DataSourceInstanceSettings) (*backend.CheckHealthResult, error) {
	response, err := c.diagnostics.CheckHealth(ctx, &pluginv2.CheckHealthRequest{
		PluginContext: backend.ToProto().PluginContext(pluginContext(settings)),
	})
	if err != nil {
		return nil, err
	}
	return backend.FromProto().CheckHealthResponse(response), nil
}

// QueryData does what a panel does.
func (c *Client) QueryData(ctx context.Context, settings backend.DataSourceInstanceSettings, queries ...backend.DataQuery) (*backend.QueryDataResponse, error) {
	response, err := c.data.QueryData(ctx, backend.ToProto().QueryDataRequest(&backend.QueryDataRequest{
		PluginContext: pluginContext(settings),
		Queries:       queries,
	}))
	if err != nil {
		return nil, err
	}
	return backend.FromProto().QueryDataResponse(response)
}

// CallResource calls a resource and passes on every message of the answer; the
// first has the status and the headers. The request's plugin context is set
// here.
func (c *Client) CallResource(ctx context.Context, settings backend.DataSourceInstanceSettings, req *backend.CallResourceRequest, sender backend.CallResourceResponseSender) error {
	call := *req
	call.PluginContext = pluginContext(settings)
	stream, err := c.resource.CallResource(ctx, backend.ToProto().CallResourceRequest(&call))
	if err != nil {
		return err
	}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := sender.Send(backend.FromProto().CallResourceResponse(message)); err != nil {
			return err
		}
	}
}

// SubscribeStream asks to follow a channel's path, as a viewer.
func (c *Client) SubscribeStream(ctx context.Context, settings backend.DataSourceInstanceSettings, path string) (*backend.SubscribeStreamResponse, error) {
	response, err := c.stream.SubscribeStream(ctx, backend.ToProto().SubscribeStreamRequest(&backend.SubscribeStreamRequest{
		PluginContext: pluginContext(settings), Path: path,
	}))
	if err != nil {
		return nil, err
	}
	return backend.FromProto().SubscribeStreamResponse(response), nil
}

// PublishStream tries to publish to a channel.
func (c *Client) PublishStream(ctx context.Context, settings backend.DataSourceInstanceSettings, path string, message json.RawMessage) (*backend.PublishStreamResponse, error) {
	response, err := c.stream.PublishStream(ctx, backend.ToProto().PublishStreamRequest(&backend.PublishStreamRequest{
		PluginContext: pluginContext(settings), Path: path, Data: message,
	}))
	if err != nil {
		return nil, err
	}
	return backend.FromProto().PublishStreamResponse(response), nil
}

// RunStream passes on every message of a channel until the stream or ctx ends.
func (c *Client) RunStream(ctx context.Context, settings backend.DataSourceInstanceSettings, path string, receive func(json.RawMessage)) error {
	stream, err := c.stream.RunStream(ctx, backend.ToProto().RunStreamRequest(&backend.RunStreamRequest{
		PluginContext: pluginContext(settings), Path: path,
	}))
	if err != nil {
		return err
	}
	for {
		packet, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		receive(packet.GetData())
	}
}

// Handler serves the data source's resources as Grafana does under
// /api/datasources/uid/<uid>/resources; mount it with that prefix stripped.
func (c *Client) Handler(settings backend.DataSourceInstanceSettings) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			http.Error(w, "read request", http.StatusBadRequest)
			return
		}
		path := strings.TrimPrefix(req.URL.Path, "/")
		call := &backend.CallResourceRequest{
			Path:    path,
			Method:  req.Method,
			URL:     path,
			Headers: forwarded(req.Header),
			Body:    body,
		}
		if req.URL.RawQuery != "" {
			call.URL += "?" + req.URL.RawQuery
		}
		sender := &httpSender{w: w}
		if err := c.CallResource(req.Context(), settings, call, sender); err != nil && !sender.begun {
			http.Error(w, "call resource", http.StatusInternalServerError)
		}
	})
}

// forwarded are the headers that Grafana passes on: those of the connection
// and the cookies stay behind.
func forwarded(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range []string{"Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Cookie", "Origin", "Referer"} {
		h.Del(name)
	}
	return h
}

// httpSender writes the messages of an answer to w as they come.
type httpSender struct {
	w     http.ResponseWriter
	begun bool
}

// Send writes one message.
func (s *httpSender) Send(message *backend.CallResourceResponse) error {
	if !s.begun {
		s.begun = true
		for name, values := range message.Headers {
			for _, value := range values {
				s.w.Header().Add(name, value)
			}
		}
		s.w.Header().Set("Content-Security-Policy", "sandbox") // Grafana does
		s.w.WriteHeader(message.Status)
	}
	if _, err := s.w.Write(message.Body); err != nil {
		return err
	}
	if f, ok := s.w.(http.Flusher); ok {
		f.Flush()
	}
	return nil
}
