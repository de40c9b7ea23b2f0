// Command gobayeux drives the published Go client of Bayeux, unchanged, for the scenarios; ../README.md has the protocol.
//
// The library publishes nothing, knows no patterns, ends at the first request that fails, gives messages no id and sets no ext at handshake. For the last
// three an application can give it an http.RoundTripper, as is done here.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sigmavirus24/gobayeux/v2"
)

const library = "github.com/sigmavirus24/gobayeux/v2"

type order struct {
	N               int
	Do              string
	Client          string
	Browser         string
	URL             string
	Cookie          string
	MaxNetworkDelay int
	Backoff         int
	Ext             json.RawMessage
	Channel         gobayeux.Channel
}

type driver struct {
	mu      sync.Mutex
	out     *json.Encoder
	clients map[string]*client
	jars    map[string]*cookiejar.Jar // by browser
}

func main() {
	d := &driver{out: json.NewEncoder(os.Stdout), clients: map[string]*client{}, jars: map[string]*cookiejar.Jar{}}
	d.tell(map[string]any{
		"event": "ready", "library": "gobayeux " + version(), "transports": []string{gobayeux.ConnectionTypeLongPolling}, "can": []string{"cookies", "return", "tell"},
	})
	var orders sync.WaitGroup
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if o.Do == "open" {
			d.answer(o, d.open(o)) // before the next order for it is read
			continue
		}
		orders.Go(func() { d.answer(o, d.carryOut(o)) })
	}
	orders.Wait()
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == library {
			return m.Version
		}
	}
	return "of unknown version"
}

func (d *driver) tell(line map[string]any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.out.Encode(line)
}

func (d *driver) answer(o order, err error) {
	a := map[string]any{"n": o.N, "ok": err == nil}
	switch {
	case err != nil:
		a["error"] = err.Error()
	case o.Do == "handshake":
		a["transport"] = gobayeux.ConnectionTypeLongPolling
	}
	d.tell(a)
}

func (d *driver) open(o order) error {
	jar := d.jars[o.Browser]
	if jar == nil {
		jar, _ = cookiejar.New(nil)
		d.jars[o.Browser] = jar
	}
	if o.Cookie != "" {
		u, err := url.Parse(o.URL)
		if err != nil {
			return err
		}
		cookies, err := http.ParseCookie(o.Cookie)
		if err != nil {
			return err
		}
		jar.SetCookies(u, cookies)
	}
	c, err := newClient(o, jar, func(line map[string]any) {
		line["client"] = o.Client
		d.tell(line)
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clients[o.Client] = c
	return err
}

func (d *driver) carryOut(o order) error {
	d.mu.Lock()
	c := d.clients[o.Client]
	d.mu.Unlock()
	if c == nil {
		return fmt.Errorf("no client %s", o.Client)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	switch o.Do {
	case "handshake":
		return c.handshake(ctx, o.Ext)
	case "subscribe", "listen":
		return c.subscribe(ctx, o.Channel)
	case "unsubscribe":
		return c.unsubscribe(ctx, o.Channel)
	case "disconnect":
		return c.disconnect(ctx)
	case "close":
		c.close()
		return nil
	}
	return errors.New("the library has nothing for " + o.Do)
}
