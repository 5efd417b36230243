package dictionary

import (
	"net/url"
	"strings"
)

// maxSiteBytes is more than a host name and a port take.
const maxSiteBytes = 263

// SiteOf returns the site that a page belongs to, host[:port] in lower case, or
// nothing when the address has no host.
func SiteOf(pageURL string) string {
	u, err := url.Parse(pageURL)
	if err != nil || len(u.Host) > maxSiteBytes {
		return ""
	}
	return strings.ToLower(u.Host)
}
