package doctor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/probe"
)

const (
	patience  = 15 * time.Second // for an answer that is not held
	margin    = 5 * time.Second  // by which a proxy must be more patient than Halley
	maxAnswer = 64 << 10         // bytes
	fewDays   = 14 * 24 * time.Hour
)

// way is one way to a server.
type way struct {
	*report
	name  string // begins the name of each check
	base  *url.URL
	tls   *tls.Config
	http  *http.Client
	plain *http.Client // HTTP/1.1 and no other, for websockets

	direct   bool // no proxy was met
	product  product
	settings probe.Settings
	rtt      time.Duration
	repeats  *bool // a repeated POST was complained of; shared with the ways over other clients
}

// examineWay examines what happens to requests on their way to the server at an address.
func examineWay(ctx context.Context, r *report, name, address string, roots *x509.CertPool) {
	base, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		r.problem(name, "write it as https://host", "%q is no address of a server", address)
		return
	}
	w := &way{repeats: new(bool), report: r, name: name, base: base, tls: &tls.Config{RootCAs: roots}}
	w.http, w.plain = newClient(w.tls, true), newClient(w.tls, false)
	defer w.http.CloseIdleConnections()
	defer w.plain.CloseIdleConnections()

	if !w.reach(ctx) {
		return // nothing else can be said
	}
	for _, look := range []func(context.Context){w.client, w.cookies, w.headers, w.body, w.compression, w.caching} {
		look(ctx)
	}
	var patient sync.WaitGroup // these wait rather than work
	for _, look := range []func(context.Context){w.buffering, w.hold, w.leaving, w.webSocket} {
		patient.Go(func() { look(ctx) })
	}
	patient.Wait()
	w.failures(ctx) // at the end: a proxy may think ill of the server then
}

func newClient(config *tls.Config, http2 bool) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(http2)
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: config.Clone(), Protocols: protocols, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// over is the same way for requests that are to go over another client.
func (w *way) over(client *http.Client) *way {
	other := *w
	other.http = client
	return &other
}

// check is the name of a check.
func (w *way) check(of string) string { return w.name + "." + of }

// asked is a probe and its fate.
type asked struct {
	status int
	header http.Header
	body   []byte
	answer probe.Answer // its Halley is false if the answer is not from a probe
	tls    *tls.ConnectionState

	sent         time.Time
	first, whole time.Duration // until the first byte of the body, and the last
	err          error         // the connection's
}

// fate says in a few words what became of a probe that was not answered as it should be.
func (a asked) fate() string {
	switch {
	case errors.Is(a.err, context.DeadlineExceeded):
		return "there was no answer"
	case a.err != nil:
		return "the connection was cut (" + a.err.Error() + ")"
	}
	return fmt.Sprintf("it was answered with status %d", a.status)
}

// fine says whether the answer is a probe's own.
func (a asked) fine() bool { return a.err == nil && a.status == http.StatusOK && a.answer.Halley }

// ask sends a probe. Where the server asks for patience it is sent again.
func (w *way) ask(ctx context.Context, method, path, query string, body []byte, change ...func(*http.Request)) asked {
	for {
		a := w.askOnce(ctx, method, path, query, body, change)
		if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
			return a
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return a
		}
	}
}

func (w *way) askOnce(ctx context.Context, method, path, query string, body []byte, change []func(*http.Request)) (a asked) {
	r, err := http.NewRequestWithContext(ctx, method, w.base.String()+path+"?"+query, bytes.NewReader(body))
	if err != nil {
		return asked{err: err}
	}
	r.Header.Set("User-Agent", "halley-doctor")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json;charset=UTF-8")
	}
	for _, f := range change {
		f(r)
	}
	a.sent = time.Now()
	resp, err := w.http.Do(r)
	if err != nil {
		a.whole, a.err = time.Since(a.sent), shorter(err)
		return a
	}
	defer resp.Body.Close()
	a.status, a.header, a.tls = resp.StatusCode, resp.Header, resp.TLS
	reader := bufio.NewReader(io.LimitReader(resp.Body, maxAnswer))
	_, _ = reader.Peek(1) // what is wrong with it, ReadAll will tell
	a.first = time.Since(a.sent)
	a.body, a.err = io.ReadAll(reader)
	a.whole = time.Since(a.sent)
	_ = json.Unmarshal(a.body, &a.answer) // else it is not a probe's
	return a
}

// shorter leaves out the address, which the report has said.
func shorter(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// soon gives a probe the patience that it deserves when it is not held.
func soon(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, patience)
}

// id returns a query under which the server counts requests.
func id() string { return "id=" + rand.Text()[:16] }

// fresh makes a query unlike all before, which no cache can answer.
func fresh() string { return "&fresh=" + rand.Text() }

// reach finds out whether a Halley answers, and how quickly, and what it says of its settings.
func (w *way) reach(ctx context.Context) bool {
	ctx, cancel := soon(ctx)
	defer cancel()
	check, a := w.name, asked{}
	for range 3 {
		a = w.ask(ctx, http.MethodGet, probe.Path, id(), nil, mark(w.base.Scheme))
		if !a.fine() {
			break
		}
		if w.rtt == 0 || a.whole < w.rtt {
			w.rtt = a.whole
		}
	}
	if !a.fine() {
		w.unreachable(check, a)
		return false
	}
	w.settings, w.product = a.answer.Settings, guess(a.header)
	if w.product == "" {
		w.product = w.provoke(ctx)
	}
	w.direct = a.answer.Direct && w.product == ""
	through := "directly"
	switch {
	case w.product != "":
		through = "through " + string(w.product)
	case !w.direct:
		through = "through a proxy"
	}
	w.ok(check, "%s answers %s, at best within %v", w.base, through, round(w.rtt))
	w.certificate(a.tls)
	w.clock(a)
	w.protocol(a.answer)
	return true
}

func (w *way) unreachable(check string, a asked) {
	where := a.header.Get("Location")
	switch {
	case a.status >= 300 && a.status < 400 && where != "":
		w.problem(check, "use the address it leads to, here and in clients: a POST does not survive being sent elsewhere", "%s sends elsewhere, to %q", w.base, where)
	case a.err != nil:
		w.problem(check, "see whether the server and the proxy run, and whether name, port and certificate (--ca) are right", "%s cannot be reached: %s", w.base, a.fate())
	case a.status == http.StatusBadGateway, a.status == http.StatusServiceUnavailable, a.status == http.StatusGatewayTimeout:
		w.problem(check, "see whether Halley runs, and whether the proxy has its address (listen)", "the proxy at %s does not reach Halley: status %d", w.base, a.status)
	default:
		w.problem(check, "see whether it is the address of a Halley of this version, and whether the proxy passes on all paths below /api and /genesys",
			"%s does not answer as Halley does: status %d", w.base, a.status)
	}
}

// mark lets the server see whether there is a proxy on the way. HTTP/2 has no such header, and Halley no TLS.
func mark(scheme string) func(*http.Request) {
	return func(r *http.Request) {
		if scheme == "http" {
			r.Header.Set("Connection", probe.Marker)
		}
	}
}

func (w *way) certificate(state *tls.ConnectionState) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return
	}
	ends := state.PeerCertificates[0].NotAfter
	if time.Until(ends) < fewDays {
		w.warn(w.check("tls"), "renew it", "the certificate ends on %s", ends.Format(time.DateOnly))
		return
	}
	w.ok(w.check("tls"), "the certificate is good until %s", ends.Format(time.DateOnly))
}

// clock compares the server's clock with ours.
func (w *way) clock(a asked) {
	diff := a.answer.Time.Sub(a.sent.Add(a.whole / 2).Round(0))
	if diff.Abs() > allowedDiff {
		w.warn(w.check("clock"), "synchronize both", "the server's clock and this machine's differ by %v", round(diff))
		return
	}
	w.ok(w.check("clock"), "the server's clock and this machine's agree")
}

// protocol looks at what arrived at the server: HTTP version and the names.
func (w *way) protocol(a probe.Answer) {
	if strings.HasPrefix(a.Proto, "HTTP/1.0") {
		w.warn(w.check("http"), w.cure(cureHTTP), "the proxy speaks HTTP/1.0 with Halley: each request takes a connection of its own, and there are no websockets")
	} else {
		w.ok(w.check("http"), "Halley is asked over %s", a.Proto)
	}
	if w.name != "way" {
		return // only the public address has to be the public one
	}
	if own, err := url.Parse(a.Settings.URL); err != nil || !sameOrigin(own, w.base) {
		w.problem(w.check("url"), "set url: "+w.base.String(), "Halley believes that its address is %s: pages and websockets of %s count as another site's", a.Settings.URL, w.base)
		return
	}
	w.ok(w.check("url"), "Halley knows its address")
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// dial connects to the address itself.
func (w *way) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := soon(ctx)
	defer cancel()
	address := net.JoinHostPort(w.base.Hostname(), portOf(w.base))
	var conn net.Conn
	var err error
	if w.base.Scheme == "https" {
		conn, err = (&tls.Dialer{Config: w.tls}).DialContext(ctx, "tcp", address)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(patience))
}

// count asks how many requests with an id have arrived, besides the one that asks.
func (w *way) count(ctx context.Context, id string) (int, error) {
	ctx, cancel := soon(ctx)
	defer cancel()
	a := w.ask(ctx, http.MethodGet, probe.Path, id+fresh(), nil)
	if !a.fine() || a.answer.Count == 0 {
		return 0, errors.New("the count could not be asked for: " + a.fate())
	}
	return a.answer.Count - 1, nil
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s" }
