//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strings"
)

// Transports.
const (
	webSocket   = "websocket"
	longPolling = "long-polling"
)

// client is one Bayeux session, or one socket of the floor. Over long-polling it is one connection: that of the connects.
type client struct {
	g         *generator
	conn      *conn
	transport string
	stage     stage
	seats     []seat
	id        string
	cookie    string
	connect   []byte // prepared; its message id is counted up in place
	connectID int    // where that is
}

type stage int8

const (
	upgrading stage = iota
	shaking
	subscribing
	ready
)

// seat is a client's place in a room: what it has received there.
type seat struct {
	room    int
	last    uint32
	missing map[uint32]struct{} // numbers below last; nil almost always
}

// startClient opens a connection and goes on by itself until the client is ready.
func (g *generator) startClient(transport string, rooms []int) (*client, error) {
	c := &client{g: g, transport: transport, stage: shaking}
	for _, r := range rooms {
		c.seats = append(c.seats, seat{room: r})
	}
	var err error
	if c.conn, err = g.loop.dial(g.peer.addr); err != nil {
		return nil, err
	}
	c.conn.read = c.read
	if transport == webSocket {
		c.stage = upgrading
		g.loop.send(c.conn, []byte(upgrade))
	} else {
		c.shakeHands()
	}
	return c, nil
}

func (c *client) shakeHands() {
	c.say(fmt.Sprintf(`[{"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":[%q]}]`, c.transport))
}

func (c *client) say(text string) {
	if c.transport == webSocket {
		c.g.loop.send(c.conn, frame(text))
	} else {
		c.g.loop.send(c.conn, post(c.cookie, text))
	}
}

// read takes whole frames or responses.
func (c *client) read(data []byte) (used int) {
	if data == nil {
		c.g.lose(c)
		return 0
	}
	for used < len(data) {
		n, ok := c.one(data[used:])
		if !ok {
			c.g.lose(c)
			return -1
		}
		if n == 0 {
			break
		}
		used += n
	}
	c.g.pump()
	return used
}

func (c *client) one(data []byte) (used int, ok bool) {
	if c.transport == webSocket && c.stage != upgrading {
		op, payload, used := nextFrame(data)
		switch {
		case used == 0:
		case op == 1:
			return used, c.text(payload)
		case op == 8:
			return used, false
		case op == 9:
			c.g.loop.send(c.conn, rawFrame(pong, payload))
		}
		return used, true
	}
	res, used := nextResponse(data)
	switch {
	case used == 0:
		return 0, true
	case res.status == 101:
		c.stage = shaking
		if c.g.peer.bare {
			c.subscribe()
		} else {
			c.shakeHands()
		}
		return used, true
	case res.status != 200:
		return used, false
	}
	if res.cookie != "" {
		c.cookie = res.cookie
	}
	return used, c.text(res.body)
}

var (
	clientIDField = []byte(`"clientId":"`)
	connectReply  = []byte(`"/meta/connect"`)
	subscribeOK   = []byte(`"/meta/subscribe"`)
	failure       = []byte(`"successful":false`)
)

// text takes the messages of a frame or response.
func (c *client) text(b []byte) bool {
	if c.stage == ready {
		c.g.note(c, b)
		if c.g.peer.bare || !bytes.Contains(b, connectReply) {
			return true
		}
		if bytes.Contains(b, failure) {
			return false
		}
		c.connectAgain()
		return true
	}
	switch {
	case bytes.Contains(b, failure):
		return false
	case c.stage == shaking:
		_, after, ok := bytes.Cut(b, clientIDField)
		if !ok {
			return false
		}
		id, _, _ := bytes.Cut(after, []byte(`"`))
		c.id = string(id)
		c.subscribe()
	case c.stage == subscribing && (c.g.peer.bare || bytes.Contains(b, subscribeOK)):
		c.begin()
	}
	return true
}

func roomName(n int) string { return fmt.Sprintf("/room/%04d", n) }

func (c *client) subscribe() {
	c.stage = subscribing
	var names []string
	for _, s := range c.seats {
		names = append(names, roomName(s.room))
	}
	switch {
	case len(names) == 0:
		c.begin()
	case c.g.peer.bare:
		c.say("s" + strings.ReplaceAll(strings.Join(names, ","), "/room/", ""))
	default:
		c.say(fmt.Sprintf(`[{"channel":"/meta/subscribe","id":"2","clientId":%q,"subscription":["%s"]}]`, c.id, strings.Join(names, `","`)))
	}
}

const zeros = "00000000"

// begin is the first connect: from here on the client is what the benchmark needs.
func (c *client) begin() {
	c.stage = ready
	c.g.ready++
	if c.g.peer.bare {
		return
	}
	text := fmt.Sprintf(`[{"channel":"/meta/connect","id":"%s","clientId":%q,"connectionType":%q}]`, zeros, c.id, c.transport)
	if c.transport == webSocket {
		c.connect = frame(text)
	} else {
		c.connect = post(c.cookie, text)
	}
	c.connectID = bytes.Index(c.connect, []byte(zeros))
	c.connectAgain()
}

func (c *client) connectAgain() {
	count(c.connect[c.connectID : c.connectID+len(zeros)])
	c.g.loop.send(c.conn, c.connect)
}

// count adds one to a decimal number in place.
func count(digits []byte) {
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i]++; digits[i] <= '9' {
			return
		}
		digits[i] = '0'
	}
}
