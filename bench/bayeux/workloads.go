//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/halley-chat/halley/internal/process"
)

// workload is one thing that is asked of every peer.
type workload struct {
	name, title string
	transport   string
	paced       bool // else as fast as it goes
	clients     int
	rooms, per  int // per client
	run         func(ctx context.Context, p *plan, w workload, peer *peer) (row, error)
	columns     []column
}

var workloads = []workload{
	{name: "rooms-ws-paced", title: "500 subscribers in 50 rooms, websocket, at a given rate", transport: webSocket, paced: true, clients: 500, rooms: 50, per: 1},
	{name: "rooms-ws-max", title: "500 subscribers in 50 rooms, websocket, as fast as it goes", transport: webSocket, clients: 500, rooms: 50, per: 1},
	{name: "rooms-lp-paced", title: "500 subscribers in 50 rooms, long-polling, at a given rate", transport: longPolling, paced: true, clients: 500, rooms: 50, per: 1},
	{name: "crowd-ws-paced", title: "1,000 clients, 100 rooms, 10 each, websocket, at a given rate", transport: webSocket, paced: true, clients: 1000, rooms: 100, per: 10},
	{name: "crowd-ws-max", title: "1,000 clients, 100 rooms, 10 each, websocket, as fast as it goes", transport: webSocket, clients: 1000, rooms: 100, per: 10},
	{name: "crowd-lp-paced", title: "1,000 clients, 100 rooms, 10 each, long-polling, at a given rate", transport: longPolling, paced: true, clients: 1000, rooms: 100, per: 10},
	{name: "idle-ws", title: "Idle sessions on websocket", transport: webSocket, run: restMemory, columns: memoryColumns},
	{name: "idle-lp", title: "Idle sessions, held polls", transport: longPolling, run: restMemory, columns: memoryColumns},
	{name: "long-rest", title: "Idle sessions, half websocket, half held polls, for three connect time-outs", run: longRest, columns: restColumns},
	{name: "hostile", title: "500 good subscribers on websocket at a given rate, without and with 50 hostile clients", transport: webSocket, paced: true, clients: 500, rooms: 50, per: 1, run: besides, columns: hostileColumns},
}

// fits reports whether the peer can do it: the floor knows websockets only, and no sessions.
func (w workload) fits(p *peer) bool {
	return !p.bare || w.transport == webSocket && w.name != "hostile"
}

func (p *plan) run(ctx context.Context) error {
	fmt.Printf("%s\n\n%d rounds, in each all peers in turn; medians. Payloads of %d bytes, window %d, %v after %v of warming up.\n",
		process.Machine(), p.rounds, payload, p.load.window, p.load.length, p.load.warm)
	defer func() {
		for _, peer := range p.peers {
			peer.stop()
		}
	}()
	for _, w := range p.workloads {
		if w.run == nil {
			w.run, w.columns = deliver, deliveryColumns
		}
		rows := make(map[string][]row)
		for round := range p.rounds {
			for _, peer := range p.peers {
				if !w.fits(peer) {
					continue
				}
				r, err := w.run(ctx, p, w, peer)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					return fmt.Errorf("%s, %s: %w", w.name, peer.name, err)
				}
				fmt.Fprintf(os.Stderr, "%s, round %d, %s: %v\n", w.name, round+1, peer.name, r)
				rows[peer.name] = append(rows[peer.name], r)
			}
		}
		p.report(w, rows)
	}
	return nil
}

// open opens the clients and the publishers of a workload, at a server that runs on from round to round, so that what warms up is warm.
func (p *plan) open(ctx context.Context, w workload, peer *peer) (*generator, error) {
	if peer.Server == nil {
		if err := peer.start(ctx, p.timeout); err != nil {
			return nil, err
		}
	}
	g, err := newGenerator(peer, w.rooms, w.clients*w.per/w.rooms)
	if err != nil {
		return nil, err
	}
	err = g.open(w.clients, func(int) string { return w.transport }, func(i int) []int {
		var rooms []int
		for k := range w.per {
			rooms = append(rooms, (i+k*w.rooms/w.per)%w.rooms)
		}
		return rooms
	})
	if err == nil {
		err = g.openPublishers(w.transport)
	}
	if err != nil {
		g.loop.close()
		return nil, err
	}
	return g, nil
}

func (p *plan) loadOf(w workload) load {
	l := p.load
	if !w.paced {
		l.rate = 0
	}
	return l
}

// deliver measures deliveries.
func deliver(ctx context.Context, p *plan, w workload, peer *peer) (row, error) {
	g, err := p.open(ctx, w, peer)
	if err != nil {
		return nil, err
	}
	defer g.loop.close()
	f, err := g.measure(p.loadOf(w))
	return f.row(), err
}

// restMemory measures what an idle session keeps, in a server of its own.
func restMemory(ctx context.Context, p *plan, w workload, peer *peer) (row, error) {
	g, before, err := p.idlers(ctx, peer, p.idle, func(int) string { return w.transport })
	if err != nil {
		return nil, err
	}
	defer peer.stop()
	defer g.loop.close()
	if err := g.stay(p.settle); err != nil {
		return nil, err
	}
	after, err := peer.Resident()
	return row{"KB": float64(after-before) / float64(p.idle) / 1024, "empty": float64(before) / (1 << 20), "ended": float64(g.lost)}, err
}

// idlers starts a server afresh and opens sessions that do nothing but connect.
func (p *plan) idlers(ctx context.Context, peer *peer, n int, transport func(int) string) (_ *generator, before int64, err error) {
	peer.stop()
	if err := peer.start(ctx, p.timeout); err != nil {
		return nil, 0, err
	}
	g, err := newGenerator(peer, p.idle, 1)
	if err != nil {
		return nil, 0, err
	}
	if err := g.stay(time.Second); err != nil {
		return nil, 0, err
	}
	if before, err = peer.Resident(); err != nil {
		return nil, 0, err
	}
	if err := g.open(n, transport, func(i int) []int { return []int{i % p.idle} }); err != nil {
		g.loop.close()
		return nil, 0, err
	}
	return g, before, nil
}

// longRest holds twice as many sessions for three time-outs.
func longRest(ctx context.Context, p *plan, _ workload, peer *peer) (row, error) {
	kinds := []string{webSocket, longPolling}
	n := 2 * p.idle
	g, before, err := p.idlers(ctx, peer, n, func(i int) string { return kinds[i%2] })
	if err != nil {
		return nil, err
	}
	defer peer.stop()
	defer g.loop.close()
	if err := g.stay(p.timeout); err != nil { // until all have gone round once
		return nil, err
	}
	cpu, err := peer.CPU()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	var resident []float64
	for range 3 {
		rss, err := peer.Resident()
		if err != nil {
			return nil, err
		}
		resident = append(resident, float64(rss-before)/(1<<20))
		if err := g.stay(p.timeout); err != nil {
			return nil, err
		}
	}
	after, err := peer.CPU()
	if err != nil {
		return nil, err
	}
	end, err := peer.Resident()
	return row{
		"begin": resident[0], "end": float64(end-before) / (1 << 20), "most": max(slices.Max(resident), float64(end-before)/(1<<20)),
		"server": 100 * (after - cpu).Seconds() / time.Since(began).Seconds(), "ended": float64(g.lost),
	}, err
}
