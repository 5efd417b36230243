package dictionary

import (
	"strings"
	"testing"
)

func TestSiteOf(t *testing.T) {
	for url, want := range map[string]string{
		"https://Shop.Example/cart?x=1#y":       "shop.example",
		"http://localhost:3000/":                "localhost:3000",
		"https://user:secret@shop.example:8443": "shop.example:8443",
		"https://[::1]:80/":                     "[::1]:80",
		"about:blank":                           "",
		"/cart":                                 "",
		"":                                      "",
		"://":                                   "",
		"https://" + strings.Repeat("a", 300) + ".de": "",
	} {
		if got := SiteOf(url); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}
