package ingest

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"strings"
)

// addressHash stands for the sender's network address, which is told to nobody
// and kept nowhere; 0 when that is not known. It tells people apart where a
// dictionary is made, so what matters is that one person's address does not
// look like several: behind proxies it is the one that they name, not theirs,
// and of IPv6, where a device changes its address at will, the network counts.
// Who lies to the header lies about nobody but themselves.
func (s *Server) addressHash(r *http.Request) uint32 {
	address, ok := senderOf(r)
	if !ok {
		return 0
	}
	return uint32(maphash.Comparable(s.addressSeed, address)) //nolint:gosec // the lower half; two of the same look like one person
}

func senderOf(r *http.Request) (netip.Prefix, bool) {
	said := r.RemoteAddr
	if forwarded := r.Header.Get("X-Forwarded-For"); forwarded != "" {
		said, _, _ = strings.Cut(forwarded, ",")
	} else if r.Header.Get("Forwarded") != "" {
		return netip.Prefix{}, false
	}
	said = strings.TrimSpace(said)
	address, err := netip.ParseAddr(said)
	if err != nil {
		withPort, err := netip.ParseAddrPort(said)
		if err != nil {
			return netip.Prefix{}, false
		}
		address = withPort.Addr()
	}
	address = address.Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	return prefix, err == nil
}
