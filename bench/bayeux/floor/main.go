// Floor is as little as a program can do that delivers messages to rooms over websockets: it upgrades, keeps a list of sockets per room, and writes one
// prepared frame to each. It knows nothing of Bayeux: what a Bayeux server costs beyond it is the price of the protocol.
//
// A text frame "s0001,0002" subscribes to rooms and is answered with "ok"; "p0001TEXT" sends TEXT to all of the room.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/gobwas/ws"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	flag.Parse()
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening", ln.Addr())
	f := &floor{rooms: make(map[string]*room)}
	log.Fatal(http.Serve(ln, f))
}

type floor struct {
	mu    sync.Mutex
	rooms map[string]*room
}

type room struct {
	mu      sync.Mutex
	sockets []*socket
}

type socket struct {
	mu   sync.Mutex // two rooms may want to write at the same time
	conn net.Conn
}

func (k *socket) write(b []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, _ = k.conn.Write(b) // its reader sees the end
}

func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, _, _, err := ws.UpgradeHTTP(r, w)
	if err == nil {
		go f.read(&socket{conn: conn})
	}
}

func (f *floor) read(k *socket) {
	defer k.conn.Close()
	in := bufio.NewReaderSize(k.conn, 512)
	for {
		h, err := ws.ReadHeader(in)
		if err != nil {
			return
		}
		text := make([]byte, h.Length)
		if _, err := io.ReadFull(in, text); err != nil {
			return
		}
		ws.Cipher(text, h.Mask, 0)
		switch {
		case h.OpCode != ws.OpText || len(text) < 5:
			return
		case text[0] == 's':
			for name := range strings.SplitSeq(string(text[1:]), ",") {
				f.room(name).add(k)
			}
			k.write(ws.MustCompileFrame(ws.NewTextFrame([]byte("ok"))))
		case text[0] == 'p':
			f.room(string(text[1:5])).send(text[5:])
		}
	}
}

func (f *floor) room(name string) *room {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.rooms[name]
	if r == nil {
		r = new(room)
		f.rooms[name] = r
	}
	return r
}

func (r *room) add(k *socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sockets = append(r.sockets, k)
}

func (r *room) send(text []byte) {
	frame := ws.MustCompileFrame(ws.NewTextFrame(text))
	r.mu.Lock()
	sockets := r.sockets // only grows
	r.mu.Unlock()
	for _, k := range sockets {
		k.write(frame)
	}
}
