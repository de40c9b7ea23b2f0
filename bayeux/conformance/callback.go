package conformance

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// callbackChecks are about what only callback-polling has: 33, 59.
func callbackChecks() []Check {
	on := []Transport{J}
	return []Check{
		{N: 33, Title: "names of callbacks", Rules: []string{"JP-1"}, On: on, Mark: R, Run: func(l *Line) {
			b := l.Browser()
			for _, name := range []string{"cb", "a.b-c_1", "7", strings.Repeat("x", 64)} {
				r := get(b, name, `[{"channel":"/foo","id":"1","clientId":"nobody"}]`)
				Is(l, "the status for callback "+name, r.Status, http.StatusOK)
				if body := strings.TrimPrefix(string(r.Body), "/**/"); !strings.HasPrefix(body, name+"([") {
					l.Errorf("callback %s is not called in %q", name, short(r.Body))
				}
			}
			for _, name := range []string{"", "a b", "alert(1)", "a;b", "a[0]", "ü", "<script>", strings.Repeat("x", 65)} {
				Is(l, "the status for callback "+name, get(b, name, `[{"channel":"/foo","id":"1"}]`).Status, http.StatusBadRequest)
			}
		}},
		{N: 33, Title: "several messages parameters, arrays and objects", Rules: []string{"JP-2", "JP-6"}, On: on, Mark: R, Run: func(l *Line) {
			r := get(l.Browser(), "cb", `[{"channel":"/foo","id":"110","clientId":"nobody"}]`, `{"channel":"/foo","id":"111","clientId":"nobody"}`)
			ms, err := r.messages(J)
			l.Need("the answer", err)
			l.JSON("the answer", ms, `[{"channel":"/foo","id":"110","error":"402::session_unknown","successful":false},`+
				`{"channel":"/foo","id":"111","error":"402::session_unknown","successful":false}]`)
		}},
		{
			N: 33, Title: "400 without a message", Rules: []string{"JP-2"}, On: on, Mark: D,
			Run:       func(l *Line) { Is(l, "the status", get(l.Browser(), "cb").Status, http.StatusBadRequest) },
			Reference: func(l *Line) { Is(l, "the status", get(l.Browser(), "cb").Status, http.StatusInternalServerError) },
		},
		{N: 33, Title: "the type of the answer", Rules: []string{"JP-3"}, On: on, Mark: R, Run: func(l *Line) {
			r := l.Browser().Get(`[{"channel":"/meta/handshake","id":"1"}]`)
			Is(l, "the status", r.Status, http.StatusOK)
			Is(l, "the type", strings.ReplaceAll(strings.ToLower(r.Header.Get("Content-Type")), " ", ""), "text/javascript;charset=utf-8")
		}},
		{
			N: 33, Title: "the answer cannot be taken for another script or type", Rules: []string{"JP-4"}, On: on, Mark: D,
			Run: func(l *Line) {
				a := separators(l)
				if strings.ContainsAny(string(a.Body), "\u2028\u2029") {
					l.Errorf("line separators should be escaped: %q", short(a.Body))
				}
				Is(l, "the beginning", string(a.Body[:7]), "/**/cb(")
				Is(l, "the header X-Content-Type-Options", a.Header.Get("X-Content-Type-Options"), "nosniff")
			},
			Reference: func(l *Line) {
				a := separators(l)
				Is(l, "the beginning", string(a.Body[:3]), "cb(")
				Is(l, "the header X-Content-Type-Options", a.Header.Get("X-Content-Type-Options"), "")
			},
		},
		{N: 33, Title: "messages travel with connect replies only", Rules: []string{"JP-5", "DEL-6"}, On: on, Mark: R, Run: func(l *Line) {
			c := l.Connected()
			c.Subscribe(l.Channel("/a"))
			if a := c.Do(Publish(l.Channel("/a"), 1)); len(a.Messages) != 1 {
				l.Errorf("the answer to the publish should hold nothing but its reply: %s", Texts(a.Messages))
			}
			a := c.Connect()
			l.AtOnce("the connect", a.Took)
			Same(l, "the messages", Datas(a.Events()), []string{"1"})
		}},
		{N: 33, Title: "a query of 16 KiB", Rules: []string{"JP-6"}, On: on, Mark: R, Run: func(l *Line) {
			c := l.Connected()
			c.Publish(l.Channel("/a"), strings.Repeat("x", 16<<10))
		}},
		{N: 33, Title: "listed last", Rules: []string{"JP-8", "HS-2"}, On: on, Mark: R, Run: func(l *Line) {
			types := string(l.Client().Handshake()["supportedConnectionTypes"])
			l.JSON("supportedConnectionTypes", types, `["websocket","long-polling","callback-polling"]`)
		}},
		{N: 33, Title: "switched off: not listed, and 400", Rules: []string{"JP-8"}, On: on, Mark: R, Options: "--transports websocket,long-polling", Run: func(l *Line) {
			types := string(l.ClientOn(L, l.Browser()).Handshake()["supportedConnectionTypes"])
			l.JSON("supportedConnectionTypes", types, `["websocket","long-polling"]`)
			Is(l, "the status", l.Browser().Get(`[{"channel":"/meta/handshake","id":"1"}]`).Status, http.StatusBadRequest)
		}},
		{
			N: 59, Title: "a foreign site's script tag is refused", Rules: []string{"JP-7"}, On: on, Mark: D,
			Run:       func(l *Line) { foreignScripts(l, http.StatusForbidden) },
			Reference: func(l *Line) { foreignScripts(l, http.StatusOK) },
		},
		{N: 59, Title: "a script tag of our own is answered", Rules: []string{"JP-7"}, On: on, Mark: R, Run: func(l *Line) {
			b := l.Browser()
			own := strings.TrimSuffix(b.Base, "/cometd")
			for _, f := range []Fields{nil, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": own}, {"Referer": own + "/page"}} {
				ms, err := b.Request(http.MethodGet, callback(`[{"channel":"/meta/handshake","id":"1"}]`), "", f).messages(J)
				l.Need("the answer "+headers(f), err)
				l.Has("the reply", ms[0], `{"id":"1","successful":true}`)
			}
		}},
	}
}

// separators returns an answer that holds the line separators of Unicode, which end a string literal in older JavaScript.
func separators(l *Line) Answer {
	c := l.Connected()
	c.Subscribe(l.Channel("/a"))
	c.Publish(l.Channel("/a"), "\u2028\u2029")
	a := c.Connect()
	l.JSON("the data", a.Events()[0].Data(), `"\u2028\u2029"`)
	return a
}

// get sends messages as parameters of their own.
func get(b *Browser, callback string, messages ...string) Response {
	return b.Request(http.MethodGet, "?"+url.Values{"jsonp": {callback}, "message": messages}.Encode(), "", nil)
}

func foreignScripts(l *Line, want int) {
	b := l.Browser()
	for _, f := range []Fields{{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Referer": "https://evil.example/page"}, {"Origin": "null"}} {
		r := b.Request(http.MethodGet, callback(`[{"channel":"/meta/handshake","id":"1"}]`), "", f)
		Is(l, "the status "+headers(f), r.Status, want)
	}
}

func headers(f Fields) string {
	var list []string
	for name, value := range f {
		list = append(list, name+": "+value)
	}
	slices.Sort(list)
	return "with " + or(strings.Join(list, ", "), "no header")
}
