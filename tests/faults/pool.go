//go:build unix

package faults

import "sync"

// pool is the servers among which a load balancer chooses.
type pool struct {
	mu      sync.Mutex
	servers []*server
	turn    int
}

func newPool(n int) *pool { return &pool{servers: make([]*server, n)} }

func (p *pool) put(i int, srv *server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.servers[i] = srv
}

func (p *pool) get(i int) *server {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.servers[i]
}

// next returns where the next request goes: the servers take turns, whether
// they live or not.
func (p *pool) next() string {
	p.mu.Lock()
	p.turn++
	srv := p.servers[p.turn%len(p.servers)]
	p.mu.Unlock()
	if srv == nil {
		return ""
	}
	return srv.url()
}
