package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
)

// docs/playhead.yaml promises every field.
func TestDocumentedFileHasEveryField(t *testing.T) {
	data, err := os.ReadFile("../../../docs/playhead.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	// Alternatives that exclude a field of the file.
	text = strings.ReplaceAll(text, "Either password or", "password:")
	text = strings.ReplaceAll(text, "Either secret_key or", "secret_key:")
	for _, name := range fieldNames(reflect.TypeFor[config]()) {
		if !strings.Contains(text, name+":") {
			t.Errorf("%s is not in docs/playhead.yaml", name)
		}
	}
}

// fieldNames are the YAML names of a type and of all that it holds.
func fieldNames(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return fieldNames(t.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || name == "" && option == "":
			continue
		case name != "":
			names = append(names, name)
		}
		names = append(names, fieldNames(f.Type)...)
	}
	return names
}

// The page answers to names of this machine and of the proxy only, so that no
// other site can have its own name point here and read recordings.
func TestPageRefusesForeignNames(t *testing.T) {
	handler := onlyFor([]string{"Replay.Example.com"}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	f := func(host string, status int) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/api/sessions", nil)
		r.Host = host
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("host %q: %d, want %d", host, w.Code, status)
		}
	}
	for _, host := range []string{"127.0.0.1:8081", "127.0.0.1", "[::1]:8081", "localhost:8081", "LOCALHOST", "replay.example.com", "replay.example.com:443"} {
		f(host, http.StatusOK)
	}
	for _, host := range []string{"", "evil.example:8081", "127.0.0.1.evil.example", "localhost.evil.example:8081", "192.168.1.5:8081", "0.0.0.0:8081"} {
		f(host, http.StatusMisdirectedRequest)
	}
}
