// Package recipes proves the recipes for servers in docs/correlate.md: it takes
// them out of that page, runs them in servers with OpenTelemetry's SDK for the
// language, and looks at what these export. A language that is not installed is
// skipped. The recipe for Go is the package propagation, which has its own tests.
package recipes

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
)

const (
	page    = "../../docs/correlate.md"
	session = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000"
	other   = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0001"
)

// requests are the ways in which a session id comes to a server.
var requests = []struct {
	name            string
	header, baggage string
	want            string
}{
	{name: "header", header: session, want: session},
	{name: "baggage", baggage: "session.id=" + session, want: session},
	{name: "baggage before header", header: other, baggage: "session.id=" + session, want: session},
	{name: "beside other baggage", header: session, baggage: "tenant=a", want: session},
	{name: "bad baggage, header", header: session, baggage: "session.id=%3Cscript%3E", want: session},
	{name: "none"},
	{name: "too short", header: "abc"},
	{name: "too long", header: strings.Repeat("a", 65), baggage: "session.id=" + strings.Repeat("a", 65)},
	{name: "a script", header: "<script>alert(1)</script>", baggage: "session.id=%3Cscript%3E"},
	{name: "a line break", baggage: "session.id=" + session + "%0A" + other},
}

// checkAll sends every request of the table and compares the session id of the
// request's span, of a span within it and of a log record.
func checkAll(t *testing.T, address string, r *receiver) {
	traces := make([][]byte, len(requests))
	for i, request := range requests {
		traces[i] = send(t, address, request.header, request.baggage)
	}
	for i, request := range requests {
		t.Run(request.name, func(t *testing.T) {
			got := r.await(t, traces[i])
			for what, attrs := range map[string][]*common.KeyValue{
				"the request's span": got.server.Attributes, "a span within": got.work.Attributes, "the log record": got.record.Attributes,
			} {
				if id := attribute(attrs, "session.id").GetStringValue(); id != request.want {
					t.Errorf("%s has session %q, want %q", what, id, request.want)
				}
			}
		})
	}
}

// send posts a request within a new trace and gives the trace's id.
func send(t *testing.T, address, header, baggage string) []byte {
	t.Helper()
	ids := make([]byte, 24)
	if _, err := rand.Read(ids); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/orders", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Traceparent", fmt.Sprintf("00-%x-%x-01", ids[:16], ids[16:]))
	if header != "" {
		request.Header.Set("X-Session-ID", header)
	}
	if baggage != "" {
		request.Header.Set("Baggage", baggage)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the server answered %s", response.Status)
	}
	return ids[:16]
}

func attribute(attrs []*common.KeyValue, key string) *common.AnyValue {
	for _, a := range attrs {
		if a.Key == key {
			return a.Value
		}
	}
	return nil
}

// recipe gives the code blocks of a language below a heading of the page.
func recipe(t *testing.T, heading, language string, want int) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n### "+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", page, heading)
	}
	section, _, _ = strings.Cut(section, "\n##")
	var blocks []string
	for {
		_, rest, found := strings.Cut(section, "\n```"+language+"\n")
		if !found {
			break
		}
		block, after, _ := strings.Cut(rest, "\n```")
		blocks, section = append(blocks, block+"\n"), after
	}
	if len(blocks) != want {
		t.Fatalf("%q has %d blocks of %s, want %d", heading, len(blocks), language, want)
	}
	return blocks
}

func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serve starts a server that exports to the receiver and waits until it listens.
func serve(t *testing.T, r *receiver, address string, command *exec.Cmd) {
	t.Helper()
	var output bytes.Buffer
	command.Env = append(command.Environ(),
		"OTEL_EXPORTER_OTLP_ENDPOINT="+r.url,
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		"OTEL_METRICS_EXPORTER=none",
		"OTEL_BSP_SCHEDULE_DELAY=100",
		"OTEL_BLRP_SCHEDULE_DELAY=100",
		// Neither the machine's proxy nor its own OpenTelemetry settings.
		"NO_PROXY=127.0.0.1", "OTEL_SDK_DISABLED=false", "OTEL_TRACES_SAMPLER=parentbased_always_on", "OTEL_PROPAGATORS=tracecontext,baggage")
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		if t.Failed() {
			t.Log(output.String())
		}
	})
	var dial net.Dialer
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		connection, err := dial.DialContext(t.Context(), "tcp", address)
		if err == nil {
			connection.Close()
			return
		}
		if command.Process.Signal(syscall.Signal(0)) != nil {
			break
		}
	}
	t.Fatal("the server does not listen")
}

// program is a command that is ended politely, and in the end not.
func program(ctx context.Context, name string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	return command
}

func freeAddress(t *testing.T) string {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// lastLine is the line of an output that says what went wrong.
func lastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return lines[len(lines)-1]
}
