package customerapi

import (
	"net/url"
	"strings"
)

// depth says how far a URL goes below a service.
type depth int

const (
	requestChat   depth = iota // the service itself
	chatOperation              // an operation on a chat
	elsewhere                  // nothing that is served
)

// target is what a URL names (1.2).
type target struct {
	chatAPI   bool // the URL is one of the chat API, and service is set
	depth     depth
	service   string
	chatID    string // as the client wrote it
	operation string
}

const chatPath = "/genesys/2/chat"

// parseTarget reads the escaped path of a URL. A trailing slash changes nothing, nor does a double one: empty parts do not count. Parts are
// percent-decoded after the path is cut, so that an encoded slash belongs to a name. [1.2]
func parseTarget(escapedPath string) target {
	rest, ok := strings.CutPrefix(escapedPath, chatPath)
	if !ok || rest != "" && rest[0] != '/' {
		return target{}
	}
	var parts []string
	for part := range strings.SplitSeq(rest, "/") {
		if part == "" {
			continue
		}
		name, err := url.PathUnescape(part)
		if err != nil {
			return target{} // net/http refuses such a URL before us
		}
		parts = append(parts, strings.ToValidUTF8(name, "\uFFFD"))
		if len(parts) == 4 {
			break
		}
	}
	switch len(parts) {
	case 0:
		return target{}
	case 1:
		return target{chatAPI: true, depth: requestChat, service: parts[0]}
	case 2:
		return target{chatAPI: true, depth: elsewhere, service: parts[0], chatID: parts[1]}
	case 3:
		return target{chatAPI: true, depth: chatOperation, service: parts[0], chatID: parts[1], operation: parts[2]}
	}
	return target{chatAPI: true, depth: elsewhere, service: parts[0], chatID: parts[1], operation: parts[2]}
}

// namedChat is the chat id of the URL as an answer may repeat it: pages write it unquoted into their markup, so anything but letters and
// digits is left out. [1.6]
func (t target) namedChat() string {
	if len(t.chatID) > maxChatID || strings.ContainsFunc(t.chatID, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return ""
	}
	return t.chatID
}

// maxChatID is more than any chat's id has.
const maxChatID = 64
