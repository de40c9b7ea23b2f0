package bayeux

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json/jsontext"
)

// get sends a callback-polling request with a query as it is.
func (b *bench) get(query string, header ...string) (*http.Response, string) {
	b.t.Helper()
	return b.request("GET", "/cometd?"+query, "", header...)
}

const oneMessage = "&message=%5B%7B%22channel%22%3A%22%2Fx%22%7D%5D"

// Lines 32 and 33, A11: JP-1, JP-2, 11.3 with callback-polling.
func TestCallbackGrammar(t *testing.T) {
	t.Parallel()
	b := start(t, Options{JSONP: HTTPOptions{MaxMessageSize: 20000}, MaxMessagesPerRequest: 100})
	long := strings.Repeat("x", 64)
	for query, want := range map[string]int{
		"jsonp=a" + oneMessage:                                       200,
		"jsonp=a.b-c_1" + oneMessage:                                 200,
		"jsonp=%61" + oneMessage:                                     200,
		"jsonp=" + long + oneMessage:                                 200,
		oneMessage + "&x=1&jsonp=a":                                  200,
		"jsonp=a&message=%7B%7D":                                     200, // MSG-1
		"jsonp=a" + oneMessage + "&pad=" + strings.Repeat("x", 16e3): 200, // JP-6
		"jsonp=" + long + "x" + oneMessage:                           400,
		"jsonp=" + oneMessage:                                        400,
		"jsonp" + oneMessage:                                         400,
		oneMessage:                                                   400,
		"callback=a" + oneMessage:                                    400,
		"jsonp=%3Cscript%3E" + oneMessage:                            400,
		"jsonp=alert(1)" + oneMessage:                                400,
		"jsonp=a%0D%0Ab" + oneMessage:                                400,
		"jsonp=a%00" + oneMessage:                                    400,
		"jsonp=%C3%A9" + oneMessage:                                  400,
		"jsonp=%zz" + oneMessage:                                     400,
		"jsonp=a%2F" + oneMessage:                                    400,
		"jsonp=%2A&jsonp=a" + oneMessage:                             400, // the first counts
		"jsonp=a":                                                    400,
		"jsonp=a&message=":                                           400,
		"jsonp=a&message=%5B%5D":                                     400,
		"jsonp=a&message=7":                                          400,
		"jsonp=a&message=%5B1%5D":                                    400,
		"jsonp=a&message=%5B%7B":                                     400,
		"jsonp=a&message=%zz":                                        400,
		"jsonp=a&message=%22%FF%22":                                  400,
		"jsonp=a" + strings.Repeat("&message=%7B%7D", 101):           400,
		"jsonp=a" + oneMessage + "&pad=" + strings.Repeat("x", 20e3): 413,
	} {
		resp, body := b.get(query)
		if resp.StatusCode != want {
			t.Errorf("%.80s: %d, want %d: %s", query, resp.StatusCode, want, body)
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" || want == 400 && !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%.80s: %v", query, resp.Header)
		}
	}
	if n := b.srv.Stats().Malformed; n != 23 {
		t.Errorf("%d requests counted as malformed", n)
	}
	named := start(t, Options{CallbackParameter: "callback", CallbackParameterMaxLength: 3})
	for query, want := range map[string]int{"callback=abc": 200, "callback=abcd": 400, "jsonp=abc": 400} {
		if resp, _ := named.get(query + oneMessage); resp.StatusCode != want {
			t.Errorf("%s: %d", query, resp.StatusCode)
		}
	}
}

// Line 33, trace 22.4: JP-2, JP-3, JP-4, LP-1, LP-10.
func TestCallbackResponse(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	message := func(text string) string { return "&message=" + url.QueryEscape(text) }
	resp, body := b.get("jsonp=a.b-c_1" + message(`[{"channel":"/foo","id":"110"}]`) + message(`{"channel":"/foo","id":"111"}`))
	want := `/**/a.b-c_1([{"channel":"/foo","id":"110","error":"402::session_unknown","successful":false},{"channel":"/foo","id":"111","error":"402::session_unknown","successful":false}])`
	if body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	for name, want := range map[string]string{"Content-Type": "text/javascript;charset=UTF-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	c := b.script()
	c.path = "/cometd/handshake"
	handshake(t, c, "")
	odd := "\"\u2027\u2028\u2029\u202a</script><!--&'\""
	must(t, b.session(c).Deliver("/x", value(odd)))
	_, body, err := c.post(connectMessage("1", ""))
	must(t, err)
	if strings.ContainsAny(body, "<\u2028\u2029") || !strings.Contains(body, "\u2027") {
		t.Errorf("JP-4: %q", body)
	}
	got, err := jsontext.AppendUnquote(nil, data([]string{body[len("/**/cometd.on_1([") : strings.Index(body, "},{")+1]}))
	must(t, err)
	if want, _ := jsontext.AppendUnquote(nil, odd); string(got) != string(want) {
		t.Errorf("%q became %q", want, got)
	}
}

// JP-5, DEL-6: messages travel with connect replies only.
func TestCallbackDelivery(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	c := b.script()
	handshake(t, c, "")
	subscribe(t, c, "/s")
	same(t, c.ask(`[{"channel":"/s","id":"1","clientId":"<A>","data":1}]`), `{"channel":"/s","id":"1","successful":true}`)
	same(t, c.ask(connectMessage("2", "")), `{"channel":"/s","data":1}`, `{"channel":"/meta/connect","id":"2","successful":true}`)
	held := c.begin(connectMessage("3", ""))
	b.held(1)
	b.publish("/s", "2")
	same(t, held.wait(), `{"channel":"/s","data":2}`, `{"channel":"/meta/connect","id":"3","successful":true}`)
	held = c.begin(connectMessage("4", ""))
	b.held(1)
	c.ask(`[{"channel":"/meta/disconnect","clientId":"<A>"}]`)
	same(t, held.wait(), `{"channel":"/meta/connect","id":"4","successful":true,"advice":{"reconnect":"none","interval":0,"timeout":30000}}`)
}

// A session uses one of the two transports over HTTP, the first (LP-8, chapter 16),
// and may go on over websocket.
func TestCallbackAndLongPolling(t *testing.T) {
	t.Parallel()
	for _, trust := range []bool{false, true} {
		b := start(t, Options{TrustClientSession: trust})
		for _, pair := range [][2]*pollingClient{{b.polling(), b.script()}, {b.script(), b.polling()}} {
			made, other := pair[0], pair[1]
			handshake(t, made, "")
			other.hc.Jar = made.hc.Jar
			other.setID(made.id())
			got := other.ask(connectMessage("1", `,"advice":{"timeout":0}`))[0]
			if known := !strings.Contains(got, `"error":"402::session_unknown"`); known != trust {
				t.Errorf("from %s to %s, trust %v: %s", made.transport(), other.transport(), trust, got)
			}
			u, _ := url.Parse("http://desk.example/cometd")
			w := b.websocket(http.Header{"Cookie": {made.hc.Jar.Cookies(u)[0].String()}})
			w.cid = made.id()
			same(t, w.ask(connectMessage("2", `,"advice":{"timeout":0}`)), `{"channel":"/meta/connect","id":"2","successful":true,`+fullAdvice+`}`)
		}
		if n := b.srv.Stats().StolenIDs; n != 0 {
			t.Errorf("%d stolen ids", n)
		}
	}
	trusting := start(t, Options{TrustClientSession: true, DuplicateMetaConnectHTTPResponseCode: 409})
	p, j := trusting.polling(), trusting.script()
	handshake(t, p, "")
	left := newPending(t, func() ([]string, error) {
		resp, _, err := p.post(connectMessage("1", ""))
		if err == nil && resp.StatusCode != 409 {
			t.Errorf("XT-1: the connect left behind got %s", resp.Status)
		}
		return nil, err
	})
	trusting.held(1)
	j.setID(p.id())
	j.ask(`[{"channel":"/x","clientId":"<A>"}]`)
	left.wait()

	b := start(t, Options{})
	conn, err := b.dial()
	must(t, err)
	defer conn.Close()
	w := &rawSocket{t: t, conn: conn}
	cookie := w.upgrade().Cookies()[0]
	w.text(`[{"channel":"/meta/handshake"}]`)
	id := clientIDs.FindStringSubmatch(w.readText())[1]
	for i, c := range []*pollingClient{b.script(), b.polling()} { // whichever comes first
		c.setID(id)
		c.header.Set("Cookie", cookie.Name+"="+cookie.Value)
		if got := c.ask(connectMessage("1", `,"advice":{"timeout":0}`))[0]; strings.Contains(got, `"successful":true`) != (i == 0) {
			t.Error(got)
		}
	}
}

// Line 59, line 33: JP-7, CO-4.
func TestCallbackFromElsewhere(t *testing.T) {
	t.Parallel()
	b := start(t, Options{AllowedOrigins: []string{"https://app.example"}})
	for _, tc := range []struct {
		site, origin, referer string
		want                  int
	}{
		{"", "", "", 200},
		{"same-origin", "", "http://desk.example/page", 200},
		{"same-site", "", "http://other.desk.example/", 200},
		{"none", "", "", 200},
		{"cross-site", "", "", 403},
		{"cross-site", "", "http://desk.example/", 403},
		{"", "", "http://desk.example/page?x", 200},
		{"", "", "https://app.example/page", 200},
		{"", "", "https://evil.example/page", 403},
		{"", "", "https://desk.example.evil.example/", 403},
		{"", "", "http://evil.example/?http://desk.example/", 403},
		{"", "", "nonsense", 403},
		{"", "", "://", 403},
		{"", "https://app.example", "https://evil.example/", 200}, // Origin counts
		{"", "https://evil.example", "http://desk.example/", 403},
		{"", "null", "", 403},
		{"same-origin", "https://evil.example", "", 403}, // CO-4
	} {
		var header []string
		for name, v := range map[string]string{"Sec-Fetch-Site": tc.site, "Origin": tc.origin, "Referer": tc.referer} {
			if v != "" {
				header = append(header, name, v)
			}
		}
		resp, body := b.get("jsonp=a"+oneMessage, header...)
		if resp.StatusCode != tc.want || strings.Contains(body, "a([") != (tc.want == 200) {
			t.Errorf("%+v: %d %s", tc, resp.StatusCode, body)
		}
	}
	own := start(t, Options{Origin: "https://desk.example"})
	for referer, want := range map[string]int{"https://desk.example/": 200, "http://desk.example/": 403} {
		if resp, _ := own.get("jsonp=a"+oneMessage, "Referer", referer); resp.StatusCode != want {
			t.Errorf("%s: %d", referer, resp.StatusCode)
		}
	}
}

// Line 28 with callback-polling: CK-7, CK-8, JP-6; the count is that of the browser.
func TestCallbackSessionsPerBrowser(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		b := startInMemory(t, Options{})
		first, second := b.script(), b.polling()
		second.hc.Jar = first.hc.Jar
		handshake(t, first, "")
		handshake(t, second, "")
		held := first.begin(connectMessage("1", ""))
		synctest.Wait()
		same(t, second.ask(connectMessage("1", "")), `{"channel":"/meta/connect","id":"1","successful":true,"advice":{"reconnect":"retry","interval":2000,"timeout":30000,"multiple-clients":true}}`)
		held.wait()
	})
}

// JP-1, JP-2, JP-4: whatever the query, what is answered is one call of one name
// with JSON that no script or page ends early.
func FuzzCallback(f *testing.F) {
	for _, s := range []string{
		"jsonp=a" + oneMessage, "jsonp=%3Cscript%3E" + oneMessage, "message=%7B%7D&jsonp=a.b&message=%5B%5D", "jsonp=a&message=%zz", "&&=;", "jsonp=a&jsonp=b",
		"jsonp=a&message=%5B%7B%22channel%22%3A%22%3C%2Fscript%3E%22%2C%22id%22%3A%22%E2%80%A8%22%7D%5D",
	} {
		f.Add(s)
	}
	srv, err := New(Options{})
	must(f, err)
	f.Fuzz(func(t *testing.T, query string) {
		name, ok := srv.callbackOf(query)
		if !ok {
			return
		}
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" || name == "" || len(name) > 64 {
			t.Fatalf("%q is a callback", name)
		}
		msgs, err := parseFields(query, limits{64, 10})
		if err != nil {
			return
		}
		var replies []reply
		for i := range msgs {
			replies = append(replies, replyTo(&msgs[i]))
			replies[i].subscription = msgs[i].Data
		}
		array := encode(nil, nil, replies)
		text := string(script(name, array))
		inner := strings.TrimSuffix(strings.TrimPrefix(text, "/**/"+name+"("), ")")
		if strings.ContainsAny(text, "<\u2028\u2029") || len(inner) != len(text)-len(name)-6 {
			t.Fatalf("%q", text)
		}
		lax := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
		was, is := jsontext.Value(array), jsontext.Value(inner)
		if was.Canonicalize(lax...) != nil || is.Canonicalize(lax...) != nil || string(was) != string(is) {
			t.Fatalf("%s became %s", array, inner)
		}
	})
}
