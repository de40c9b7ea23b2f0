package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/halley-chat/halley/bayeuxclient"
	"github.com/halley-chat/halley/interop/driver"
)

// kind is a client of notifications, and how it is used.
type kind struct {
	Library   string `json:"library"` // what the driver is started for; ours for bayeuxclient
	Transport string `json:"transport"`
	Ack       bool   `json:"ack"`
	Replay    bool   `json:"replay,omitempty"`
}

const (
	ours        = "bayeuxclient"
	gobayeux    = "gobayeux"
	longPolling = bayeuxclient.LongPolling
	webSocket   = bayeuxclient.WebSocket
)

// kinds are those that take part: each is the desktop of an agent of its own.
func (p *plan) kinds() []kind {
	all := []kind{{Library: gobayeux, Transport: longPolling}}
	for _, library := range []string{"cometd-3", "cometd-9", ours} {
		for _, transport := range []string{longPolling, webSocket} {
			all = append(all, kind{Library: library, Transport: transport}, kind{Library: library, Transport: transport, Ack: true})
		}
	}
	all = append(all, kind{Library: ours, Transport: longPolling, Ack: true, Replay: true}, kind{Library: ours, Transport: webSocket, Replay: true})
	return slices.DeleteFunc(all, func(k kind) bool { return !strings.Contains(k.String(), p.Only) })
}

func (k kind) String() string {
	words := []string{k.Library, k.Transport}
	if k.Ack {
		words = append(words, "ack")
	}
	if k.Replay {
		words = append(words, "replay")
	}
	return strings.Join(words, " ")
}

// exact says whether nothing may be heard twice.
func (k kind) exact() bool { return k.Ack || k.Replay }

// mayReturn says whether the client may be told to shake hands anew after a break: with replay and without ack it is (RP-6), and loses nothing by it.
func (k kind) mayReturn() bool { return k.Replay && !k.Ack }

// topic is what a desktop subscribes to.
const topic = "/v2/me/chats"

// How patient clients are. The server holds a connect for agentTimeout.
const (
	agentTimeout = 5 * time.Second
	networkDelay = 2 * time.Second
	backoff      = 100 * time.Millisecond
	maxBackoff   = time.Second
)

// desktop is an agent's client of notifications, and what it has heard.
type desktop struct {
	kind kind

	mu        sync.Mutex
	heard     []receipt
	completed map[string]bool // chats of which it heard that they are over
	returns   int             // handshakes after the first
	breaks    int             // times that it noticed that the server is out of reach
	wrong     []string        // what a client must not go through
	close     func(context.Context) error
}

// open shakes hands and subscribes. The cookie is that of the log-in.
func (d *desktop) open(ctx context.Context, drivers map[string]*driver.Driver, server string, cookie *http.Cookie) error {
	d.completed = map[string]bool{}
	address := server + "/api/v2/notifications"
	if d.kind.Library == ours {
		return d.dial(ctx, address, cookie)
	}
	settings := driver.Order{
		"browser": d.kind.String(), "url": address, "cookie": cookie.Name + "=" + cookie.Value, "transports": []string{d.kind.Transport}, "ack": d.kind.Ack,
		"maxNetworkDelay": networkDelay.Milliseconds(), "backoff": backoff.Milliseconds(), "maxBackoff": maxBackoff.Milliseconds(),
	}
	if d.kind.Library == gobayeux { // knows one time-out for all requests
		settings["maxNetworkDelay"] = (agentTimeout + networkDelay).Milliseconds()
	}
	client, err := drivers[d.kind.Library].Open(ctx, settings, d.told)
	if err != nil {
		return err
	}
	d.close = func(ctx context.Context) error {
		_, err := client.Do(ctx, driver.Order{"do": "close"})
		return err
	}
	a, err := client.Do(ctx, driver.Order{"do": "handshake"})
	if err == nil && a.Transport != d.kind.Transport {
		err = fmt.Errorf("%s uses %s", d.kind, a.Transport)
	}
	if err == nil {
		_, err = client.Do(ctx, driver.Order{"do": "subscribe", "channel": topic})
	}
	return err
}

// told takes what a driver tells.
func (d *desktop) told(e driver.Event) {
	switch {
	case e.Event == "message":
		d.hear(e.Data)
	case e.Event == "returned":
		d.returned(e.Why)
	case e.State == "disconnected":
		d.ended("the library has ended")
	case e.State == "broken":
		d.broke()
	}
}

// dial is open for the client of ours.
func (d *desktop) dial(ctx context.Context, address string, cookie *http.Cookie) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	jar, _ := cookiejar.New(nil) // fails for no options
	jar.SetCookies(u, []*http.Cookie{cookie})
	first := true
	client, err := bayeuxclient.Dial(ctx, bayeuxclient.Options{
		URL: address, Transports: []string{d.kind.Transport}, Ack: d.kind.Ack, Replay: d.kind.Replay,
		HTTP: &http.Client{Jar: jar, Transport: &http.Transport{}}, Backoff: backoff, MaxBackoff: maxBackoff, MaxNetworkDelay: networkDelay,
		OnState: func(s bayeuxclient.State) {
			switch s.Phase {
			case bayeuxclient.Handshaken:
				if !first {
					d.returned("")
				}
				first = false
			case bayeuxclient.Broken:
				d.broke()
			case bayeuxclient.Closed:
				if s.Err != nil {
					d.ended(s.Err.Error())
				}
			}
		},
	})
	if err != nil {
		return err
	}
	d.close = client.Close
	_, err = client.Subscribe(ctx, topic, func(m bayeuxclient.Message) { d.hear(m.Data) })
	return err
}

// hear notes a notification.
func (d *desktop) hear(data []byte) {
	now := time.Now()
	plain, err := withoutReplayID(data, d.kind.Replay)
	var s sum
	if err == nil {
		s, err = sumOf(plain)
	}
	var n struct {
		Chat struct{ ID, State string } `json:"chat"`
	}
	if err == nil {
		err = json.Unmarshal(data, &n)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.wrong = append(d.wrong, err.Error())
		return
	}
	d.heard = append(d.heard, receipt{s, now})
	if n.Chat.State == "Completed" {
		d.completed[n.Chat.ID] = true
	}
}

// withoutReplayID takes out what is added for sessions with replay (RP-3).
func withoutReplayID(data []byte, replay bool) ([]byte, error) {
	if !replay {
		return data, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, err
	}
	delete(members, "event")
	return json.Marshal(members)
}

func (d *desktop) returned(why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.returns++
	if !d.kind.mayReturn() {
		d.wrong = append(d.wrong, strings.TrimSpace("a second handshake at "+clock(time.Now())+" "+why))
	}
}

func (d *desktop) broke() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.breaks++
}

func (d *desktop) ended(why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wrong = append(d.wrong, why)
}

// has says whether it has heard that these chats are over.
func (d *desktop) has(completed []string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range completed {
		if !d.completed[id] {
			return false
		}
	}
	return true
}
