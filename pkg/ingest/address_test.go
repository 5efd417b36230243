package ingest

import (
	"net/http/httptest"
	"testing"
)

func TestSenderOf(t *testing.T) {
	for name, tt := range map[string]struct {
		remote, forwardedFor, forwarded, want string
	}{
		"direct":                       {remote: "203.0.113.7:4711", want: "203.0.113.7/32"},
		"direct, IPv6":                 {remote: "[2001:db8:1:2:3:4:5:6]:4711", want: "2001:db8:1:2::/64"},
		"IPv4 in IPv6":                 {remote: "[::ffff:203.0.113.7]:4711", want: "203.0.113.7/32"},
		"link-local":                   {remote: "[fe80::1%eth0]:4711", want: "fe80::/64"},
		"behind a proxy":               {remote: "10.0.0.1:80", forwardedFor: "203.0.113.7", want: "203.0.113.7/32"},
		"behind another one":           {remote: "10.0.0.2:80", forwardedFor: " 203.0.113.7 , 10.0.0.9", want: "203.0.113.7/32"},
		"behind a proxy, with port":    {remote: "10.0.0.2:80", forwardedFor: "203.0.113.7:5000", want: "203.0.113.7/32"},
		"behind a proxy that is quiet": {remote: "10.0.0.1:80", forwardedFor: "unknown"},
		"another header":               {remote: "10.0.0.1:80", forwarded: "for=203.0.113.7"},
		"no address":                   {remote: "@"},
	} {
		r := httptest.NewRequest("POST", "/v1/segments", nil)
		r.RemoteAddr = tt.remote
		r.Header.Set("X-Forwarded-For", tt.forwardedFor)
		r.Header.Set("Forwarded", tt.forwarded)
		got, ok := senderOf(r)
		if ok != (tt.want != "") || ok && got.String() != tt.want {
			t.Errorf("%s: %v (%t), want %q", name, got, ok, tt.want)
		}
	}
}
