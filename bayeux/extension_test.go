package bayeux

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/bayeux/binary"
)

// seen records what extensions saw.
type seen struct {
	mu  sync.Mutex
	all []string
}

func (s *seen) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, fmt.Sprintf(format, args...))
}

func (s *seen) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.all, " ")
	s.all = nil
	return all
}

// noting is an extension that records under a name. Its answers call the session, which would wait for ever under a lock.
func (s *seen) noting(name string) Extension {
	return Extension{
		Incoming: func(_ context.Context, from *Session, m *Message) (func(*ReplyExt), error) {
			s.note("%s>%s", name, m.Channel)
			return func(ext *ReplyExt) {
				s.note("%s<%v", name, from != nil && from.Subscribed("/a"))
				ext.Set(name, value(`1`))
			}, nil
		},
		Outgoing: func(to *Session, o *Outgoing) bool {
			s.note("%s:%s%v", name, o.Channel, to != nil)
			return true
		},
	}
}

// PR-1: steps 2, 8 and 9 of chapter 5: the order of extensions, on the way in, to subscribers, and back.
func TestExtensionOrder(t *testing.T) {
	t.Parallel()
	bothInTime(t, Options{}, func(t *testing.T, b *bench, c client) {
		var log seen
		b.srv.Extend(log.noting("s1"))
		b.srv.Extend(log.noting("s2"))
		handshake(t, c, "")
		subscribe(t, c, "/a")
		s := b.session(c)
		s.Extend(log.noting("c1"))
		s.Extend(log.noting("c2"))
		log.take()
		same(t, c.ask(`[{"channel":"/a","clientId":"<A>","id":"1","data":1}]`), `{"channel":"/a","data":1}`,
			`{"channel":"/a","id":"1","successful":true,"ext":{"s2":1,"s1":1,"c2":1,"c1":1}}`)
		if got := log.take(); got != "s1>/a s2>/a c1>/a c2>/a s2:/afalse s1:/afalse c2:/atrue c1:/atrue s2<true s1<true c2<true c1<true" {
			t.Error(got)
		}
		if err := s.Deliver("/own", value("1")); err != nil {
			t.Error(err)
		}
		if got := log.take(); got != "s2:/owntrue s1:/owntrue c2:/owntrue c1:/owntrue" {
			t.Error(got)
		}
		messages(t, c, 1)

		// A held connect is completed when it is answered, over websocket by whoever writes.
		p := c.begin(connectMessage("7", ""))
		synctest.Wait()
		log.take()
		pass(30 * time.Second)
		if got := p.wait(); len(got) != 1 || !strings.Contains(got[0], `"ext":{"s2":1,"s1":1,"c2":1,"c1":1}`) {
			t.Error(got)
		}
		if got := log.take(); got != "s2<true s1<true c2<true c1<true" {
			t.Error(got)
		}
	})
}

// PR-3, PUB-12: what outgoing extensions change and drop, for all and for one session.
func TestOutgoingExtensions(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		b.srv.Extend(Extension{Outgoing: func(_ *Session, o *Outgoing) bool {
			switch string(o.Data) {
			case `"drop"`:
				return false
			case `"panic"`:
				panic("extension")
			case `"spoil"`:
				o.Data = value(`{`)
			case `"spoil ext"`:
				o.Ext = value(`1`)
			case `"change"`:
				o.Data, o.Ext = value(`"changed"`), value(`{"by":"us"}`)
			}
			return true
		}})
		must(t, b.srv.Service("/service/echo", func(_ context.Context, _ *Session, m *Message) (jsontext.Value, error) { return m.Data, nil }))
		other := b.another(c)
		for _, c := range []client{c, other} {
			handshake(t, c, "")
			subscribe(t, c, "/a")
		}
		b.session(other).Extend(Extension{Outgoing: func(to *Session, o *Outgoing) bool {
			o.Data = value(`"not for the others"`)
			return to != b.session(other)
		}})
		publish := func(data string) []string {
			return c.ask(`[{"channel":"/a","clientId":"<A>","data":` + data + `,"ext":{"k":1},"more":[]}]`)
		}
		ok, broken := `{"channel":"/a","successful":true}`, `{"channel":"/a","error":"500::internal_error","successful":false}`
		same(t, publish(`"plain"`), `{"channel":"/a","data":"plain","ext":{"k":1},"more":[]}`, ok)
		same(t, publish(`"change"`), `{"channel":"/a","data":"changed","ext":{"by":"us"},"more":[]}`, ok)
		same(t, publish(`"drop"`), ok)
		same(t, publish(`"panic"`), broken) // ER-1
		same(t, publish(`"spoil"`), broken)
		same(t, publish(`"spoil ext"`), broken)
		same(t, c.ask(`[{"channel":"/service/echo","clientId":"<A>","data":"change"}]`), `{"channel":"/service/echo","data":"changed"}`, `{"channel":"/service/echo","successful":true}`)
		same(t, c.ask(`[{"channel":"/service/echo","clientId":"<A>","data":"drop"}]`), `{"channel":"/service/echo","successful":true}`)
		ctx := context.Background()
		for data, fails := range map[string]bool{`"drop"`: false, `"panic"`: true, `"spoil"`: true} {
			if err := b.srv.Publish(ctx, "/a", value(data)); (err != nil) != fails {
				t.Errorf("publishing %s: %v", data, err)
			}
		}
		// The other one has got nothing of all that.
		same(t, other.ask(`[{"channel":"/b","clientId":"<A>"}]`), `{"channel":"/b","successful":true}`)
	})
}

// ER-1, PR-3: a session's extension that fails costs its session that message; one that fails at a reply, that reply.
func TestFailingSessionExtension(t *testing.T) {
	t.Parallel()
	bothInTime(t, Options{}, func(t *testing.T, b *bench, c client) {
		handshake(t, c, "")
		subscribe(t, c, "/a")
		b.session(c).Extend(Extension{
			Outgoing: func(_ *Session, o *Outgoing) bool {
				if string(o.Data) == "1" {
					panic("at a message")
				}
				return true
			},
			Incoming: func(_ context.Context, _ *Session, m *Message) (func(*ReplyExt), error) {
				if m.ID != "broken" {
					return nil, nil
				}
				return func(*ReplyExt) { panic("at a reply") }, nil
			},
		})
		same(t, c.ask(`[{"channel":"/a","clientId":"<A>","data":1},{"channel":"/a","clientId":"<A>","data":2}]`),
			`{"channel":"/a","data":2}`, `{"channel":"/a","successful":true}`, `{"channel":"/a","successful":true}`)
		c.ask(connectMessage("first", ""))
		p := c.begin(connectMessage("broken", ""))
		pass(30 * time.Second)
		same(t, p.wait(), `{"channel":"/meta/connect","id":"broken","error":"500::internal_error","successful":false}`)
		if n := b.srv.Stats().Failures; n != 2 {
			t.Errorf("%d failures", n)
		}
		p = c.begin(connectMessage("next", "")) // and the session goes on
		pass(30 * time.Second)
		same(t, p.wait(), `{"channel":"/meta/connect","id":"next","successful":true}`)
	})
}

func TestUnknownExtension(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{Extensions: []ExtensionName{"ack", "reload"}}); err == nil || !strings.Contains(err.Error(), `"reload" is not known`) {
		t.Error(err)
	}
}

// TS-1 to TS-4, line 46: the numbers, and when they are left out.
func TestTimesync(t *testing.T) {
	t.Parallel()
	bothInTime(t, Options{Timeout: 100 * ms}, func(t *testing.T, b *bench, c client) {
		now := func() int64 { return time.Now().UnixMilli() }
		sync := func(tc int64, l, o int) string {
			return fmt.Sprintf(`,"ext":{"timesync":{"tc":%d,"l":%d,"o":%d}}`, tc, l, o)
		}
		want := func(p, a, tc, ts int64) string {
			return fmt.Sprintf(`"ext":{"timesync":{"tc":%d,"ts":%d,"p":%d,"a":%d}}`, tc, ts, p, a)
		}
		has := func(got []string, ext string) {
			t.Helper()
			if len(got) != 1 || ext != "" && !strings.Contains(got[0], ext) || ext == "" && strings.Contains(got[0], "timesync") {
				t.Errorf("%s has not %q", got, ext)
			}
		}
		has(c.ask(`[{"channel":"/meta/handshake"`+sync(now()-24, 0, 0)+`}]`), want(0, -24, now()-24, now())) // l = 0: always
		connect := func(more string) []string { return c.ask(connectMessage("1", more)) }
		has(connect(sync(now()-49, 15, 10)), "") // TS-3: 24 ms off
		has(connect(sync(now()-50, 15, 10)+`,"advice":{"timeout":0}`), want(0, -25, now()-50, now()))
		has(connect(sync(now(), 15, 9)+`,"advice":{"timeout":0}`), "")
		has(connect(sync(now(), 15, 10)+`,"advice":{"timeout":0}`), want(0, 25, now(), now()))
		has(connect(sync(now(), -15, 15)+`,"advice":{"timeout":0}`), "")
		tc, ts := now()-502, now()
		p := c.begin(connectMessage("2", sync(tc, 5, 2)))
		pass(100 * ms)
		has(p.wait(), want(100, -495, tc, ts)) // TS-4: the hold counts
		has(c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"/t"`+sync(7, 0, 0)+`}]`), want(0, 7-now(), 7, now()))
		has(c.ask(`[{"channel":"/meta/unsubscribe","clientId":"<A>","subscription":"/t"`+sync(8, 0, 0)+`}]`), want(0, 8-now(), 8, now()))
		has(c.ask(`[{"channel":"/meta/subscribe","clientId":"x","subscription":"/t"`+sync(9, 0, 0)+`}]`), want(0, 9-now(), 9, now())) // also with an error
		has(c.ask(`[{"channel":"/u","clientId":"<A>"`+sync(7, 0, 0)+`}]`), "")                                                        // TS-1: meta messages
		for _, odd := range []string{`1`, `null`, `[]`, `{}`, `{"tc":"1"}`, `{"tc":null}`, `{"tc":1e300}`, `{"l":0,"o":0}`} {
			has(connect(`,"advice":{"timeout":0},"ext":{"timesync":`+odd+`}`), "")
		}
		has(connect(`,"advice":{"timeout":0},"ext":{"t\u0069mesync":{"tc":1.5,"l":"x","o":[]}}`), want(0, 1-now(), 1, now()))
	})
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		b := start(t, Options{Extensions: []ExtensionName{ExtensionAck}})
		got := b.polling().ask(`[{"channel":"/meta/handshake","ext":{"timesync":{"tc":1,"l":0,"o":0}}}]`)
		if strings.Contains(got[0], "ext") {
			t.Error(got)
		}
	})
}

// TM-1, TM-2: every reply and message tells when it was made.
func TestTimestamp(t *testing.T) {
	t.Parallel()
	for _, style := range []struct {
		format TimestampFormat
		want   string
	}{{TimestampISO, "2000-01-01T00:00:00.000Z"}, {TimestampReference, "Sat Jan 01 00:00:00 UTC 2000"}} {
		stamp := `,"timestamp":"` + style.want + `"`
		opt := Options{Extensions: []ExtensionName{ExtensionTimestamp, ExtensionAck}, TimestampFormat: style.format}
		bothInTime(t, opt, func(t *testing.T, b *bench, c client) {
			must(t, b.srv.Service("/service/echo", func(_ context.Context, _ *Session, m *Message) (jsontext.Value, error) { return m.Data, nil }))
			handshake(t, c, "")
			same(t, c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"/a"}]`), `{"channel":"/meta/subscribe","subscription":"/a","successful":true`+stamp+`}`)
			same(t, c.ask(`[{"channel":"/a","clientId":"<A>","data":1,"timestamp":"Sat, 01 Jan 2000 12:00:00 GMT","more":1,"t\u0069mestamp":"x"}]`),
				`{"channel":"/a","data":1`+stamp+`,"more":1}`, `{"channel":"/a","successful":true`+stamp+`}`)
			same(t, c.ask(`[{"channel":"/service/echo","clientId":"<A>","data":1}]`),
				`{"channel":"/service/echo","data":1`+stamp+`}`, `{"channel":"/service/echo","successful":true`+stamp+`}`)
			b.publish("/a", "2")
			got := c.ask(connectMessage("1", `,"advice":{"timeout":0}`))
			same(t, got, `{"channel":"/a","data":2`+stamp+`}`, `{"channel":"/meta/connect","id":"1","successful":true,`+fullAdvice+stamp+`}`)
			p := c.begin(connectMessage("2", ""))
			synctest.Wait()
			b.session(c).Disconnect()
			if got := p.wait(); len(got) == 0 || got[0] != `{"channel":"/meta/disconnect","successful":true`+stamp+`}` {
				t.Error(got)
			}
		})
	}
	// Without the extension a field of that name is one like others (PUB-3).
	b := start(t, Options{})
	c := b.polling()
	handshake(t, c, "")
	subscribe(t, c, "/a")
	same(t, c.ask(`[{"channel":"/a","clientId":"<A>","data":1,"timestamp":"x"}]`), `{"channel":"/a","data":1,"timestamp":"x"}`, `{"channel":"/a","successful":true}`)
	if _, err := New(Options{Extensions: []ExtensionName{ExtensionTimestamp}, TimestampFormat: 7}); err == nil {
		t.Error("an unknown format was accepted")
	}
}

// AC-1 to AC-3, line 48: who does nothing but connect is sent away.
func TestActivity(t *testing.T) {
	t.Parallel()
	for _, mode := range []ActivityMode{ActivityClient, ActivityClientServer} {
		for _, ext := range []string{"", `{"ack":true}`} {
			opt := Options{
				Timeout: 10 * time.Second, Extensions: []ExtensionName{ExtensionAck, ExtensionActivity},
				Activity: ActivityOptions{MaxInactivity: 25 * time.Second, Mode: mode},
			}
			bothInTime(t, opt, func(t *testing.T, b *bench, c client) {
				handshake(t, c, ext)
				subscribe(t, c, "/a")
				hold := func(id string) []string {
					p := c.begin(connectMessage(id, ""))
					pass(10 * time.Second)
					return p.wait()
				}
				hold("1")
				hold("2")
				c.ask(`[{"channel":"/x","clientId":"<A>"}]`) // AC-2: from here on
				hold("3")
				p := c.begin(connectMessage("4", ""))
				synctest.Wait()
				b.publish("/a", "4")
				if c.transport() == LongPolling || ext != "" { // else it stays held
					p.wait()
					p = c.begin(connectMessage("4b", `,"ext":{"ack":9}`))
				}
				pass(10 * time.Second)
				p.wait()
				if got := hold("5"); !strings.Contains(got[0], `"successful":true`) {
					t.Fatal(got)
				}
				s := b.session(c)
				pass(time.Millisecond)
				got := c.ask(connectMessage("6", `,"advice":{"timeout":0}`)) // 30 s after the publish, 20 s after the message
				if mode == ActivityClientServer {
					if !strings.Contains(got[0], `"successful":true`) {
						t.Fatal(got)
					}
					pass(5 * time.Second)
					got = c.ask(connectMessage("6", ""))
				}
				if w, ok := c.(*socketClient); ok {
					more, _ := w.collect(1)
					got = append(got, more...)
				}
				if len(got) != 2 {
					t.Fatal(got)
				}
				reply, _, _ := strings.Cut(strings.TrimSuffix(got[1], "}"), `,"ext"`)
				same(t, []string{got[0], reply}, `{"channel":"/meta/disconnect","successful":true}`,
					`{"channel":"/meta/connect","id":"6","error":"402::session_unknown","successful":false,"advice":{"reconnect":"none","interval":0,"timeout":10000}`)
				if s.ended != EndInactive {
					t.Errorf("it ended as %q", s.ended)
				}
				same(t, c.ask(`[{"channel":"/x","clientId":"<A>"}]`), `{"channel":"/x","error":"402::session_unknown","successful":false}`)
				if w, ok := c.(*socketClient); ok { // DC-6
					pass(5 * time.Second)
					if code := w.closed(); code != 1000 {
						t.Errorf("closed with %d", code)
					}
				}
			})
		}
	}
	for _, bad := range []ActivityOptions{{MaxInactivity: -1}, {Mode: 5}} {
		if _, err := New(Options{Activity: bad}); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

// BI-1 to BI-5, line 47: bytes are passed on as they are, and server code can read and write them.
func TestBinary(t *testing.T) {
	t.Parallel()
	both(t, Options{Extensions: []ExtensionName{ExtensionBinary}}, func(t *testing.T, b *bench, c client) {
		must(t, b.srv.Service("/service/double", func(_ context.Context, from *Session, m *Message) (jsontext.Value, error) {
			p, err := binary.Decode(m.Ext, m.Data)
			if err != nil {
				return nil, &Refusal{Text: "400::not_binary"}
			}
			p.Data = append(p.Data, p.Data...)
			return nil, from.Send(Outgoing{Channel: m.Channel, Data: p.Encode(), Ext: binary.Ext()})
		}))
		handshake(t, c, "")
		subscribe(t, c, "/a")
		piece := `"data":{"meta":{"n":1e2},"last":true, "data":"0rJua1Qkhq"},"ext":{"binary":{ }}`
		same(t, c.ask(`[{"channel":"/a","clientId":"<A>",`+piece+`}]`), `{"channel":"/a",`+piece+`}`, `{"channel":"/a","successful":true}`)
		same(t, c.ask(`[{"channel":"/service/double","clientId":"<A>",`+piece+`}]`),
			`{"channel":"/service/double","data":{"data":"0rJua1Qkhq0rJua1Qkhq","last":true,"meta":{"n":1e2}},"ext":{"binary":{}}}`, `{"channel":"/service/double","successful":true}`)
		same(t, c.ask(`[{"channel":"/service/double","clientId":"<A>","data":{"data":"0"},"ext":{"binary":{}}}]`), `{"channel":"/service/double","error":"400::not_binary","successful":false}`)
	})
}
