package conformance

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// requestChecks are those of the form of a POST.
func requestChecks() []Check {
	return []Check{
		{
			N: 31, Title: "suffix paths, query string, odd content types, single object", Mark: R, On: []Transport{L},
			Rules: []string{"LP-1", "LP-2", "LP-9", "MSG-1"}, Run: requestForms,
		},
		{
			N: 31, Title: "charsets other than UTF-8", Mark: R, On: []Transport{L}, Rules: []string{"LP-4"}, Run: func(l *Line) {
				c := l.Connected()
				c.Subscribe(l.Channel("/a"))
				for charset, text := range map[string][2]string{
					"UTF-8": {"gr\u00fc\u00df", "grüß"}, "utf-8": {"gr\u00fc\u00df", "grüß"}, `"UTF-8"`: {"gr\u00fc\u00df", "grüß"},
					"iso-8859-1": {"gr\xfc\xdf", "grüß"}, "ISO-8859-1": {"gr\xfc\xdf", "grüß"}, "us-ascii": {"gruess", "gruess"},
				} {
					body := `[{"channel":"` + l.Channel("/a") + `","clientId":"` + c.ID + `","id":"x","data":"` + text[0] + `"}]`
					ms := l.good("charset "+charset, c.Browser.Request(http.MethodPost, "", body, Fields{"Content-Type": "application/json;charset=" + charset}))
					if events := Events(ms); len(events) != 1 || events[0].Text("data") != text[1] {
						l.Errorf("charset %s: %q arrives as %s", charset, text[1], Texts(ms))
					}
				}
			},
		},
		{
			N: 31, Title: "unknown charset and content coding: 415", Mark: D, On: []Transport{L}, Rules: []string{"LP-4", "LP-5"}, Run: func(l *Line) {
				for _, fields := range []Fields{
					{"Content-Type": "application/json;charset=klingon"}, {"Content-Type": "application/json", "Content-Encoding": "br"},
				} {
					r := l.Browser().Request(http.MethodPost, "", array([]M{Handshake(L)}), fields)
					Is(l, fmt.Sprintf("the status for %v", fields), r.Status, http.StatusUnsupportedMediaType)
				}
			}, Reference: func(l *Line) {
				r := l.Browser().Request(http.MethodPost, "", array([]M{Handshake(L)}), Fields{"Content-Encoding": "br"})
				l.Has("the answer to a content coding that is not looked at", l.good("br", r)[0], `{"successful":true}`)
			},
		},
		{
			N: 31, Title: "gzip", Mark: D, On: []Transport{L}, Rules: []string{"LP-5"}, Run: func(l *Line) {
				l.Has("a handshake in gzip", l.good("gzip", l.postPacked())[0], `{"successful":true}`)
			}, Reference: func(l *Line) { Is(l, "the status", l.postPacked().Status, http.StatusBadRequest) },
		},
		{
			N: 31, Title: "form with one or more messages", Mark: O, On: []Transport{L}, Rules: []string{"LP-3"}, Run: func(l *Line) {
				c := l.Connected()
				form := url.Values{"message": {array(c.fill([]M{Publish(l.Channel("/a"), 1), Publish(l.Channel("/a"), 2)})), c.fill([]M{Publish(l.Channel("/b"), 3)})[0].JSON()}}
				for _, kind := range []string{"application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8"} {
					ms := l.good(kind, c.Browser.Request(http.MethodPost, "", form.Encode(), Fields{"Content-Type": kind}))
					Is(l, "the number of replies", len(Replies(ms)), 3)
					for _, m := range ms {
						Is(l, "successful", m.Successful(), true)
					}
				}
			},
		},
		{
			N: 31, Title: "responses are kept by nobody and read as nothing else", Mark: D, On: []Transport{L}, Rules: []string{"LP-10"}, Run: func(l *Line) {
				r := l.Browser().Post(array([]M{Handshake(L)}))
				l.good("a handshake", r)
				if !strings.Contains(r.Header.Get("Cache-Control"), "no-store") {
					l.Errorf("Cache-Control is %q, want no-store", r.Header.Get("Cache-Control"))
				}
				Is(l, "X-Content-Type-Options", r.Header.Get("X-Content-Type-Options"), "nosniff")
			}, Reference: func(l *Line) {
				h := l.Browser().Post(array([]M{Handshake(L)})).Header
				Is(l, "Cache-Control and X-Content-Type-Options", h.Get("Cache-Control")+h.Get("X-Content-Type-Options"), "")
			},
		},
	}
}

// postPacked posts a handshake in gzip.
func (l *Line) postPacked() Response {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte(array([]M{Handshake(L)})))
	l.Need("pack", errors.Join(err, w.Close()))
	return l.Browser().Request(http.MethodPost, "", packed.String(), Fields{"Content-Type": "application/json", "Content-Encoding": "gzip"})
}

// good returns the messages of a response with status 200, JSON and a body that is not empty.
func (l *Line) good(what string, r Response) []Message {
	ms, err := r.messages(L)
	l.Need(what, err)
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		l.Errorf("%s: the content type of the answer is %q", what, r.Header.Get("Content-Type"))
	}
	if len(ms) == 0 {
		l.Fatalf("%s: the answer is an empty array", what)
	}
	return ms
}

func requestForms(l *Line) {
	c := l.Connected()
	json := Fields{"Content-Type": "application/json"}
	post := func(what, suffix, body string, fields Fields) {
		ms := l.good(what, c.Browser.Request(http.MethodPost, suffix, body, fields))
		if len(ms) != 1 || !ms[0].Successful() {
			l.Errorf("%s: one successful reply is expected: %s", what, Texts(ms))
		}
	}
	publish := func() string { return array(c.fill([]M{Publish(l.Channel("/a"), 1)})) }
	for _, suffix := range []string{"", "/", "/handshake", "/connect", "/disconnect", "/subscribe", "/unsubscribe", "/any/thing", "?a=b&c", "/connect?x=1"} {
		post("POST to "+suffix, suffix, publish(), json)
	}
	for _, kind := range []string{"", "text/plain", "text/json;charset=UTF-8", "application/octet-stream", "nonsense", "application/json; a=b"} {
		post("content type "+kind, "", publish(), Fields{"Content-Type": kind})
	}
	post("a single object", "", c.fill([]M{Publish(l.Channel("/a"), 1)})[0].JSON(), json)
	post("white space around", "", " \r\n\t"+publish()+"\n ", json)
	post("an unknown field, null fields", "", array(c.fill([]M{Publish(l.Channel("/a"), 1).with(M{"ext": nil, "advice": nil, "odd": M{}})})), json)
	post("a suffix that says something else", "/handshake", array(c.fill([]M{Subscribe(l.Channel("/b"))})), json)
}
