package recipes

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A Python whose OpenTelemetry is elsewhere is named by PLAYHEAD_PYTHON, with
// PYTHONPATH.
func TestPython(t *testing.T) {
	python := cmp.Or(os.Getenv("PLAYHEAD_PYTHON"), "python3")
	imports := "import uvicorn, starlette, opentelemetry.sdk._logs, opentelemetry.instrumentation.starlette, opentelemetry.exporter.otlp.proto.http.trace_exporter"
	if output, err := exec.CommandContext(t.Context(), python, "-c", imports).CombinedOutput(); err != nil {
		t.Skipf("skipped: no opentelemetry for Python: %s", lastLine(output))
	}
	blocks := recipe(t, "Python (ASGI)", "python", 2)
	folder := t.TempDir()
	write(t, folder, "playhead_session.py", blocks[0])
	registration := write(t, folder, "registration.py", blocks[1])
	for _, way := range []string{"asgi", "starlette", "fastapi"} {
		t.Run(way, func(t *testing.T) {
			if exec.CommandContext(t.Context(), python, "-c", "import fastapi, opentelemetry.instrumentation.fastapi").Run() != nil && way == "fastapi" {
				t.Skip("skipped: no FastAPI")
			}
			r, address := newReceiver(t), freeAddress(t)
			command := program(t.Context(), python, "testdata/python/server.py", portOf(t, address), way, registration)
			command.Env = append(os.Environ(), "PYTHONPATH="+folder+string(filepath.ListSeparator)+os.Getenv("PYTHONPATH"), "PYTHONDONTWRITEBYTECODE=1")
			serve(t, r, address, command)
			checkAll(t, address, r)
		})
	}
}
