package conformance

import (
	"net/http"
	"strings"
	"time"
)

// statusChecks are the rows of the status table (11.3), by the transport that speaks HTTP: 32.
func statusChecks() []Check {
	rules := []string{"11.3"}
	return []Check{
		{N: 32, Title: "200 for any Bayeux error", Rules: []string{"11.3", "LP-9"}, On: []Transport{L, J}, Mark: R, Run: func(l *Line) {
			a := l.Client().Raw(`[{"channel":"/foo","id":"1","clientId":"nobody"},{"id":"2"},{"channel":"foo","id":"3"}]`, 3)
			Same(l, "the errors", errorsOf(a.Replies()), []string{"402::session_unknown", "400::channel_missing", "405::channel_invalid"})
		}},
		{N: 32, Title: "400 for malformed JSON, a string, a number", Rules: rules, On: []Transport{L, J}, Mark: R, Run: func(l *Line) {
			status(l, 400, `[{"channel":`, `[{]`, `"channel"`, `7`)
		}},
		{N: 32, Title: "400 for an empty body", Rules: rules, On: []Transport{L}, Mark: R, Run: func(l *Line) { status(l, 400, ``) }},
		{
			N: 32, Title: "400 for an empty message", Rules: rules, On: []Transport{J}, Mark: D,
			Run:       func(l *Line) { status(l, 400, ``) },
			Reference: func(l *Line) { status(l, 500, ``) },
		},
		{
			N: 32, Title: "400 for an array with a non-object", Rules: rules, On: []Transport{L, J}, Mark: D,
			Run:       func(l *Line) { status(l, 400, `[1]`, `[{"channel":"/foo","id":"1"},"x"]`, `[[]]`, `[null]`) },
			Reference: func(l *Line) { status(l, 500, `[1]`, `[{"channel":"/foo","id":"1"},"x"]`) },
		},
		{
			N: 32, Title: "400 for an empty array", Rules: rules, On: []Transport{L, J}, Mark: D,
			Run:       func(l *Line) { status(l, 400, `[]`) },
			Reference: func(l *Line) { status(l, 500, `[]`) },
		},
		{N: 32, Title: "200 and an error for an empty object", Rules: rules, On: []Transport{L, J}, Mark: R, Run: func(l *Line) {
			l.JSON("the answer", l.Client().Raw(`{}`, 1).Messages, `[{"error":"400::channel_missing","successful":false}]`)
		}},
		{
			N: 32, Title: "413 for a body that is too large, and the connection is closed", Rules: rules, On: []Transport{L}, Mark: D, Options: "--max-message-size 2048",
			Run: func(l *Line) {
				w := l.Browser().Wire()
				w.Write(tooLarge)
				Is(l, "the status", w.Read().Status, http.StatusRequestEntityTooLarge)
				w.Ended(5 * time.Second)
			},
			Reference: func(l *Line) { Is(l, "the status", l.Browser().Post(tooLarge).Status, http.StatusInternalServerError) },
		},
		{N: 32, Title: "500 for the older of two connects", Rules: []string{"11.3", "CN-10"}, On: []Transport{L, J}, Mark: R, Run: func(l *Line) {
			olderConnect(l, http.StatusInternalServerError)
		}},
		// CometD 5 sends none; since CometD 8 its container fills in a page.
		{
			N: 32, Title: "no body for the older of two connects", Rules: []string{"CN-10"}, On: []Transport{L, J}, Mark: D,
			Run: func(l *Line) { Is(l, "the body", string(olderConnect(l, http.StatusInternalServerError)), "") },
			Reference: func(l *Line) {
				if body := olderConnect(l, http.StatusInternalServerError); !strings.Contains(string(body), "<html") {
					l.Errorf("the body should be a page: %q", short(body))
				}
			},
		},
		{
			N: 32, Title: "the configured status for the older of two connects", Rules: []string{"11.3", "CN-10"}, On: []Transport{L, J}, Mark: R,
			Options: "--duplicate-meta-connect-http-response-code 409",
			Run:     func(l *Line) { olderConnect(l, http.StatusConflict) },
		},
		{N: 32, Title: "200 and no body for OPTIONS", Rules: rules, On: []Transport{L}, Mark: R, Run: func(l *Line) {
			r := l.Browser().Request(http.MethodOptions, "", "", nil)
			Is(l, "the status", r.Status, http.StatusOK)
			Is(l, "the body", string(r.Body), "")
		}},
		{N: 32, Title: "400 for GET without a valid callback", Rules: []string{"11.3", "JP-1"}, On: []Transport{J}, Mark: R, Run: func(l *Line) {
			for _, query := range []string{"", "?message=%5B%5D", "?jsonp=a%28b&message=" + escapedHandshake} {
				Is(l, "the status for GET "+query, l.Browser().Request(http.MethodGet, query, "", nil).Status, http.StatusBadRequest)
			}
		}},
		{
			N: 32, Title: "405 for other methods", Rules: rules, On: []Transport{L}, Mark: D,
			Run: func(l *Line) {
				for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
					r := l.Browser().Request(method, "", "", nil)
					Is(l, "the status for "+method, r.Status, http.StatusMethodNotAllowed)
					for _, allowed := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
						if !strings.Contains(r.Header.Get("Allow"), allowed) {
							l.Errorf("the header Allow is %q, without %s", r.Header.Get("Allow"), allowed)
						}
					}
				}
			},
			Reference: func(l *Line) {
				for _, method := range []string{http.MethodPut, http.MethodDelete} {
					Is(l, "the status for "+method, l.Browser().Request(method, "", "", nil).Status, http.StatusBadRequest)
				}
			},
		},
		{N: 32, Title: "400 for long-polling switched off", Rules: rules, On: []Transport{L}, Mark: R, Options: "--transports websocket", Run: func(l *Line) {
			status(l, 400, `[{"channel":"/meta/handshake","id":"1"}]`)
		}},
	}
}

const escapedHandshake = "%5B%7B%22channel%22:%22/meta/handshake%22,%22id%22:%221%22%7D%5D"

// status demands a status for each of the bodies.
func status(l *Line, want int, bodies ...string) {
	b := l.Browser()
	for _, body := range bodies {
		r := b.Get
		if l.On == L {
			r = b.Post
		}
		Is(l, "the status for "+body, r(body).Status, want)
	}
}

// tooLarge is more than the server was told to accept.
var tooLarge = `[{"channel":"/foo","id":"1","data":"` + strings.Repeat("x", 4096) + `"}]`

// olderConnect demands that of two connects the older is answered with the status, and the newer is held. It returns the body of the older.
func olderConnect(l *Line, want int) (body []byte) {
	c := l.Connected()
	older := c.HoldConnect()
	older.Quiet("the first connect", 300*time.Millisecond)
	newer := c.HoldConnect(M{"advice": M{"timeout": 600}})
	r := older.Response()
	l.Need("the older connect", r.Err)
	Is(l, "the status of the older", r.Status, want)
	l.Took("the newer connect", newer.Wait().Took, 600*time.Millisecond)
	return r.Body
}

func errorsOf(ms []Message) []string {
	errs := make([]string, len(ms))
	for i, m := range ms {
		errs[i] = m.ErrorText()
	}
	return errs
}
