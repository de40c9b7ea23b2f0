package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/halley-chat/halley/internal/store/sqlite"
	"github.com/halley-chat/halley/internal/webui"
)

// storeCheck is how long /readyz waits for the store: a balancer that gets no answer within a second or two gives up by itself.
const storeCheck = time.Second

// storeStuck is how long a transaction may take until the disk counts as stuck.
const storeStuck = 10 * time.Second

// probes are what operators and their balancers ask.
func (s *Server) probes() []route {
	return []route{
		{"/healthz", false, readOnly(func(w http.ResponseWriter, _ *http.Request) { webui.Text(w, http.StatusOK, "ok") })},
		{"/readyz", false, readOnly(s.readyz)},
		{"/version", false, readOnly(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.opt.Build) })},
	}
}

func (s *Server) metricsRoute() route {
	return route{"/metrics", false, readOnly(s.metrics.Handler().ServeHTTP)}
}

// readyz says whether requests should come here: not while the server stops, and not while the store can't be read or written.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	switch {
	case !s.ready.Load():
		webui.Text(w, http.StatusServiceUnavailable, "the server is stopping")
	case s.storeFails(r.Context()):
		webui.Text(w, http.StatusServiceUnavailable, "the store cannot be used; the server's log says why")
	default:
		webui.Text(w, http.StatusOK, "ok")
	}
}

// writesFail says whether the disk takes nothing.
func writesFail(st sqlite.Stats) bool { return st.Failing || st.UnderWay > storeStuck }

func (s *Server) storeFails(ctx context.Context) bool {
	if writesFail(s.store.Stats()) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, storeCheck)
	defer cancel()
	if _, err := s.store.Counts(ctx); err != nil {
		s.log.Error("the store cannot be read", "error", err)
		return true
	}
	return false
}

// counts are the figures of the start page.
type counts struct {
	Waiting        int `json:"waiting"`
	Active         int `json:"active"`
	WrapUp         int `json:"wrapUp"`
	AgentsLoggedIn int `json:"agentsLoggedIn"`
	AgentsReady    int `json:"agentsReady"`
	Sessions       int `json:"sessions"`
}

func (s *Server) countsHandler() http.Handler {
	return readOnly(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.desk.Counts(r.Context())
		if err != nil {
			s.log.Error("counts for the start page", "error", err)
			webui.Text(w, http.StatusServiceUnavailable, "the store cannot be read")
			return
		}
		writeJSON(w, counts{c.Waiting, c.Active, c.WrapUp, c.AgentsLoggedIn, c.AgentsReady, s.agents.Bayeux().Stats().Sessions})
	})
}

// readOnly serves GET and HEAD and refuses the rest.
func readOnly(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			webui.Text(w, http.StatusMethodNotAllowed, "This address can only be read.")
			return
		}
		h(w, r)
	})
}

// writeJSON answers with v, a value of this package that can always be encoded.
func writeJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("server: " + err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body)
}
