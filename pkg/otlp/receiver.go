package otlp

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// maxBody is how large a body may be after it was decompressed. SDKs send a few
// hundred spans at a time.
const maxBody = 16 << 20

var (
	errTooLarge = fmt.Errorf("the body is larger than %d bytes", maxBody)
	errEncoding = errors.New("the body must be compressed with gzip or not at all")
)

// Receiver takes traces at /v1/traces and logs at /v1/logs, as protobuf or JSON
// (the OTLP/HTTP specification). It answers when they are stored; a sender may
// repeat what was answered 503.
func (s *Store) Receiver() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/traces", receive(s, storeTraces))
	mux.Handle("POST /v1/logs", receive(s, storeLogs))
	return mux
}

// errBody is of a body that is not what its content type says.
var errBody = errors.New("the body is not what its type says")

// storeTraces stores the body of an ExportTraceServiceRequest, which has the
// encoding of TracesData. (Package ptraceotlp has the request too, and gRPC with
// it.)
func storeTraces(ctx context.Context, s *Store, body []byte, json bool) error {
	unmarshal := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces
	if json {
		unmarshal = (&ptrace.JSONUnmarshaler{}).UnmarshalTraces
	}
	traces, err := unmarshal(body)
	if err != nil {
		return errBody
	}
	return s.InsertTraces(ctx, traces)
}

// storeLogs stores the body of an ExportLogsServiceRequest, which has the encoding
// of LogsData.
func storeLogs(ctx context.Context, s *Store, body []byte, json bool) error {
	unmarshal := (&plog.ProtoUnmarshaler{}).UnmarshalLogs
	if json {
		unmarshal = (&plog.JSONUnmarshaler{}).UnmarshalLogs
	}
	logs, err := unmarshal(body)
	if err != nil {
		return errBody
	}
	return s.InsertLogs(ctx, logs)
}

func receive(s *Store, store func(ctx context.Context, s *Store, body []byte, json bool) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Other types are what a foreign page may send without being asked.
		contentType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || contentType != "application/x-protobuf" && contentType != "application/json" {
			http.Error(w, "the content type must be application/x-protobuf or application/json", http.StatusUnsupportedMediaType)
			return
		}
		json := contentType == "application/json"
		body, err := readBody(w, r)
		if err != nil {
			http.Error(w, err.Error(), statusOf(err))
			return
		}
		err = store(r.Context(), s, body, json)
		if errors.Is(err, errBody) {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err != nil {
			s.log.ErrorContext(r.Context(), "Telemetry not stored", "path", r.URL.Path, "error", err)
			http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", contentType)
		if json {
			_, _ = io.WriteString(w, "{}") // the sender may have gone; a response without fields has no bytes as protobuf
		}
	})
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var body io.Reader = http.MaxBytesReader(w, r.Body, maxBody)
	switch r.Header.Get("Content-Encoding") {
	case "":
	case "gzip":
		zip, err := gzip.NewReader(body)
		if err != nil {
			return nil, fmt.Errorf("decompress: %w", err)
		}
		defer zip.Close()
		body = zip
	default:
		return nil, errEncoding
	}
	data, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	if len(data) > maxBody {
		return nil, errTooLarge
	}
	return data, nil
}

func statusOf(err error) int {
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, errTooLarge), errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errEncoding):
		return http.StatusUnsupportedMediaType
	default:
		return http.StatusBadRequest
	}
}
