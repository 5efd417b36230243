// Package shop is a small web shop with three faults that only show in a
// replay: a validation message that vanishes after two seconds, an order
// button that can be pressed twice, and a banner whose animation thrashes
// layout.
//
// Its backend is an honest OpenTelemetry citizen: the session id that the
// recorder sends in baggage and in X-Session-ID is an attribute of its spans
// and of its log records. It is an example and a test object, not a product.
package shop

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	sessions "github.com/playhead/playhead/propagation"
)

//go:embed page
var pages embed.FS

// Options of a shop.
type Options struct {
	RecorderURL    string // address of playhead.js; empty: nothing is recorded
	WriteKey       string
	TracerProvider trace.TracerProvider
	Log            *slog.Logger
	// Capture is how long the payment provider takes. The fault of the double
	// order lies in this gap.
	Capture time.Duration
}

// Shop is the backend. It is safe for concurrent use.
type Shop struct {
	options Options
	tracer  trace.Tracer

	mu       sync.Mutex
	orders   []Order
	captured map[string]bool // carts whose payment was taken
}

// Order is a placed order.
type Order struct {
	Number   int    `json:"number"`
	Cart     string `json:"cart"`
	Delivery string `json:"delivery"`
}

// New makes a shop without orders.
func New(o Options) *Shop {
	return &Shop{options: o, tracer: o.TracerProvider.Tracer("shop"), captured: map[string]bool{}}
}

// Handler serves the pages and the API.
func (s *Shop) Handler() (http.Handler, error) {
	root, err := fs.Sub(pages, "page")
	if err != nil {
		return nil, err
	}
	templates, err := template.ParseFS(root, "*.html")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for path, name := range map[string]string{"/{$}": "checkout.html", "/sale": "sale.html"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if err := templates.ExecuteTemplate(w, name, s.options); err != nil {
				s.options.Log.ErrorContext(r.Context(), "page not rendered", "page", name, "error", err)
			}
		})
	}
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(root)))
	mux.HandleFunc("POST /api/orders", s.placeOrder)
	mux.HandleFunc("GET /api/orders", s.listOrders)
	return otelhttp.NewHandler(sessions.Middleware(mux), "shop",
		otelhttp.WithTracerProvider(s.options.TracerProvider),
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + r.URL.Path }),
	), nil
}

// placeOrder writes the order first and takes the payment afterwards, and
// never asks whether the cart was ordered before: pressed twice, it makes two
// orders and the second payment is refused.
func (s *Shop) placeOrder(w http.ResponseWriter, r *http.Request) {
	var in struct{ Cart, Delivery string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&in); err != nil || in.Cart == "" || in.Delivery == "" {
		http.Error(w, `{"error":"cart and delivery are needed"}`, http.StatusBadRequest)
		return
	}
	order := s.insert(in.Cart, in.Delivery)
	log := s.options.Log.With("order", order.Number)
	if err := s.capture(r, in.Cart); err != nil {
		log.ErrorContext(r.Context(), "payment not captured", "error", err)
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "Something went wrong"})
		return
	}
	log.InfoContext(r.Context(), "order placed")
	writeJSON(w, http.StatusCreated, order)
}

func (s *Shop) insert(cart, delivery string) Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	order := Order{Number: len(s.orders) + 1, Cart: cart, Delivery: delivery}
	s.orders = append(s.orders, order)
	return order
}

func (s *Shop) capture(r *http.Request, cart string) error {
	_, span := s.tracer.Start(r.Context(), "capture payment", trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	s.mu.Lock()
	taken := s.captured[cart]
	s.captured[cart] = true
	s.mu.Unlock()
	wait := time.NewTimer(s.options.Capture)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.Context().Done():
		return r.Context().Err()
	}
	if taken {
		err := fmt.Errorf("cart %q is already paid", cart)
		span.SetStatus(codes.Error, err.Error())
		return err
	}
	return nil
}

func (s *Shop) listOrders(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	writeJSON(w, http.StatusOK, s.orders)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The client is gone when this fails; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(v)
}
