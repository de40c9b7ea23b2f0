package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// shortHold are the options of checks that wait for held connects: long enough to tell held from answered at once.
const (
	shortHold     = "--timeout 2000 --max-interval 6000"
	shortHoldTime = 2 * time.Second
)

// connectChecks are those of /meta/connect.
func connectChecks() []Check {
	return []Check{
		{
			N: 5, Title: "first connect immediate with and without advice, second held for timeout", Mark: R, On: []Transport{L, W, J},
			Rules: []string{"CN-1", "CN-2", "CN-3", "CN-9", "CN-11"}, Options: shortHold, Run: firstAndSecondConnect,
		},
		{
			N: 6, Title: "connect advice honoured once and reported", Mark: R, On: []Transport{L, W},
			Rules: []string{"CN-3", "CN-5", "CN-7"}, Options: shortHold, Run: func(l *Line) {
				c := l.Connected()
				a := c.Connect(M{"advice": M{"timeout": 700, "interval": 300}})
				l.Took("a connect with advice", a.Took, 700*time.Millisecond)
				l.Has("the advice", a.Reply().Advice(), `{"reconnect":"retry","interval":300,"timeout":2000}`)
				a = c.Connect()
				l.Took("the connect after it", a.Took, shortHoldTime)
				if advice := a.Reply().Advice(); advice != nil {
					l.Has("the advice after it", advice, `{"interval":0,"timeout":2000}`)
				}
			},
		},
		{
			N: 6, Title: "connect advice of wrong types is ignored", Mark: D, On: []Transport{L, W},
			Rules: []string{"CN-8"}, Options: shortHold, Run: oddAdvice, Reference: func(l *Line) {
				for _, odd := range []any{"abc", true, M{}} {
					c := l.Connected()
					c.breaks(array(c.fill([]M{Connect(l.On).with(M{"advice": M{"timeout": odd}})})))
				}
			},
		},
		{
			N: 6, Title: "connect advice above the limit is capped", Mark: D, On: []Transport{L, W},
			Rules: []string{"CN-8"}, Options: "--timeout 500 --max-timeout 1000 --max-interval 6000", Run: func(l *Line) {
				l.Took("a connect for an hour", l.Connected().Connect(M{"advice": M{"timeout": 3600000}}).Took, time.Second)
			},
		},
		{
			N: 7, Title: "advice appears on the first connect and not on the second", Mark: R, On: []Transport{L, W},
			Rules: []string{"CN-6", "CN-11"}, Options: shortHold, Run: func(l *Line) {
				c := l.Client()
				c.Handshake()
				l.Has("the advice of the first connect", c.FirstConnect().Advice(), `{"reconnect":"retry","interval":0,"timeout":2000}`)
				l.JSON("the second reply", c.Connect(M{"id": "s"}).Reply(), `{"channel":"/meta/connect","id":"s","successful":true}`)
			},
		},
		{
			N: 8, Title: "two connects: the older is given up, the newer held", Mark: R, On: []Transport{L, W},
			Rules: []string{"CN-10"}, Options: shortHold, Run: func(l *Line) { twoConnects(l, http.StatusInternalServerError) },
		},
		{
			N: 8, Title: "two connects: the status of the older is an option", Mark: R, On: []Transport{L},
			Rules: []string{"CN-10"}, Options: shortHold + " --duplicate-meta-connect-http-response-code 409",
			Run: func(l *Line) { twoConnects(l, http.StatusConflict) },
		},
		{
			N: 9, Title: "batched connect not held", Mark: R, On: []Transport{L, J},
			Rules: []string{"CN-4", "DEL-3"}, Run: func(l *Line) {
				for _, ms := range [][]M{
					{Connect(l.On), Subscribe(l.Channel("/a"))},
					{Subscribe(l.Channel("/a")), Connect(l.On)},
					{Publish(l.Channel("/b"), 1), Connect(l.On), Publish(l.Channel("/b"), 2)},
				} {
					a := l.Connected().Do(ms...)
					l.AtOnce("a connect in company", a.Took)
					Is(l, "the number of replies", len(a.Replies()), len(ms))
					for i, r := range a.Replies() {
						Is(l, "the channel of a reply", r.Channel(), ms[i]["channel"].(string))
						Is(l, "successful", r.Successful(), true)
					}
				}
			},
		},
		{
			N: 10, Title: "unknown id: 402 with advice on connect, without on others", Mark: R, On: []Transport{L, W, J},
			Rules: []string{"CN-12", "CN-14", "DC-3", "SS-6", "PUB-1"}, Run: unknownSession,
		},
	}
}

func firstAndSecondConnect(l *Line) {
	l.Together(func() {
		c := l.Client()
		c.Handshake()
		l.AtOnce("the first connect, with advice", c.Connect(M{"advice": M{"timeout": 0}}).Took)
		l.Took("the second connect", c.Connect().Took, shortHoldTime)
	}, func() {
		c := l.Client()
		c.Handshake()
		l.AtOnce("the first connect, without advice", c.Connect().Took)
		a := c.Connect(M{"connectionType": Without})
		l.Took("the second connect, without connectionType", a.Took, shortHoldTime)
		Is(l, "the number of messages", len(a.Messages), 1)
	}, func() {
		c := l.Connected()
		l.AtOnce("a later connect with timeout 0", c.Connect(M{"advice": M{"timeout": 0}, "connectionType": "pigeon"}).Took)
	})
}

func oddAdvice(l *Line) {
	var runs []func()
	for _, advice := range []any{
		M{"timeout": "abc", "interval": "x"}, M{"timeout": M{}, "interval": []int{1}}, M{"timeout": true}, M{"timeout": -5, "interval": -1}, "nonsense", []int{1},
	} {
		runs = append(runs, func() {
			a := l.Connected().Connect(M{"advice": advice})
			l.Took(fmt.Sprintf("a connect with advice %v", advice), a.Took, shortHoldTime)
			if got := a.Reply().Advice(); got != nil {
				l.Has("the advice", got, `{"interval":0,"timeout":2000}`)
			}
		})
	}
	l.Together(runs...)
}

func twoConnects(l *Line, status int) {
	c := l.Connected()
	older := c.HoldConnect()
	older.Quiet("the older connect", 500*time.Millisecond)
	began := time.Now()
	newer := c.HoldConnect()
	if l.On == W {
		r := newer.Wait()
		l.Took("the newer connect", r.Took, shortHoldTime)
		older.Quiet("the older connect", time.Second)
		return
	}
	r := older.Response()
	l.Need("the answer to the older connect", r.Err)
	l.AtOnce("the answer to the older connect", time.Since(began))
	Is(l, "the status of the older connect", r.Status, status)
	if ms, err := ParseMessages(r.Body); err == nil { // some servers add a page for people
		l.Errorf("the older connect is answered with messages: %s", Texts(ms))
	}
	a := newer.Wait()
	l.Took("the newer connect", a.Took, shortHoldTime)
	Is(l, "successful", a.Reply().Successful(), true)
}

func unknownSession(l *Line) {
	gone := l.Connected()
	gone.Call(Disconnect())
	for what, id := range map[string]any{"an id never given": "nosuchsessionnosuchsession", "the id of a session that ended": gone.ID, "no id": Without} {
		c := l.Client()
		c.Browser.SetCookie("BAYEUX_BROWSER", gone.Browser.Cookie("BAYEUX_BROWSER"))
		stranger := M{"clientId": id}
		r := c.Do(Connect(l.On).with(stranger)).Reply()
		l.Has(what+": connect", r, `{"channel":"/meta/connect","successful":false,"error":"402::session_unknown"}`)
		l.Has(what+": advice", r.Advice(), `{"reconnect":"handshake","interval":0}`)
		for _, m := range []M{
			Subscribe(l.Channel("/a")), Unsubscribe(l.Channel("/a")), Publish(l.Channel("/a"), 1), Publish("/service/echo", 1), Disconnect(),
		} {
			want := M{"channel": m["channel"], "id": "x", "successful": false, "error": "402::session_unknown"}
			if s, ok := m["subscription"]; ok {
				want["subscription"] = s
			}
			l.JSON(what, c.Do(m.with(stranger, M{"id": "x"})).Reply(), json.RawMessage(want.JSON()))
		}
	}
}
