package bayeux

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// CH-7: what matches a template, and what its variables stand for.
func TestTemplateMatch(t *testing.T) {
	t.Parallel()
	cases := []struct {
		template, channel string
		want              string // as fmt prints a map; "": no match
	}{
		{"/rooms/{id}", "/rooms/7", "map[id:7]"},
		{"/rooms/{id}", "/rooms/*", "map[id:*]"},
		{"/rooms/{id}", "/rooms/{id}", "map[id:{id}]"},
		{"/rooms/{id}", "/rooms", ""},
		{"/rooms/{id}", "/rooms/7/say", ""},
		{"/rooms/{id}", "/room/7", ""},
		{"/rooms/{id}/say", "/rooms/7/say", "map[id:7]"},
		{"/rooms/{id}/say", "/rooms/7/hear", ""},
		{"/{a}/{b}", "/x/y", "map[a:x b:y]"},
		{"/a/{}", "/a/{}", ""}, // no name between the braces: a plain segment
	}
	for _, tt := range cases {
		got := ""
		if isTemplate(tt.template) {
			tpl, err := newTemplate(tt.template)
			must(t, err)
			if p, ok := tpl.match(strings.Split(tt.channel, "/")); ok {
				got = fmt.Sprint(map[string]string(p))
			}
		}
		if got != tt.want {
			t.Errorf("%s on %s: got %q, want %q", tt.template, tt.channel, got, tt.want)
		}
	}
	for _, bad := range []string{"/a/{x}/{x}", "/a/{x}/*", "/{x}/**"} {
		if _, err := newTemplate(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

// CH-7: filling a template in and matching it gives back what was filled in.
func TestTemplateProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var template, channel string
		want := map[string]string{}
		for i := range rapid.IntRange(1, 6).Draw(t, "segments") {
			segment := rapid.StringMatching(`[a-z~ .]{1,8}`).Draw(t, "segment")
			channel += "/" + segment
			if rapid.Bool().Draw(t, "variable") {
				template += fmt.Sprintf("/{v%d}", i)
				want[fmt.Sprint("v", i)] = segment
			} else {
				template += "/" + segment
			}
		}
		tpl, err := newTemplate(template)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := tpl.match(strings.Split(channel, "/"))
		if !ok || fmt.Sprint(map[string]string(got)) != fmt.Sprint(want) {
			t.Fatalf("%s on %s gives %v", template, channel, got)
		}
	})
}

// CH-7: listeners, handlers and authorisers by template, between a name and a pattern.
func TestTemplates(t *testing.T) {
	t.Parallel()
	both(t, Options{}, func(t *testing.T, b *bench, c client) {
		var mu sync.Mutex
		var heard []string
		listen := func(name string) {
			must(t, b.srv.Listen(name, func(ctx context.Context, _ *Session, _ *Message) error {
				mu.Lock()
				defer mu.Unlock()
				heard = append(heard, name+"="+Param(ctx, "id"))
				return nil
			}))
		}
		for _, name := range []string{"/rooms/7", "/rooms/{id}", "/rooms/{id}/say", "/rooms/*", "/**"} {
			listen(name)
		}
		serve := func(name, answer string) {
			must(t, b.srv.Service(name, func(ctx context.Context, _ *Session, _ *Message) (jsontext.Value, error) {
				return value(`"` + answer + Param(ctx, "id") + `"`), nil
			}))
		}
		serve("/service/rooms/*", "pattern")
		serve("/service/rooms/{id}", "template")
		serve("/service/rooms/hall", "name")
		must(t, b.srv.Authorise("/private/{user}", func(ctx context.Context, _ Operation, _ string, _ *Session, _ *Message) Verdict {
			if Param(ctx, "user") == "dana" {
				return Grant()
			}
			return Deny("not yours")
		}))
		handshake(t, c, "")
		c.ask(`[{"channel":"/rooms/7","clientId":"<A>","data":1}]`)
		c.ask(`[{"channel":"/rooms/8/say","clientId":"<A>","data":1}]`)
		mu.Lock()
		same(t, heard, "/**=", "/rooms/*=", "/rooms/{id}=7", "/rooms/7=", "/**=", "/rooms/{id}/say=8")
		mu.Unlock()
		for channel, want := range map[string]string{"/service/rooms/hall": `"name"`, "/service/rooms/9": `"template9"`} {
			if got := data(c.ask(`[{"channel":"` + channel + `","clientId":"<A>"}]`)); got != want {
				t.Errorf("%s: %s", channel, got)
			}
		}
		subscribe(t, c, "/private/dana", "/rooms/{id}") // braces are plain to subscriptions
		for _, name := range []string{"/private/omar", "/private/*"} {
			same(t, c.ask(`[{"channel":"/meta/subscribe","clientId":"<A>","subscription":"`+name+`"}]`),
				`{"channel":"/meta/subscribe","subscription":"`+name+`","error":"403:not yours:create_denied","successful":false}`)
		}
		b.publish("/rooms/7", "1")
		if got := c.ask(`[{"channel":"/rooms/{id}","clientId":"<A>","data":2}]`); data(withoutReplies(got)) != "2" {
			t.Error(got)
		}
	})
}

// CH-7, AZ-3: what cannot be bound or declared.
func TestBindErrors(t *testing.T) {
	t.Parallel()
	srv, err := New(Options{})
	must(t, err)
	nothing := func(context.Context, *Session, *Message) (jsontext.Value, error) { return nil, nil }
	must(t, srv.Service("/service/{a}", nothing))
	for what, err := range map[string]error{
		"a meta channel":           srv.Listen("/meta/connect", nil),
		"all meta channels":        srv.Authorise("/meta/**", nil),
		"a variable twice":         srv.Listen("/{a}/{a}", nil),
		"a second handler":         srv.Service("/service/{a}", nothing),
		"a template with wildcard": srv.Listen("/a/{b}/*", nil),
		"options of a template":    srv.Channel("/a/{b}", ChannelOptions{}),
	} {
		if err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	if srv.Stats().Channels != 0 || slices.ContainsFunc(srv.channels.templates, func(t *template) bool { return t.ch.name == "/a/{b}/*" }) {
		t.Error("what was refused, or a template, is a channel now")
	}
}
