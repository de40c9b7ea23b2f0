package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"sync"
	"time"

	"github.com/halley-chat/halley/bayeuxclient"
)

// auditAt is how many notifications of a session may wait for an audit: what the load keeps of each is eight bytes.
const auditAt = 1 << 16

// audit compares what an agent's session got with her feed, which it reads with the replay extension. Its methods are called by one goroutine at a time.
type audit struct {
	matcher
	position int64 // in the feed, up to which it was read

	mu    sync.Mutex
	rows  []entry
	last  int64
	ended bool
	moved chan struct{} // has a token when rows were added
}

// begin reads the first entries of the feed: those that do brings about.
func (u *audit) begin(ctx context.Context, a *agent, do func() error) error {
	u.moved = make(chan struct{}, 1)
	c, err := u.open(ctx, a, bayeuxclient.FromNow)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return errors.Join(err, c.Close(ctx))
	}
	ctx, cancel := context.WithTimeout(ctx, a.run.opt.Patience)
	defer cancel()
	for len(u.feed) == 0 && ctx.Err() == nil {
		u.wait(ctx)
		u.read(u.taken()...)
	}
	if len(u.feed) == 0 {
		return errors.Join(errors.New("the server does not replay notifications: without that nothing can be checked"), c.Close(ctx))
	}
	err = c.Close(ctx)
	u.read(u.taken()...) // what came before the end
	return err
}

// open makes a session that reads the feed from a position on.
func (u *audit) open(ctx context.Context, a *agent, from int64) (*bayeuxclient.Client, error) {
	c, err := bayeuxclient.Dial(ctx, bayeuxclient.Options{
		URL: a.run.target.url + notificationsPath, HTTP: &http.Client{Jar: a.login(), Transport: a.run.rest},
		Transports: []string{bayeuxclient.LongPolling}, Replay: true, MaxResponse: maxAnswer,
	})
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if _, err := c.SubscribeFrom(ctx, "/v2/me/*", from, func(m bayeuxclient.Message) { u.take(a, m) }); err != nil {
		return nil, errors.Join(fmt.Errorf("audit: subscribe from %d: %w", from, err), c.Close(ctx))
	}
	return c, nil
}

// login is a jar with the cookie of her log-in alone: the audit is a browser of its own.
func (a *agent) login() http.CookieJar {
	jar, _ := cookiejar.New(nil) // fails for no options
	if u, err := url.Parse(a.run.target.url); err == nil {
		for _, c := range a.jar.Cookies(u) {
			if c.Name == "JSESSIONID" {
				jar.SetCookies(u, []*http.Cookie{c})
			}
		}
	}
	return jar
}

// The position is the last member of a notification's data.
var positioned = regexp.MustCompile(`,"event":\{"replayId":\d+\}\}$`)

// isEnd knows the notification with which a load ends: an agent goes on do-not-disturb while she is not ready, which none does before.
func isEnd(data []byte) bool {
	return bytes.Contains(data, []byte(`"dndState":"On"`)) && bytes.Contains(data, []byte(`"state":"NotReady"`))
}

func (u *audit) take(a *agent, m bayeuxclient.Message) {
	data := m.Data
	if at := positioned.FindIndex(data); at != nil {
		data = append(data[:at[0]:at[0]], '}')
	}
	e := a.run.digest.of(m.Channel, data)
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.ended {
		u.rows = append(u.rows, e)
	}
	u.last = m.ReplayID
	u.ended = u.ended || isEnd(data)
	select {
	case u.moved <- struct{}{}:
	default:
	}
}

func (u *audit) taken() []entry {
	u.mu.Lock()
	defer u.mu.Unlock()
	rows := u.rows
	u.rows = nil
	u.position = max(u.position, u.last)
	return rows
}

func (u *audit) wait(ctx context.Context) {
	select {
	case <-u.moved:
	case <-ctx.Done():
	}
}

// quietFor is how long nothing may come of the feed until it counts as read.
const quietFor = 5 * time.Second

// compare compares what the session has got so far: it reads the feed until all of that was found there, and if final until the feed's end, or until
// nothing comes any more.
func (u *audit) compare(ctx context.Context, a *agent, final bool) error {
	u.got = append(u.got, a.track.take()...)
	c, err := u.open(ctx, a, u.position)
	if err != nil {
		return err
	}
	for ctx.Err() == nil && !u.done(final) {
		quiet, cancel := context.WithTimeout(ctx, quietFor)
		u.wait(quiet)
		silent := quiet.Err() != nil
		cancel()
		rows := u.taken()
		u.read(rows...)
		if silent && len(rows) == 0 {
			break
		}
	}
	err = errors.Join(c.Close(ctx), ctx.Err())
	u.read(u.taken()...)
	if final && err == nil {
		if !u.done(true) {
			a.run.opt.Logger.Warn("the feed does not end with the last notification", "agent", a.user.Name)
		}
		u.end()
	}
	return err
}

func (u *audit) done(final bool) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.got) == 0 && len(u.rows) == 0 && (u.ended || !final)
}
