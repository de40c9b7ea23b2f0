package customerapi

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxGateKeys bounds each generation of a gate, and so its memory.
const maxGateKeys = 50_000

// gate admits so many requests per key and period, and as many at once after a pause.
//
// A limiter that was left alone for a period is full again and need not be remembered. So keys live in two generations: one that is asked for
// moves to the current one, and each period the older one is dropped whole. When the current generation is full, newcomers share one limiter
// until the next turn: memory stays bounded, who is known keeps a rate of her own, and the flood limits itself.
type gate struct {
	rate   rate.Limit
	burst  int
	period time.Duration
	max    int

	mu                sync.Mutex
	current, previous map[string]*rate.Limiter
	turned            time.Time
	crowd             *rate.Limiter
}

// newGate makes a gate for n requests per key and period; 0: no limit.
func newGate(n int, period time.Duration) *gate {
	g := &gate{rate: rate.Every(period / time.Duration(max(n, 1))), burst: n, period: period, max: maxGateKeys}
	g.crowd = rate.NewLimiter(g.rate, g.burst)
	return g
}

// admit takes one request of key's and returns 0, or takes none and returns how long to wait.
func (g *gate) admit(key string, now time.Time) (wait time.Duration) {
	if g.burst <= 0 {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.limiter(key, now).ReserveN(now, 1)
	wait = r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

func (g *gate) limiter(key string, now time.Time) *rate.Limiter {
	if idle := now.Sub(g.turned); idle >= g.period {
		g.previous, g.current = g.current, map[string]*rate.Limiter{}
		if idle >= 2*g.period {
			g.previous = nil
		}
		g.turned = now
	}
	if l := g.current[key]; l != nil {
		return l
	}
	l, full := g.previous[key], len(g.current) >= g.max
	switch {
	case l == nil && full:
		return g.crowd
	case l == nil:
		l = rate.NewLimiter(g.rate, g.burst)
	}
	if !full {
		g.current[key] = l
	}
	return l
}

// clientAddress is where a request comes from: its RemoteAddr, which the server has set to what a trusted proxy told. It is the zero Addr if that
// is none.
func clientAddress(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, _ := netip.ParseAddr(host)
	return addr.Unmap()
}

// household is what one client's addresses have in common: the address itself, or the /64 that an IPv6 client may choose its addresses from.
func household(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
