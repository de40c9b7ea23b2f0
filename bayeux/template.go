package bayeux

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// template is a name such as /rooms/{id}, to which server code binds (CH-7): each
// {variable} stands for one segment of a channel.
type template struct {
	segments []string
	ch       *channel
}

// variable returns the name in braces, if the segment is a variable.
func variable(segment string) (name string, ok bool) {
	if len(segment) < 3 || segment[0] != '{' || segment[len(segment)-1] != '}' {
		return "", false
	}
	name = segment[1 : len(segment)-1]
	return name, !strings.ContainsAny(name, "{}")
}

func isTemplate(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(segment string) bool { _, ok := variable(segment); return ok })
}

// newTemplate checks what a template must not be.
func newTemplate(name string) (*template, error) {
	t := &template{segments: strings.Split(name, "/"), ch: &channel{name: name}}
	seen := make(map[string]bool)
	for _, segment := range t.segments {
		v, ok := variable(segment)
		if ok && seen[v] {
			return nil, fmt.Errorf("bayeux: {%s} stands twice in %q", v, name)
		}
		seen[v] = ok
	}
	if isPattern(name) {
		return nil, fmt.Errorf("bayeux: %q has a variable and a wildcard; use one of them", name)
	}
	return t, nil
}

// match returns what the variables stand for if the channel fits.
func (t *template) match(segments []string) (params, bool) {
	if len(segments) != len(t.segments) {
		return nil, false
	}
	p := make(params)
	for i, segment := range t.segments {
		if v, ok := variable(segment); ok {
			p[v] = segments[i]
		} else if segment != segments[i] {
			return nil, false
		}
	}
	return p, true
}

// params are the variables of a template and what they stand for.
type params map[string]string

type paramsKey struct{}

// with returns the context in which something bound to a template is called.
func (p params) with(ctx context.Context) context.Context {
	if p == nil {
		return ctx
	}
	return context.WithValue(ctx, paramsKey{}, p)
}

// Param returns the segment for which {name} stands in the template that the
// called Listener, Handler or Authoriser is bound to (CH-7); "" if there is none.
// An Authoriser asked about a subscription to /rooms/* sees "*".
func Param(ctx context.Context, name string) string {
	p, _ := ctx.Value(paramsKey{}).(params)
	return p[name]
}

// bound is a Listener, Handler or Authoriser that concerns a channel.
type bound[F any] struct {
	fn     F
	params params
}

// eachBound calls yield for what server code may have bound something to: the
// channel itself, templates, patterns, from the narrowest to the widest, until
// yield returns false. c.mu is held.
func (c *channels) eachBound(name string, yield func(ch *channel, p params) bool) {
	own := true
	matches(name, func(pattern []byte) bool {
		if ch := c.byName[string(pattern)]; ch != nil && !yield(ch, nil) {
			return false
		}
		if !own || len(c.templates) == 0 {
			return true
		}
		own = false
		segments := strings.Split(name, "/")
		for _, t := range c.templates {
			if p, ok := t.match(segments); ok && !yield(t.ch, p) {
				return false
			}
		}
		return true
	})
}
