package customerapi

import "testing"

// Which URL means what: slashes, escapes, and what is none of ours. [1.2]
func TestParseTarget(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]target{
		"/genesys/2/chat/acme-help":                  {chatAPI: true, depth: requestChat, service: "acme-help"},
		"/genesys/2/chat/acme-help/":                 {chatAPI: true, depth: requestChat, service: "acme-help"},
		"/genesys/2/chat/acme-help//":                {chatAPI: true, depth: requestChat, service: "acme-help"},
		"/genesys/2/chat/acme%20help":                {chatAPI: true, depth: requestChat, service: "acme help"},
		"/genesys/2/chat/a%2Fb":                      {chatAPI: true, depth: requestChat, service: "a/b"},
		"/genesys/2/chat/acme-help/C1":               {chatAPI: true, depth: elsewhere, service: "acme-help", chatID: "C1"},
		"/genesys/2/chat/acme-help/C1/send":          {chatAPI: true, depth: chatOperation, service: "acme-help", chatID: "C1", operation: "send"},
		"/genesys/2/chat/acme-help/C1/send/":         {chatAPI: true, depth: chatOperation, service: "acme-help", chatID: "C1", operation: "send"},
		"/genesys/2/chat/acme-help//C1/send":         {chatAPI: true, depth: chatOperation, service: "acme-help", chatID: "C1", operation: "send"},
		"/genesys/2/chat/acme-help/C1/file/limits":   {chatAPI: true, depth: elsewhere, service: "acme-help", chatID: "C1", operation: "file"},
		"/genesys/2/chat/acme-help/C1/file/f/delete": {chatAPI: true, depth: elsewhere, service: "acme-help", chatID: "C1", operation: "file"},
		"/genesys/2/chat/../C1/send":                 {chatAPI: true, depth: chatOperation, service: "..", chatID: "C1", operation: "send"},
		"/genesys/2/chat":                            {},
		"/genesys/2/chat/":                           {},
		"/genesys/2/chatter/acme-help":               {},
		"/genesys/2/chat-ntf":                        {},
		"/genesys/cometd/handshake":                  {},
		"/genesys/1/service/x":                       {},
		"/genesys":                                   {},
		"":                                           {},
		"/genesys/2/chat/%zz":                        {},
		"/genesys/2/chat/%ff":                        {chatAPI: true, depth: requestChat, service: "\uFFFD"},
	} {
		if got := parseTarget(path); got != want {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"/genesys/2/chat/a/b/send", "/genesys/2/chat//a//b//send//", "/genesys/2/chat/%2e%2e/%00/x", "/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := parseTarget(path)
		if got.chatAPI != (got.service != "") {
			t.Errorf("%q: %+v", path, got)
		}
		if got != parseTarget(path+"/") {
			t.Errorf("%q: a trailing slash matters", path)
		}
	})
}
