package doctor

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/halley-chat/halley/internal/probe"
)

const (
	streamed = 2 * time.Second // between the first byte of an answer and its last
	left     = time.Second     // after which a poll is broken off, and within which Halley should know
	failed   = 3 * time.Second // in which a request that fails has failed, or is sent again
	late     = time.Second     // by which an answer must not come later than it was sent
)

// buffering looks at whether the beginning of an answer comes before its end.
func (w *way) buffering(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, streamed+patience)
	defer cancel()
	a := w.ask(ctx, http.MethodGet, probe.Stream, forTime(streamed), nil)
	switch {
	case !a.fine():
		w.problem(w.check("buffering"), w.cure(cureBuffering), "an answer in two parts: %s", a.fate())
	case a.whole-a.first < streamed/2:
		w.warn(w.check("buffering"), w.cure(cureBuffering),
			"the proxy keeps answers back until they are complete: Halley takes for delivered what only the proxy has")
	default:
		w.ok(w.check("buffering"), "answers arrive as they are sent")
	}
}

// hold lets a POST be held for longer than a connect ever is.
func (w *way) hold(ctx context.Context) {
	long := w.settings.Timeout.Duration() + margin
	inTime, cancel := context.WithTimeout(ctx, long+patience)
	defer cancel()
	check, same := w.check("hold"), id()
	a := w.ask(inTime, http.MethodPost, probe.Hold, forTime(long)+"&"+same, []byte("[]"))
	switch {
	case !a.fine():
		w.problem(check, w.cure(cureHold(patientFor(w.settings))), "a poll that Halley holds for %s: after %s %s", seconds(long), seconds(a.whole), a.fate())
	case a.whole < long-late:
		w.problem(check, "do it again when the server is not being stopped", "a poll to be held for %s was answered after %s", seconds(long), seconds(a.whole))
	case a.whole > long+w.rtt+late:
		w.problem(check, w.cure(cureBuffering), "a poll was answered after %s, but it arrived after %s", seconds(long), seconds(a.whole))
	default:
		w.ok(check, "a poll is held for %s, and its answer comes at once", seconds(long))
	}
	if !a.fine() { // a proxy that has lost patience may try again
		w.repeated(ctx, same, "that takes longer than it likes")
	}
}

// leaving leaves a poll that is held, and looks at whether Halley is told. Over HTTP/1.1 that is harder for a proxy to see.
func (w *way) leaving(ctx context.Context) {
	check, same := w.check("leaving"), id()
	short, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	held := w.over(w.plain).ask(short, http.MethodPost, probe.Hold, forTime(w.settings.Timeout.Duration()+margin)+"&"+same, []byte("[]"))
	if short.Err() == nil { // later, a proxy's last words may be read as an answer
		w.unsure(check, "the poll was not held: "+held.fate())
		return
	}
	for begin := time.Now(); time.Since(begin) < left; {
		ctx, cancel := soon(ctx)
		a := w.ask(ctx, http.MethodGet, probe.Path, same+fresh(), nil)
		cancel()
		if !a.fine() {
			w.unsure(check, "it could not be asked: "+a.fate())
			return
		}
		if a.answer.Left {
			w.ok(check, "Halley is told when a client breaks off a poll")
			return
		}
		select {
		case <-time.After(left / 4):
		case <-ctx.Done():
		}
	}
	w.warn(check, w.cure(cureLeaving), "when a client breaks off a poll, Halley is not told: it keeps the poll until its end")
}

// unsure says why it cannot be said whether Halley is told of a client that has gone.
func (w *way) unsure(check, why string) {
	w.warn(check, "see to the other findings first, and do it again", "whether Halley is told when a client breaks off a poll: %s", why)
}

// patientFor is how many seconds a proxy should wait for an answer, and for a sign of life on a websocket.
func patientFor(s probe.Settings) int {
	longest := max(s.Timeout, s.PingInterval).Duration()
	return int((longest + 90*time.Second - 1) / time.Minute * 60) // half a minute more, in whole minutes
}

func forTime(d time.Duration) string { return "for=" + d.String() }

// failures has requests fail, and looks at what becomes of the error and how often they come.
func (w *way) failures(ctx context.Context) {
	for _, status := range []int{http.StatusNotFound, http.StatusServiceUnavailable} {
		same := id()
		a := w.failure(ctx, fmt.Sprintf("status=%d&%s", status, same))
		w.repeated(ctx, same, fmt.Sprintf("that was answered with %d", status))
		if a.err != nil || a.status != status || !a.answer.Halley {
			w.problem(w.check("errors"), w.cure(cureErrors), "an error with status %d and a text reaches clients without the text, or not at all: %s", status, a.fate())
			return
		}
	}
	w.ok(w.check("errors"), "errors of Halley's pass unchanged")
	for _, version := range []*way{w.over(w.plain), w} {
		same := id()
		_ = version.failure(ctx, same) // there is no answer
		w.repeated(ctx, same, "whose connection broke")
	}
	if !*w.repeats {
		w.ok(w.check("repeats"), "a POST that fails is not sent again")
	}
}

// failure lets a POST fail. Over HTTP/2 the client itself sends it again, as browsers do, where the proxy says that it was not processed.
func (w *way) failure(ctx context.Context, query string) asked {
	ctx, cancel := context.WithTimeout(ctx, failed)
	defer cancel()
	return w.ask(ctx, http.MethodPost, probe.Fail, query, []byte("[]"))
}

// repeated complains, once, if a POST has arrived more than once, or cannot be asked about.
func (w *way) repeated(ctx context.Context, id, fate string) {
	if *w.repeats {
		return
	}
	n, err := w.count(ctx, id)
	if *w.repeats = err != nil || n > 1; !*w.repeats {
		return
	}
	if err != nil {
		w.problem(w.check("repeats"), "see to the other findings first", "whether a POST %s is sent again: %v", fate, err)
		return
	}
	w.problem(w.check("repeats"), w.cure(cureRepeats), "a POST %s is sent again: Halley got it %d times", fate, n)
}
