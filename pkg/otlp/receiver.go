package otlp

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
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
	mux.Handle("POST /v1/traces", receive(s, func() message { return traceMessage{ptraceotlp.NewExportRequest()} }))
	mux.Handle("POST /v1/logs", receive(s, func() message { return logMessage{plogotlp.NewExportRequest()} }))
	return mux
}

// message is a request of one signal and its answer, in both encodings.
type message interface {
	UnmarshalProto(data []byte) error
	UnmarshalJSON(data []byte) error
	store(ctx context.Context, s *Store) error
	answer(json bool) ([]byte, error)
}

type traceMessage struct{ ptraceotlp.ExportRequest }

func (m traceMessage) store(ctx context.Context, s *Store) error {
	return s.InsertTraces(ctx, m.Traces())
}

func (m traceMessage) answer(json bool) ([]byte, error) {
	response := ptraceotlp.NewExportResponse()
	if json {
		return response.MarshalJSON()
	}
	return response.MarshalProto()
}

type logMessage struct{ plogotlp.ExportRequest }

func (m logMessage) store(ctx context.Context, s *Store) error { return s.InsertLogs(ctx, m.Logs()) }

func (m logMessage) answer(json bool) ([]byte, error) {
	response := plogotlp.NewExportResponse()
	if json {
		return response.MarshalJSON()
	}
	return response.MarshalProto()
}

func receive(s *Store, newMessage func() message) http.Handler {
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
		m := newMessage()
		unmarshal := m.UnmarshalProto
		if json {
			unmarshal = m.UnmarshalJSON
		}
		if err := unmarshal(body); err != nil {
			http.Error(w, "the body is not what its type says", http.StatusBadRequest)
			return
		}
		if err := m.store(r.Context(), s); err != nil {
			s.log.ErrorContext(r.Context(), "Telemetry not stored", "path", r.URL.Path, "error", err)
			http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
			return
		}
		answer, err := m.answer(json)
		if err != nil {
			http.Error(w, "no answer", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(answer) //nolint:gosec // JSON or protobuf by its type, no page; the sender may have gone
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
