package bayeux

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// AD-4, CN-3, CN-6, CN-7, SS-2, HS-3: a session with times of its own.
func TestSessionTimes(t *testing.T) {
	t.Parallel()
	opt := Options{OnSession: func(s *Session) { s.SetTimes(Times{Timeout: 7 * time.Second, MaxInterval: 3 * time.Second}) }}
	bothInTime(t, opt, func(t *testing.T, b *bench, c client) {
		advice := `"advice":{"reconnect":"retry","interval":0,"timeout":7000}`
		if got := c.ask(`[{"channel":"/meta/handshake"}]`); !strings.Contains(got[0], advice) {
			t.Error(got)
		}
		same(t, c.ask(connectMessage("1", "")), `{"channel":"/meta/connect","id":"1","successful":true,`+advice+`}`)
		begin := time.Now()
		same(t, c.ask(connectMessage("2", "")), `{"channel":"/meta/connect","id":"2","successful":true}`)
		if d := time.Since(begin); d != 7*time.Second {
			t.Errorf("held for %v", d)
		}
		// Changed while a connect is held: that one keeps its time, and its reply tells.
		p := c.begin(connectMessage("3", ""))
		synctest.Wait()
		b.session(c).SetTimes(Times{Timeout: Never, Interval: time.Second, MaxInterval: 4 * time.Second})
		begin = time.Now()
		same(t, p.wait(), `{"channel":"/meta/connect","id":"3","successful":true,"advice":{"reconnect":"retry","interval":1000,"timeout":0}}`)
		if d := time.Since(begin); d != 7*time.Second {
			t.Errorf("held for %v", d)
		}
		pass(5*time.Second - 1) // SS-2 with the session's own
		if b.session(c) == nil {
			t.Fatal("expired too early")
		}
		same(t, c.ask(connectMessage("4", "")), `{"channel":"/meta/connect","id":"4","successful":true}`) // not held
		// Without times of its own, those of the transport hold again.
		b.session(c).SetTimes(Times{MaxInterval: -1})
		same(t, c.ask(connectMessage("5", `,"advice":{"timeout":0}`)), `{"channel":"/meta/connect","id":"5","successful":true,`+fullAdvice+`}`)
		pass(10*time.Second - 1)
		if b.session(c) == nil {
			t.Fatal("expired too early")
		}
		pass(time.Second)
		if b.session(c) != nil {
			t.Error("not expired")
		}
	})
}

// SS-8, SS-6: server code that takes longer than MaxProcessing costs the session.
func TestMaxProcessing(t *testing.T) {
	t.Parallel()
	var ends sync.Map // EndReason by *Session
	opt := Options{MaxProcessing: time.Second, OnEnd: func(s *Session, why EndReason) { ends.Store(s, why) }}
	bothInTime(t, opt, func(t *testing.T, b *bench, c client) {
		must(t, b.srv.Service("/service/wait", func(ctx context.Context, _ *Session, m *Message) (jsontext.Value, error) {
			d, err := time.ParseDuration(strings.Trim(string(m.Data), `"`))
			if err != nil {
				return nil, err
			}
			select {
			case <-time.After(d):
			case <-ctx.Done():
			}
			return m.Data, nil
		}))
		handshake(t, c, "")
		if got := c.ask(`[{"channel":"/service/wait","id":"1","clientId":"<A>","data":"999ms"}]`); data(withoutReplies(got)) != `"999ms"` {
			t.Fatal(got)
		}
		same(t, c.ask(connectMessage("2", "")), `{"channel":"/meta/connect","id":"2","successful":true}`) // holding is not processing
		if b.session(c) == nil {
			t.Fatal("removed")
		}
		begin, s := time.Now(), b.session(c)
		p := c.begin(`[{"channel":"/service/wait","id":"3","clientId":"<A>","data":"1m"}]`)
		<-p.done
		if d := time.Since(begin); d != time.Second || b.session(c) != nil {
			t.Errorf("after %v, %v", d, b.session(c))
		}
		if why, _ := ends.Load(s); why != EndProcessing {
			t.Error(why)
		}
		if w, ok := c.(*socketClient); ok {
			if code := w.closed(); code != 1000 {
				t.Errorf("closed with %d", code)
			}
			return
		}
		same(t, c.ask(`[{"channel":"/a","id":"4","clientId":"<A>"}]`), `{"channel":"/a","id":"4","error":"402::session_unknown","successful":false}`)
	})
}
