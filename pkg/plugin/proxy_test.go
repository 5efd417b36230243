//go:build unix

package plugin_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/proxy"
	"github.com/grafana/grafana-plugin-sdk-go/config"

	"github.com/playhead/playhead/pkg/playback/playbacktest"
)

// With the secure socks proxy on, no connection to a store goes another way.
func TestProxy(t *testing.T) {
	stores := playbacktest.Open(t)
	record(t, stores)
	socks := listenSocks(t)
	ctx := config.WithGrafanaConfig(t.Context(), config.NewGrafanaCfg(map[string]string{
		proxy.PluginSecureSocksProxyEnabled:       "true",
		proxy.PluginSecureSocksProxyAllowInsecure: "true",
		proxy.PluginSecureSocksProxyProxyAddress:  socks.listener.Addr().String(),
	}))
	d := openWith(ctx, t, settings(t, stores, object{"enableSecureSocksProxy": true}))
	result, err := d.CheckHealth(ctx, &backend.CheckHealthRequest{})
	if err != nil || result.Status != backend.HealthStatusOk {
		t.Fatalf("health: %+v, %v", result, err)
	}
	socks.mu.Lock()
	defer socks.mu.Unlock()
	for _, address := range []string{stores.Addresses.ClickHouse.Address, stores.Addresses.S3.Endpoint} {
		if !slices.Contains(socks.asked, address) {
			t.Errorf("the proxy was asked for %q, not for %s", socks.asked, address)
		}
	}
}

// socksServer is as much of SOCKS5 (RFC 1928) as the plugin SDK needs.
type socksServer struct {
	listener net.Listener
	mu       sync.Mutex
	asked    []string
}

func listenSocks(t *testing.T) *socksServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &socksServer{listener: listener}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed: the test is over
			}
			go s.serve(conn) // ends when the plugin closes the connection
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return s
}

func (s *socksServer) serve(conn net.Conn) {
	defer conn.Close()
	address, err := handshake(conn)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, address)
	s.mu.Unlock()
	target, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer target.Close()
	if _, err := conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0}); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(target, conn)
		target.Close()
	}()
	_, _ = io.Copy(conn, target)
}

// handshake returns the address that is asked for: IPv4 or a name.
func handshake(conn io.ReadWriter) (string, error) {
	greeting := make([]byte, 2)
	if _, err := io.ReadFull(conn, greeting); err != nil {
		return "", err
	}
	if _, err := io.CopyN(io.Discard, conn, int64(greeting[1])); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte{5, 0}); err != nil {
		return "", err
	}
	request := make([]byte, 5)
	if _, err := io.ReadFull(conn, request); err != nil {
		return "", err
	}
	length := 4
	if request[3] == 3 {
		length = int(request[4]) + 1
	}
	rest := make([]byte, length+2-1)
	if _, err := io.ReadFull(conn, rest); err != nil {
		return "", err
	}
	port := binary.BigEndian.Uint16(rest[len(rest)-2:])
	if request[3] == 3 {
		return fmt.Sprintf("%s:%d", rest[:len(rest)-2], port), nil
	}
	return fmt.Sprintf("%s:%d", net.IP(append(request[4:5:5], rest[:3]...)), port), nil
}
