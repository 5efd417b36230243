package main

import (
	"embed"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/otlp"
	"github.com/playhead/playhead/pkg/playback"
)

// assets are what browsers get: the recorder and the standalone page. The
// build puts them there; a plain `go build` has none.
//
//go:embed all:assets
var assets embed.FS

// pagePolicy lets the page run its own scripts and talk to its own server.
// Recordings are shown in a frame with a stricter policy of its own.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// standalone serves the page at / and the playback API at /api/, with the
// routes of telemetry unless it is nil.
func standalone(reader *playback.Reader, telemetry *otlp.Store, hosts []string) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", reader.Handler()))
	if telemetry != nil {
		handler := http.StripPrefix("/api", telemetry.Handler())
		mux.Handle("/api/traces/{trace}", handler)
		mux.Handle("/api/sessions/{session}/logs", handler)
	}
	mux.Handle("/", page())
	return &http.Server{Handler: onlyFor(hosts, mux), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute}
}

// onlyFor refuses requests that name another host than this machine or one of
// hosts. Any site that somebody on this machine visits can let its own name
// point to 127.0.0.1 (DNS rebinding); its scripts could then read recordings.
func onlyFor(hosts []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := url.URL{Host: r.Host}
		named := func(host string) bool { return strings.EqualFold(host, u.Hostname()) }
		if !isLoopback(strings.ToLower(u.Hostname())) && !slices.ContainsFunc(hosts, named) {
			http.Error(w, "this page is not served under that name (standalone.hosts)", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// page serves files, and index.html for every path that is an address within
// the page.
func page() http.Handler {
	root, err := fs.Sub(assets, "assets/standalone")
	if err != nil {
		panic(err) // the path is a constant
	}
	files := http.FileServerFS(root)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", pagePolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		if name := strings.TrimPrefix(path.Clean(r.URL.Path), "/"); path.Ext(name) == "" {
			http.ServeFileFS(w, r, root, "index.html")
			return
		}
		files.ServeHTTP(w, r)
	})
}
