package server

import (
	"net/http"
	"strings"

	"github.com/halley-chat/halley/internal/apidocs"
	"github.com/halley-chat/halley/internal/probe"
	"github.com/halley-chat/halley/internal/webui"
)

// route is one line of the table: a path, with everything below it if tree is set, and who serves it.
type route struct {
	path string
	tree bool
	http.Handler
}

// routes is the table of everything that is served; the first line that fits a path wins.
//
// It is not a ServeMux, for that one redirects paths such as //genesys or /api/../x with a page of HTML. The APIs answer every
// path below their prefixes themselves, in JSON.
func (s *Server) routes() []route {
	table := []route{
		{probe.Path, true, s.probe},
		{"/api/v2/notifications", true, s.agents.Handler()},
		{"/api/admin", true, s.admin.Handler()},
		{"/api", true, s.agents.Handler()},
		{"/internal-api", true, s.agents.Handler()},
		{"/genesys", true, s.customers.Handler()},
		{"/", false, s.page},
		{webui.Assets, true, s.page},
		{apidocs.Pages, true, s.docs},
		{apidocs.OpenAPI, false, s.docs},
		{apidocs.AsyncAPI, false, s.docs},
		{"/counts", false, s.countsHandler()},
	}
	table = append(table, s.probes()...)
	if s.ops == nil {
		table = append(table, s.metricsRoute())
	}
	return append(table, route{"", true, http.HandlerFunc(nothingHere)})
}

// opsRoutes is the table of the second listener.
func (s *Server) opsRoutes() []route {
	return append(s.probes(), s.metricsRoute(), route{"", true, http.HandlerFunc(nothingHere)})
}

// handler serves a table, with what is the same for all of its lines around each.
func (s *Server) handler(table []route) http.Handler {
	served := make([]http.Handler, len(table))
	for i, line := range table {
		label := line.path
		if label == "" {
			label = "none"
		}
		served[i] = s.metrics.HTTP(s.log, label, line)
	}
	return s.fromProxy(s.readInTime(answerInTime(answerTimeout, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i, line := range table {
			if line.fits(r.URL.Path) {
				served[i].ServeHTTP(w, r)
				return
			}
		}
	}))))
}

func (l route) fits(path string) bool {
	if !l.tree {
		return path == l.path
	}
	rest, ok := strings.CutPrefix(path, l.path)
	return ok && (rest == "" || rest[0] == '/' || l.path == "")
}

func nothingHere(w http.ResponseWriter, _ *http.Request) { webui.NotFound(w) }
