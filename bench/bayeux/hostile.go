//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// The hostile clients are a process of their own, this program called with their name, so that what they cost is not the generator's.
const (
	hostileMode = "hostile"
	hostiles    = 50
	// hostileTurns is how often a second each of them does its worst. Without a bound they would measure who gets the machine's two cores.
	hostileTurns = 20
)

// besides measures good clients alone, and then beside hostile ones.
func besides(ctx context.Context, p *plan, w workload, peer *peer) (row, error) {
	g, err := p.open(ctx, w, peer)
	if err != nil {
		return nil, err
	}
	defer g.loop.close()
	alone, err := g.measure(p.loadOf(w))
	if err != nil {
		return nil, err
	}
	end, err := g.startHostiles(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	beside, err := g.measure(p.loadOf(w))
	r := beside.row()
	r["hp50"], r["hp99"] = r["p50"], r["p99"]
	a := alone.row()
	r["p50"], r["p99"] = a["p50"], a["p99"]
	r["times"] = r["hp99"] / r["p99"]
	return r, err
}

// startHostiles tells the other process whom to attack, and what ids there are to steal.
func (g *generator) startHostiles(ctx context.Context) (end func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, hostileMode, g.peer.addr.String())
	var ids []string
	for _, c := range g.clients {
		ids = append(ids, c.id)
	}
	cmd.Stdin, cmd.Stderr = strings.NewReader(strings.Join(ids, "\n")), os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the hostile clients: %w", err)
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // that it was killed is no news
	}, nil
}

// attack is what all hostile clients know.
type attack struct {
	loop *loop
	addr netip.AddrPort
	ids  []string
	turn int
}

// attacker is one hostile client. A server that has had enough of it closes the connection, and it comes back.
type attacker struct {
	*attack
	no   int
	conn *conn
	open bool   // upgraded
	id   string // of its own session
	do   func(*attacker)
	deaf bool
}

// worst are the things that they do, each on a websocket of its own.
var worst = []struct {
	do   func(*attacker)
	deaf bool
}{
	{do: (*attacker).floodPings},
	{do: (*attacker).floodPublishes},
	{do: (*attacker).malformed},
	{do: (*attacker).huge},
	{do: (*attacker).listenToAll, deaf: true},
	{do: (*attacker).floodHandshakes},
	{do: (*attacker).steal},
}

// hostile attacks until it is killed.
func hostile(address string, ids io.Reader) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	l, err := newLoop()
	if err != nil {
		return err
	}
	a := &attack{loop: l, addr: addr}
	for lines := bufio.NewScanner(ids); lines.Scan(); {
		a.ids = append(a.ids, lines.Text())
	}
	if len(a.ids) == 0 {
		return errors.New("no ids to steal")
	}
	var all []*attacker
	for i := range hostiles {
		w := worst[i%len(worst)]
		all = append(all, &attacker{attack: a, no: i, do: w.do, deaf: w.deaf})
	}
	return l.run(time.Second/hostileTurns/hostiles, func() bool {
		a.turn++
		all[a.turn%len(all)].act()
		return true
	})
}

func (h *attacker) act() {
	switch {
	case h.conn == nil:
		c, err := h.loop.dial(h.addr)
		if err != nil {
			return // it tries again
		}
		h.conn, h.open, h.id = c, false, ""
		c.read = h.read
		h.loop.send(c, []byte(upgrade))
	case h.id != "":
		h.do(h)
	}
}

func (h *attacker) read(data []byte) (used int) {
	if data == nil {
		h.conn = nil
		return 0
	}
	if !h.open {
		_, used := nextResponse(data)
		if h.open = used > 0; h.open {
			h.say(`[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["websocket"]}]`)
		}
		return used
	}
	if _, after, ok := bytes.Cut(data, clientIDField); ok && h.id == "" {
		id, _, _ := bytes.Cut(after, []byte(`"`))
		h.id = string(id)
		h.conn.deaf = h.deaf
		h.say(fmt.Sprintf(`[{"channel":"/meta/connect","clientId":%q,"connectionType":"websocket"}]`, h.id))
	}
	return len(data)
}

func (h *attacker) say(text string) {
	if len(h.conn.out) < 1<<20 { // a server that reads no more is not worth our memory
		h.loop.send(h.conn, frame(text))
	}
}

func (h *attacker) floodPings() {
	h.loop.send(h.conn, bytes.Repeat(rawFrame(0x89, bytes.Repeat([]byte{'p'}, 125)), 50))
}

func (h *attacker) floodPublishes() {
	one := fmt.Sprintf(`{"channel":"/flood/%d","clientId":%q,"data":"%s"}`, h.no, h.id, strings.Repeat("f", 500))
	h.say("[" + strings.Repeat(one+",", 19) + one + "]")
}

func (h *attacker) malformed() {
	texts := []string{`[{"channel":`, strings.Repeat("[", 5000), "[{\"channel\":\"/x\xff\"}]", `[{"channel":"/meta/connect","id":{}}]`, `{}`}
	h.say(texts[h.turn/hostiles%len(texts)])
}

// huge announces a frame far beyond every limit, and begins to send it.
func (h *attacker) huge() {
	b := append([]byte{0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 32<<10)...)
	h.loop.send(h.conn, b)
}

// listenToAll wants every message there is, and reads none.
func (h *attacker) listenToAll() {
	h.say(fmt.Sprintf(`[{"channel":"/meta/subscribe","clientId":%q,"subscription":["/**","/room/*"]}]`, h.id))
}

func (h *attacker) floodHandshakes() {
	h.say(`[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["websocket"],"ext":{"ack":true}}]`)
}

// steal speaks for a good client: its connect, its subscription, its end.
func (h *attacker) steal() {
	id := h.ids[h.turn%len(h.ids)]
	h.say(fmt.Sprintf(`[{"channel":"/meta/disconnect","clientId":%q},{"channel":"/meta/connect","clientId":%[1]q,"connectionType":"websocket"}]`, id))
}
