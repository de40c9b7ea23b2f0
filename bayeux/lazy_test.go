package bayeux

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// lazyServer declares /lazy with 1500 ms, as in trace 22.3.
func lazyServer(t *testing.T, b *bench) {
	t.Helper()
	must(t, b.srv.Channel("/lazy/**", ChannelOptions{Lazy: true, LazyTimeout: time.Minute}))
	must(t, b.srv.Channel("/lazy/short", ChannelOptions{Lazy: true, LazyTimeout: 1500 * ms}))
	must(t, b.srv.Channel("/lazy/default", ChannelOptions{Lazy: true}))
}

// Line 23: LZ-1, LZ-2, LZ-3. A connect is held, or outstanding on the socket.
func TestLazy(t *testing.T) {
	t.Parallel()
	send := func(b *bench, o Outgoing) { must(b.t, b.srv.Send(context.Background(), o)) }
	lazy := func(b *bench, data string) { send(b, Outgoing{Channel: "/s", Data: value(data), Lazy: true}) }
	cases := []struct {
		name  string
		do    func(b *bench, c client)
		after time.Duration // when the messages come
		want  string
	}{
		{"the channel's own time-out", func(b *bench, _ client) { b.publish("/lazy/short", "1", "2") }, 1500 * ms, "1 2"},
		{"maxLazyTimeout", func(b *bench, _ client) { b.publish("/lazy/default", "1") }, 5 * time.Second, "1"},
		{"a single message", func(b *bench, _ client) { lazy(b, "1") }, 5 * time.Second, "1"},
		{"the narrowest declaration", func(b *bench, _ client) { b.publish("/lazy/a/b", "1") }, 30 * time.Second, "1"}, // the connect's end
		{"the most impatient one", func(b *bench, _ client) {
			b.publish("/lazy/default", "1")
			pass(2 * time.Second)
			b.publish("/lazy/short", "2")
		}, 3500 * ms, "1 2"},
		{"since the first", func(b *bench, _ client) {
			b.publish("/lazy/short", "1")
			pass(time.Second)
			b.publish("/lazy/short", "2")
		}, 1500 * ms, "1 2"},
		{"with the next that is not lazy", func(b *bench, _ client) {
			lazy(b, "1")
			lazy(b, "2")
			pass(100 * ms)
			b.publish("/s", "3")
		}, 100 * ms, "1 2 3"},
		{"a client's publish", func(b *bench, c client) {
			other := b.another(c)
			handshake(b.t, other, "")
			other.ask(`[{"channel":"/lazy/short","clientId":"<A>","data":1}]`)
		}, 1500 * ms, "1"},
		{"to one session", func(b *bench, c client) { must(b.t, b.session(c).Deliver("/lazy/short", value("1"))) }, 1500 * ms, "1"},
		{"to one user", func(b *bench, c client) {
			must(b.t, b.srv.PublishUser(context.Background(), "dana", "/lazy/short", value("1")))
		}, 1500 * ms, "1"},
		{"the end of the session", func(b *bench, c client) {
			lazy(b, "1")
			b.session(c).Disconnect()
		}, 0, "1"},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bothInTime(t, Options{}, func(t *testing.T, b *bench, c client) {
				lazyServer(t, b)
				if p, ok := c.(*pollingClient); ok {
					p.header.Set("X-User", "dana")
				} else {
					c = b.websocket(map[string][]string{"X-User": {"dana"}})
				}
				handshake(t, c, "")
				subscribe(t, c, "/s", "/lazy/**")
				begin := time.Now()
				held := newLazyReader(c)
				synctest.Wait()
				tt.do(b, c)
				got, at := held.messages()
				if got != tt.want || at.Sub(begin) != tt.after {
					t.Errorf("got %q after %v, want %q after %v", got, at.Sub(begin), tt.want, tt.after)
				}
			})
		})
	}
}

// lazyReader waits for the first messages to come, whichever way.
type lazyReader struct {
	c  client
	p  *pending
	at chan time.Time
}

func newLazyReader(c client) *lazyReader {
	r := &lazyReader{c: c, at: make(chan time.Time, 1)}
	if k, ok := c.(*socketClient); ok {
		k.send(connectMessage("1", ""))
		return r
	}
	r.p = c.begin(connectMessage("1", ""))
	go func() { <-r.p.done; r.at <- time.Now() }()
	return r
}

func (r *lazyReader) messages() (string, time.Time) {
	if r.p != nil {
		return data(withoutReplies(r.p.wait())), <-r.at
	}
	k := r.c.(*socketClient)
	var all []string
	var at time.Time
	for len(all) == 0 || len(k.frames) > 0 {
		objs, _ := objects([]byte(k.receive()))
		all, at = append(all, withoutReplies(objs)...), time.Now()
		synctest.Wait()
	}
	return data(all), at
}

func withoutReplies(objs []string) []string {
	var messages []string
	for _, o := range objs {
		if !isReply(o) {
			messages = append(messages, o)
		}
	}
	return messages
}

// LZ-2, DEL-3: lazy messages ride on the next response, before its replies.
func TestLazyRidesAlong(t *testing.T) {
	t.Parallel()
	bothInTime(t, Options{}, func(t *testing.T, b *bench, c client) {
		lazyServer(t, b)
		handshake(t, c, "")
		subscribe(t, c, "/lazy/*")
		b.publish("/lazy/short", "1", "2")
		synctest.Wait()
		if k, ok := c.(*socketClient); ok && len(k.frames) > 0 {
			t.Errorf("written at once: %s", k.receive())
		}
		same(t, c.ask(`[{"channel":"/x","id":"1","clientId":"<A>"}]`),
			`{"channel":"/lazy/short","data":1}`, `{"channel":"/lazy/short","data":2}`, `{"channel":"/x","id":"1","successful":true}`)
		// The timer of the first two is not that of the third (LZ-2).
		pass(time.Second)
		b.publish("/lazy/short", "3")
		begin := time.Now()
		got, at := newLazyReader(c).messages()
		if got != "3" || at.Sub(begin) != 1500*ms {
			t.Errorf("%q after %v", got, at.Sub(begin))
		}
	})
}

// LZ-1: a pong or ping of the socket does not carry lazy messages, and a lazy
// message which has waited enough between two polls is there at the next.
func TestLazyWithoutTransport(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{MaxInterval: time.Minute})
		lazyServer(t, b)
		c := b.polling()
		handshake(t, c, "")
		subscribe(t, c, "/lazy/*")
		b.publish("/lazy/short", "1")
		pass(2 * time.Second)
		begin := time.Now()
		if got := c.ask(connectMessage("1", "")); data(withoutReplies(got)) != "1" || time.Since(begin) != 0 {
			t.Errorf("%q after %v", got, time.Since(begin))
		}
		k := b.websocket(nil)
		handshake(t, k, "")
		subscribe(t, k, "/lazy/*")
		b.publish("/lazy/a", "2")
		pass(26 * time.Second) // a ping has passed
		if len(k.frames) > 0 {
			t.Errorf("a ping took %s along", k.receive())
		}
	})
}

// LZ-3, AK-4, AK-5: with ack, lazy messages that were sent once wait no more.
func TestLazyWithAck(t *testing.T) {
	t.Parallel()
	bothInTime(t, Options{}, func(t *testing.T, b *bench, c client) {
		lazyServer(t, b)
		handshake(t, c, `{"ack":true}`)
		subscribe(t, c, "/lazy/*", "/s")
		b.publish("/lazy/short", "1")
		begin := time.Now()
		if got := c.ask(ackConnect("1", "1")); data(withoutReplies(got)) != "1" || time.Since(begin) != 1500*ms {
			t.Errorf("%q after %v", got, time.Since(begin))
		}
		b.publish("/lazy/short", "2")
		if got := c.ask(ackConnect("2", "1")); data(withoutReplies(got)) != "1 2" || time.Since(begin) != 1500*ms {
			t.Errorf("%q after %v", got, time.Since(begin))
		}
	})
}

// LZ-2: MaxLazyTimeout Never sends what is lazy at once, but on channels with a
// time-out of their own.
func TestLazyNever(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{MaxLazyTimeout: Never})
		lazyServer(t, b)
		c := b.websocket(nil)
		handshake(t, c, "")
		subscribe(t, c, "/lazy/*")
		b.publish("/lazy/short", "1")
		synctest.Wait()
		if len(c.frames) > 0 {
			t.Errorf("at once: %s", c.receive())
		}
		b.publish("/lazy/default", "2")
		if got := c.receive() + c.receive(); !strings.Contains(got, `"data":1`) || !strings.Contains(got, `"data":2`) {
			t.Error(got)
		}
	})
}

// CH-11, PUB-4, AZ-4: a declared channel exists and stays, and has its own rule
// for publishers.
func TestDeclaredChannel(t *testing.T) {
	t.Parallel()
	bothInTime(t, Options{Policy: noCreation{}}, func(t *testing.T, b *bench, c client) {
		must(t, b.srv.Channel("/kept", ChannelOptions{}))
		must(t, b.srv.Channel("/others", ChannelOptions{BroadcastToPublisher: Off}))
		handshake(t, c, "")
		pass(5 * time.Second)
		subscribe(t, c, "/kept", "/others")
		same(t, c.ask(`[{"channel":"/kept","id":"1","clientId":"<A>","data":1}]`), `{"channel":"/kept","data":1}`, `{"channel":"/kept","id":"1","successful":true}`)
		same(t, c.ask(`[{"channel":"/others","id":"2","clientId":"<A>","data":1}]`), `{"channel":"/others","id":"2","successful":true}`)
		same(t, c.ask(`[{"channel":"/new","id":"3","clientId":"<A>","data":1}]`),
			`{"channel":"/new","id":"3","error":"403:denied_by_security_policy:channel_create_denied","successful":false}`)
		if b.srv.Channel("/a//b", ChannelOptions{}) == nil {
			t.Error("an invalid channel was declared")
		}
	})
}

type noCreation struct{ DefaultPolicy }

func (noCreation) CanCreate(context.Context, *Session, string, *Message) error { return &Refusal{} }
