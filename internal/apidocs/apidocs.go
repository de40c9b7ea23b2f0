// Package apidocs shows the descriptions of the API: the files themselves, and pages for people made of them. The pages are rendered here, carry no script,
// and say the same as the files, since they are nothing else.
package apidocs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/halley-chat/halley/docs"
	"github.com/halley-chat/halley/internal/webui"
)

// Where the descriptions and the pages are served. Pages also has everything below it.
const (
	OpenAPI  = "/openapi.yaml"
	AsyncAPI = "/asyncapi.yaml"
	Pages    = "/docs"
)

// New returns what serves [OpenAPI], [AsyncAPI] and [Pages]. The pages are made when the first is asked for; version stands below them.
func New(version string, log *slog.Logger) http.Handler {
	s := &server{files: map[string]file{
		OpenAPI:  newFile(docs.OpenAPI, "application/yaml; charset=utf-8"),
		AsyncAPI: newFile(docs.AsyncAPI, "application/yaml; charset=utf-8"),
	}, log: log}
	s.pages = sync.OnceValues(func() (map[string]file, error) {
		pages, err := render(docs.OpenAPI, docs.AsyncAPI, version)
		served := map[string]file{}
		for path, html := range pages {
			served[path] = newFile(html, "text/html; charset=utf-8")
		}
		return served, err
	})
	return s
}

type server struct {
	files map[string]file
	pages func() (map[string]file, error)
	log   *slog.Logger
}

// file is what is served, with a tag that changes with it.
type file struct {
	body              []byte
	contentType, etag string
}

func newFile(body []byte, contentType string) file {
	sum := sha256.Sum256(body)
	return file{body, contentType, `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, err := s.find(r.URL.Path)
	switch {
	case errors.Is(err, errNothing):
		webui.NotFound(w)
	case err != nil:
		s.log.Error("make the pages of the API", "error", err)
		webui.Text(w, http.StatusInternalServerError, "The pages cannot be shown; the operator finds the reason in the log. The descriptions are at "+OpenAPI+" and "+AsyncAPI+".")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		webui.Text(w, http.StatusMethodNotAllowed, "This page can only be read.")
	default:
		h := w.Header()
		webui.Secure(h)
		h.Set("Content-Type", f.contentType)
		h.Set("ETag", f.etag)
		h.Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
	}
}

var errNothing = errors.New("nothing is here")

func (s *server) find(path string) (file, error) {
	if f, ok := s.files[path]; ok {
		return f, nil
	}
	pages, err := s.pages()
	if err != nil {
		return file{}, err
	}
	if path == Pages {
		path = root
	}
	if path != root {
		path = strings.TrimSuffix(path, "/")
	}
	if f, ok := pages[path]; ok {
		return f, nil
	}
	return file{}, errNothing
}
