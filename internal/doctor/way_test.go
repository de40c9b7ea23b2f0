package doctor_test

import (
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/doctor"
	"github.com/halley-chat/halley/internal/probe"
	"github.com/halley-chat/halley/internal/server/servertest"
)

// startQuick starts a server that holds connects for a second only.
func startQuick(t *testing.T) *servertest.Server {
	t.Helper()
	return servertest.Start(t, func(c *config.Config) { c.Agent.Timeout, c.Agent.PingInterval = time.Second, time.Second })
}

// examine returns all findings of a way.
func examine(t *testing.T, o doctor.Options) map[string]doctor.Finding {
	t.Helper()
	all := map[string]doctor.Finding{}
	o.Config = config.Default()
	doctor.Examine(t.Context(), o, func(f doctor.Finding) { all[f.Check] = f })
	return all
}

// Without a proxy all is well, beside a server whose data is examined too, as the way is called that was asked for.
func TestDirectWay(t *testing.T) {
	t.Parallel()
	srv := startQuick(t)
	found := examine(t, doctor.Options{URL: srv.URL, Direct: srv.URL})
	for _, f := range found {
		if f.Level != doctor.OK && f.Check != "clock.sync" {
			t.Error(f)
		}
	}
	for _, name := range []string{"way", "direct"} {
		if f := found[name]; !strings.Contains(f.Saw, "answers directly") {
			t.Errorf("%v", f)
		}
		for _, check := range []string{"hold", "silence", "websocket", "repeats", "errors", "body"} {
			if found[name+"."+check].Level != doctor.OK {
				t.Errorf("%s.%s was not examined", name, check)
			}
		}
	}
}

// A poll that was never held, or that nobody can be asked about, tells nothing about clients that go (A14).
func TestLeavingIsNotGuessed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fails func(r *http.Request) bool
		says  string
	}{
		"polls are not held": {func(r *http.Request) bool { return r.URL.Path == probe.Hold }, "the poll was not held: it was answered with status 502"},
		"nobody can be asked": {func(r *http.Request) bool {
			return r.URL.Path == probe.Path && r.URL.Query().Has("fresh")
		}, "it could not be asked: it was answered with status 502"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to, err := url.Parse(startQuick(t).URL)
			if err != nil {
				t.Fatal(err)
			}
			web := &http.Transport{}
			t.Cleanup(web.CloseIdleConnections)
			pass := httputil.NewSingleHostReverseProxy(to)
			pass.Transport, pass.ErrorLog = web, log.New(io.Discard, "", 0)
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tc.fails(r) {
					w.WriteHeader(http.StatusBadGateway)
					return
				}
				pass.ServeHTTP(w, r)
			}))
			t.Cleanup(proxy.Close)
			if f := examine(t, doctor.Options{URL: proxy.URL})["way.leaving"]; f.Level != doctor.Warning || !strings.Contains(f.Saw, tc.says) {
				t.Errorf("%v", f)
			}
		})
	}
}

// Where no Halley answers, that is all there is to say, and what to do about it.
func TestNoWay(t *testing.T) {
	t.Parallel()
	serve := func(f http.HandlerFunc) string {
		s := httptest.NewServer(f)
		t.Cleanup(s.Close)
		return s.URL
	}
	for name, tc := range map[string]struct{ url, says string }{
		"no address":     {"desk.example.com", "no address of a server"},
		"nobody":         {"http://127.0.0.1:1", "cannot be reached"},
		"somebody else":  {serve(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }), "status 403"},
		"another's JSON": {serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"halley":false}`)) }), "status 200"},
		"a dead backend": {serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }), "does not reach Halley"},
		"a redirect": {serve(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://desk.example.com/", http.StatusFound)
		}), "desk.example.com"},
		"an odd character": {"http://127.0.0.1\x00", "no address of a server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := examine(t, doctor.Options{URL: tc.url})
			maps.DeleteFunc(found, func(check string, _ doctor.Finding) bool { return strings.HasPrefix(check, "clock") })
			f := found["way"]
			if len(found) != 1 || f.Level != doctor.Problem || f.Do == "" || !strings.Contains(f.Saw, tc.says) {
				t.Errorf("found %v", found)
			}
		})
	}
}

// A proxy that keeps a complete answer back for a while breaks what push is for.
func TestLateAnswers(t *testing.T) {
	t.Parallel()
	srv := startQuick(t)
	target, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Transport{}
	t.Cleanup(web.CloseIdleConnections)
	slow := httputil.NewSingleHostReverseProxy(target)
	slow.Transport, slow.ErrorLog = web, log.New(io.Discard, "", 0)
	slow.ModifyResponse = func(resp *http.Response) error {
		if resp.Request.URL.Path == probe.Hold {
			select {
			case <-time.After(1500 * time.Millisecond):
			case <-resp.Request.Context().Done():
			}
		}
		return nil
	}
	front := httptest.NewServer(slow)
	defer front.Close()
	found := examine(t, doctor.Options{URL: front.URL})
	if f := found["way.hold"]; f.Level != doctor.Problem || !strings.Contains(f.Saw, "but it arrived after 7.") || !strings.Contains(f.Do, "proxy_buffering off") {
		t.Errorf("%v", f)
	}
	if f := found["way"]; !strings.Contains(f.Saw, "through a proxy") {
		t.Errorf("%v", f)
	}
}

// The data is read while a server uses it, and damage is told.
func TestData(t *testing.T) {
	t.Parallel()
	srv := startQuick(t)
	pat := srv.Customer(t, "support")
	pat.Say("hello")
	data := srv.Config().Data
	if err := os.Chmod(data, 0o700); err != nil { // as the server makes it itself
		t.Fatal(err)
	}
	look := func(folder string) (found []doctor.Finding) {
		c := config.Default()
		c.Data = folder
		doctor.Examine(t.Context(), doctor.Options{Config: c, Data: true}, func(f doctor.Finding) { found = append(found, f) })
		return found
	}
	has := func(found []doctor.Finding, check string, level doctor.Level) bool {
		return slices.ContainsFunc(found, func(f doctor.Finding) bool { return f.Check == check && f.Level == level })
	}
	if found := look(data); !has(found, "data", doctor.OK) || !has(found, "disk.rights", doctor.OK) {
		t.Errorf("beside a running server: %v", found)
	}
	entries, err := os.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".doctor") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, "halley.db"), []byte(strings.Repeat("not a database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	if found := look(damaged); !has(found, "data", doctor.Problem) {
		t.Errorf("of a damaged database: %v", found)
	}
}
