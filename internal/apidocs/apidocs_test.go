package apidocs

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/halley-chat/halley/docs"
)

func get(t *testing.T, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	New("1.2.3", slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
	return w
}

// The files are served as they are, with a tag that saves the second transfer.
func TestFiles(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][]byte{OpenAPI: docs.OpenAPI, AsyncAPI: docs.AsyncAPI} {
		w := get(t, "GET", path)
		tag := w.Header().Get("ETag")
		if w.Code != http.StatusOK || w.Body.String() != string(want) || tag == "" || w.Header().Get("Content-Type") != "application/yaml; charset=utf-8" {
			t.Errorf("%s: %d with %d bytes, %v", path, w.Code, w.Body.Len(), w.Header())
		}
		if w := get(t, "GET", path, "If-None-Match", tag); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
			t.Errorf("%s again: %d with %d bytes", path, w.Code, w.Body.Len())
		}
		if w := get(t, "HEAD", path); w.Code != http.StatusOK || w.Body.Len() != 0 {
			t.Errorf("HEAD %s: %d with %d bytes", path, w.Code, w.Body.Len())
		}
		if w := get(t, "POST", path); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/docs/nothing", "/docs/rest/", "/docs/../openapi.yaml", "/docs/page.html"} {
		if w := get(t, "GET", path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// all returns the pages that can be reached from the first one, by path.
func all(t *testing.T) map[string]string {
	t.Helper()
	pages, toDo := map[string]string{}, []string{Pages}
	for len(toDo) > 0 {
		path := toDo[0]
		toDo = toDo[1:]
		if pages[path] != "" {
			continue
		}
		w := get(t, "GET", path)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Fatalf("%s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
		}
		pages[path] = w.Body.String()
		for _, m := range regexp.MustCompile(`href="(/docs[^"#]*)`).FindAllStringSubmatch(pages[path], -1) {
			toDo = append(toDo, m[1])
		}
	}
	return pages
}

// Whatever is described is on a page, and each link leads somewhere.
func TestEverythingIsOnAPage(t *testing.T) {
	t.Parallel()
	pages := all(t)
	var text strings.Builder
	for _, html := range pages {
		text.WriteString(html)
	}
	if len(pages) < 10 {
		t.Errorf("only %d pages", len(pages))
	}
	rest, err := parse(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	async, err := parse(docs.AsyncAPI)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range rest.at("paths").pairs() {
		for _, m := range path.pairs() {
			if id := m.at("operationId").text(); id != "" && !strings.Contains(text.String(), `<article id="`+id+`">`) {
				t.Errorf("%s %s is on no page", m.key, path.key)
			}
		}
	}
	for _, d := range []node{rest, async} {
		for _, s := range d.at("components", "schemas").pairs() {
			if !strings.Contains(pages[schemasPath], `<article id="`+s.key+`">`) {
				t.Errorf("the schema %s is not on the page", s.key)
			}
		}
	}
	for _, m := range async.at("components", "messages").pairs() {
		if !strings.Contains(pages[notificationsPath], `<article id="`+m.key+`">`) {
			t.Errorf("the message %s is not on the page", m.key)
		}
	}
	for path, html := range pages {
		for _, m := range regexp.MustCompile(`href="([^"#]*)#([^"]+)"`).FindAllStringSubmatch(html, -1) {
			to := m[1]
			if to == "" {
				to = path
			}
			if !strings.Contains(pages[to], `id="`+m[2]+`"`) {
				t.Errorf("%s: the link to %s#%s leads nowhere", path, to, m[2])
			}
		}
		ids := regexp.MustCompile(`\sid="([^"]+)"`).FindAllString(html, -1)
		slices.Sort(ids)
		if len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Errorf("%s has an id twice", path)
		}
		if n := strings.Count(html, "<h1"); n != 1 {
			t.Errorf("%s has %d headings of the first rank", path, n)
		}
	}
}

// D5: the pages obey a policy that lets nothing run, and need nothing from elsewhere.
func TestPolicy(t *testing.T) {
	t.Parallel()
	for path, html := range all(t) {
		for _, pattern := range []string{`<script`, `<style`, `\sstyle=`, `\son[a-z]+=`, `src="`, `<link[^>]*href="(https?:)?//`, `javascript:`} {
			if found := regexp.MustCompile(pattern).FindString(html); found != "" {
				t.Errorf("%s has %q", path, found)
			}
		}
	}
	for _, path := range []string{Pages, OpenAPI, "/docs/nothing"} {
		csp := get(t, "GET", path).Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
}

// D1: whatever stands in a description is text.
func TestDescriptionsAreEscaped(t *testing.T) {
	t.Parallel()
	const evil = `<script>alert(1)</script>"><img src=x onerror=alert(2)>`
	rest := `
info: {title: x, description: '` + evil + `'}
tags: [{name: Evil, description: '` + evil + "`" + evil + "`" + `'}]
paths:
  /x/{id}:
    get:
      tags: [Evil]
      operationId: '` + evil + `'
      summary: '` + evil + `'
      parameters: [{name: '` + evil + `', in: '` + evil + `', schema: {enum: ['` + evil + `']}}]
      responses: {'200': {description: '` + evil + `', content: {application/json: {schema: {$ref: '#/components/schemas/` + strings.ReplaceAll(evil, "/", "") + `'}, example: {'` + evil + `': '` + evil + `'}}}}}
components: {schemas: {'` + strings.ReplaceAll(evil, "/", "") + `': {type: '` + evil + `', description: '` + evil + `'}}}
`
	pages, err := render([]byte(rest), []byte("channels: {'"+evil+"': {description: '"+evil+"'}}"), evil)
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) != 4 {
		t.Errorf("%d pages", len(pages))
	}
	for path, html := range pages {
		if strings.Contains(string(html), "<script") || strings.Contains(string(html), "<img") {
			t.Errorf("%s: %s", path, html)
		}
		if !strings.Contains(string(html), "&lt;script&gt;") {
			t.Errorf("%s does not show the text", path)
		}
	}
}

func TestProse(t *testing.T) {
	t.Parallel()
	got := prose("One `two` three\nfour.\n\n`five`\n")
	want := []paragraph{{{Text: "One "}, {Text: "two", Code: true}, {Text: " three four."}}, {{Text: "five", Code: true}}}
	if len(got) != 2 || !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) {
		t.Errorf("%v", got)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	n, err := parse([]byte("b: [1, {x: 'y<z', n: null}]\na: " + strings.Repeat("long ", 20)))
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"b\": [1, {\"x\": \"y<z\", \"n\": null}],\n  \"a\": \"" + strings.TrimSpace(strings.Repeat("long ", 20)) + "\"\n}"
	if got := n.json(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
