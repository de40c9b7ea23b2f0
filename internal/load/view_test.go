package load

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// Notifications of one chat, as they come.
func state(of string, refID int, participants string) string {
	return fmt.Sprintf(`{"messageType":"ChatStateChangeMessage","notificationType":"StatusChange","referenceId":%d,"chat":%s}`, refID, resource(of, participants))
}

func resource(state, participants string) string {
	return fmt.Sprintf(`{"id":"c1","state":%q,"participants":[%s],"userData":{"load":"x"}}`, state, participants)
}

func said(messages ...string) string {
	return `{"messageType":"MessageLogUpdated","notificationType":"NewMessages","chatPath":"/chats/c1","messages":[` + strings.Join(messages, ",") + `]}`
}

func text(index int, from string) string {
	return fmt.Sprintf(`{"index":%d,"type":"Text","text":"hello %d","from":{"type":%q}}`, index, index, from)
}

const (
	pat  = `{"type":"Customer"}`
	dana = `{"type":"Agent"}`
)

func TestViewFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	in := []string{state(stateInvited, 0, ""), state(stateChatting, 7, ""), said(text(1, "Customer"), text(2, "Agent"))}
	for name, tc := range map[string]struct {
		then  []string
		exact bool
		says  string // of the last; empty: nothing is wrong
	}{
		"the next":               {[]string{said(text(3, "Customer"))}, true, ""},
		"a gap":                  {[]string{said(text(4, "Customer"))}, true, "message 4 after 2: lost"},
		"a gap, without ack":     {[]string{said(text(4, "Customer"))}, false, "message 4 after 2: lost"},
		"one again":              {[]string{said(text(2, "Customer"))}, true, "message 2 after 2"},
		"one again, without ack": {[]string{said(text(2, "Customer"))}, false, ""},
		"after the end":          {[]string{state("Completed", 0, ""), said(text(3, "Customer"))}, true, "in which she is not"},
		"from nowhere":           {[]string{state("Completed", 0, ""), state(stateChatting, 0, "")}, true, "never Invited"},
		"invited again":          {[]string{state("Completed", 0, ""), state(stateInvited, 0, "")}, true, ""},
		"no JSON":                {[]string{`{`}, true, "not JSON"},
		"no message":             {[]string{said(`{"index":0}`)}, true, "cannot be read"},
		"no chat":                {[]string{`{"messageType":"ChatStateChangeMessage"}`}, true, "without a chat"},
		"another type":           {[]string{`{"messageType":"Weather"}`}, true, "Weather"},
	} {
		v := newView(tc.exact)
		var n news
		for i, data := range append(in[:len(in):len(in)], tc.then...) {
			if n = v.apply([]byte(data)); i < len(in) && len(n.wrong) > 0 {
				t.Fatalf("%s: %q", name, n.wrong)
			}
		}
		if got := strings.Join(n.wrong, "; "); tc.says == "" && got != "" || !strings.Contains(got, tc.says) {
			t.Errorf("%s: %q, want %q", name, got, tc.says)
		}
	}
}

func TestViewTellsNews(t *testing.T) {
	t.Parallel()
	v := newView(true)
	n := v.apply([]byte(state(stateInvited, 0, "")))
	if n.chatID != "c1" || n.state != stateInvited || !n.changed || n.userData["load"] != "x" {
		t.Errorf("an offer: %+v", n)
	}
	v.apply([]byte(state(stateChatting, 7, "")))
	if n = v.apply([]byte(said(text(1, "Customer")))); !n.history || len(n.texts) != 0 {
		t.Errorf("the history: %+v", n)
	}
	if n = v.apply([]byte(said(text(2, "Customer"), text(3, "Agent")))); n.history || len(n.texts) != 1 || n.texts[0] != "hello 2" {
		t.Errorf("texts: %+v", n)
	}
	if n = v.apply([]byte(state(stateChatting, 0, pat+","+dana))); n.alone || n.changed {
		t.Errorf("with the customer: %+v", n)
	}
	if n = v.apply([]byte(state(stateChatting, 0, dana))); !n.alone {
		t.Errorf("without: %+v", n)
	}
}

func TestReferenceIDs(t *testing.T) {
	t.Parallel()
	v := newView(true)
	v.ask(7, "Accept")
	v.apply([]byte(state(stateInvited, 0, "")))
	if len(v.asked) != 1 {
		t.Error("it counts as told")
	}
	v.apply([]byte(state(stateChatting, 7, "")))
	v.apply([]byte(state(stateChatting, 8, ""))) // before its answer
	v.ask(8, "SetDisposition")
	if len(v.asked) != 0 || len(v.early) != 0 {
		t.Errorf("not told: %v, not asked: %v", v.asked, v.early)
	}
}

func TestViewBesideREST(t *testing.T) {
	t.Parallel()
	v := newView(true)
	for _, data := range []string{state(stateInvited, 0, ""), state(stateChatting, 7, pat), said(text(1, "Customer"), text(2, "Agent"))} {
		v.apply([]byte(data))
	}
	here := resource(stateChatting, pat)
	for says, tc := range map[string]struct{ chats, messages []string }{
		"":                                {[]string{here}, []string{text(1, "Customer"), text(2, "Agent")}},
		"not there over REST":             {nil, nil},
		"not in the view":                 {[]string{here, strings.Replace(here, "c1", "c2", 1)}, []string{text(1, "Customer"), text(2, "Agent")}},
		"c1 is":                           {[]string{resource(stateChatting, dana)}, []string{text(1, "Customer"), text(2, "Agent")}},
		"message 2 is in the view":        {[]string{here}, []string{text(1, "Customer")}},
		"message 3 is there over REST":    {[]string{here}, []string{text(1, "Customer"), text(2, "Agent"), text(3, "Agent")}},
		"message 2 is another one":        {[]string{here}, []string{text(1, "Customer"), text(2, "Customer")}},
		"the messages of chat c1":         {[]string{here}, []string{`[]`}},
		"GET /me/chats cannot be read":    {[]string{`[]`}, nil},
		"and not in the view; chat c1 is": {[]string{strings.Replace(here, "c1", "c2", 1)}, nil},
	} {
		values := func(of []string) (vs []jsontext.Value) {
			for _, text := range of {
				vs = append(vs, jsontext.Value(text))
			}
			return vs
		}
		wrong := v.differs(values(tc.chats), func(string) ([]jsontext.Value, error) { return values(tc.messages), nil })
		if got := strings.Join(wrong, "; "); says == "" && got != "" || !strings.Contains(got, says) {
			t.Errorf("%q, want %q", got, says)
		}
	}
}
