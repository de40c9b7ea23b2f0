package described

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/halley-chat/halley/internal/store"
)

// elsewhere are the roots of what is no REST: the mount of the Bayeux server, with the probes below it, and the pages beside the start page. What is pushed
// comes through a [Store], what the mount answers is for the conformance suite to judge. Polls are held there, and connections taken over.
var elsewhere = []string{"/api/v2/notifications", "/static", "/docs"}

// Handler passes requests on to next and fails t, unless it is a benchmark, for every answer that is not described. t's cleanup ends its interest: a handler
// that must be judged to its end is made before the cleanup that waits for it.
func Handler(t testing.TB, next http.Handler) http.Handler {
	t.Helper()
	if _, measured := t.(*testing.B); measured {
		return next
	}
	v := newVerdict(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isREST(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		x := Exchange{Method: r.Method, URL: r.URL}
		asked := &copied{ReadCloser: r.Body}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = asked
		}
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r)
		x.Asked, x.Status, x.Header, x.Body = asked.read.Bytes(), rec.status, rec.Header(), rec.body.Bytes()
		if err := v.Answer(x); err != nil {
			v.fail("docs/openapi.yaml: %s %s: %v\nrequest: %s\nanswer:  HTTP %d %s", x.Method, r.URL.RequestURI(), err, cut(x.Asked), x.Status, cut(x.Body))
		}
	})
}

func isREST(path string) bool {
	return path != "/" && !slices.ContainsFunc(elsewhere, func(root string) bool { return below(path, root) })
}

// Store passes everything on to next and fails t, unless it is a benchmark, for every notification that is committed and not described.
func Store(t testing.TB, next store.Store) store.Store {
	t.Helper()
	if _, measured := t.(*testing.B); measured {
		return next
	}
	return watched{next, newVerdict(t)}
}

type watched struct {
	store.Store
	*verdict
}

// Commit implements [store.Store].
func (w watched) Commit(ctx context.Context, b store.Batch) (store.Result, error) {
	r, err := w.Store.Commit(ctx, b)
	if err != nil {
		return r, err
	}
	for _, n := range b.Notifications {
		if wrong := w.Notification(n.Topic, n.Data); wrong != nil {
			w.fail("docs/asyncapi.yaml: %v\nnotification: %s", wrong, cut(n.Data))
		}
	}
	return r, nil
}

// verdict fails a test as long as it runs.
type verdict struct {
	*Description
	mu sync.Mutex
	t  testing.TB // nil: it is over
}

func newVerdict(t testing.TB) *verdict {
	t.Helper()
	d, err := Ours()
	if err != nil {
		t.Fatal(err)
	}
	v := &verdict{Description: d, t: t}
	t.Cleanup(func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.t = nil
	})
	return v
}

func (v *verdict) fail(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.t != nil {
		v.t.Errorf(format, args...)
	}
}

// cut keeps what a failed test prints bearable.
func cut(b []byte) []byte {
	const most = 1000
	if len(b) > most {
		return append(bytes.Clone(b[:most]), "…"...)
	}
	return b
}

// copied keeps what is read of a body.
type copied struct {
	io.ReadCloser
	read bytes.Buffer
}

func (c *copied) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.read.Write(p[:n])
	return n, err // io.EOF must stay io.EOF
}

// recorder keeps what is answered.
type recorder struct {
	http.ResponseWriter
	status  int
	started bool
	body    bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	if !r.started && status >= http.StatusOK {
		r.status, r.started = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.started = true
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
