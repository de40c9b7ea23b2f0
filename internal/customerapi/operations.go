package customerapi

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/desk"
	"github.com/halley-chat/halley/internal/directory"
)

// maxClientMessageID bounds a clientMessageId, in characters. [2.0]
const maxClientMessageID = 128

// operation is something a customer does in her chat.
type operation struct {
	// action reads what is asked for; whether it is allowed, the chat decides. A nil action changes nothing; once makes it happen at most once.
	action func(f form, t target, s *directory.Service) (a chat.Action, once *desk.Once, err error)
	poll   bool // refresh: it reads, whatever else it carries
	leave  bool // disconnect: to repeat it on an ended chat is fine
}

// operations are those of 2.2 to 2.5 and 2.9. Their names are case sensitive. [1.2]
var operations = map[string]operation{
	"send":        {action: say},
	"startTyping": {action: startTyping},
	"stopTyping":  {action: stopTyping},
	"refresh":     {action: preview, poll: true},
	"disconnect":  {action: disconnect, leave: true},
	"updateData":  {action: updateData},
}

// operate runs an operation on a chat: who calls, how often, is the chat still on, what is asked for. [2.0]
func (a *API) operate(r *http.Request, t target, service *directory.Service, op operation, f form) (envelope, error) {
	ctx, caller := r.Context(), desk.Caller{Service: service.Name, ChatID: t.chatID, Key: f.get("secureKey")}
	cc, err := a.desk.Customer(ctx, caller)
	if err != nil {
		return envelope{}, err
	}
	// The rate counts for the holder of the key only: nobody can use up a stranger's.
	if !a.free(clientAddress(r)) {
		if wait := a.operations.admit(t.chatID, time.Now()); wait > 0 {
			return envelope{}, tooFast{wait: wait, code: codeRefused}
		}
	}
	wanted := spanOf(f.get("transcriptPosition"), op.poll)
	action, once, err := op.action(f, t, service)
	switch {
	case op.poll:
		if action != nil {
			cc = a.tryPreview(ctx, caller, action, cc)
		}
		return a.envelope(ctx, cc, wanted)
	case cc.Ended && !op.leave && once == nil:
		// With a clientMessageId the desk looks first whether it has answered this very message before the end.
		return envelope{}, fmt.Errorf("%s: %w", t.operation, chat.ErrEnded)
	case err != nil:
		return envelope{}, err
	case action == nil:
		return a.envelope(ctx, cc, wanted)
	}
	a.logIgnored(f.data.ignored, service, t.chatID)
	if cc, err = a.desk.CustomerDo(ctx, caller, action, once); err != nil {
		return envelope{}, err
	}
	return a.envelope(ctx, cc, wanted)
}

// tryPreview shows agents what the customer types. A poll does not fail for it: it then answers from what it has.
func (a *API) tryPreview(ctx context.Context, caller desk.Caller, action chat.Action, cc desk.CustomerChat) desk.CustomerChat {
	next, err := a.desk.CustomerDo(ctx, caller, action, nil)
	if err != nil {
		a.log.Debug("a typing preview was dropped", "chat", caller.ChatID, "error", err)
		return cc
	}
	return next
}

// say is send. Of eventAttributes, text that is not a JSON object is ignored. [2.2, 1.3]
func say(f form, t target, _ *directory.Service) (chat.Action, *desk.Once, error) {
	m := chat.Say{Text: f.get("message"), MessageType: f.get("messageType")}
	if raw := jsontext.Value(f.get("eventAttributes")); raw.IsValid() && raw.Kind() == '{' {
		m.Attributes = raw
	}
	id := f.get("clientMessageId")
	if id == "" {
		return m, nil, nil
	}
	if !isMessageID(id) {
		return nil, nil, invalid{newProblem(codeRefused, fmt.Sprintf("clientMessageId is 1 to %d visible ASCII characters", maxClientMessageID))}
	}
	return m, &desk.Once{Key: "customer/" + t.chatID + "/" + id, Sum: sumOf(m.Text, m.MessageType, string(m.Attributes))}, nil
}

// isMessageID checks the form of a clientMessageId. [2.0]
func isMessageID(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= maxClientMessageID
}

// sumOf tells one message from another: the lengths keep the parts apart.
func sumOf(parts ...string) [sha256.Size]byte {
	var b []byte
	for _, p := range parts {
		b = append(binary.AppendUvarint(b, uint64(len(p))), p...)
	}
	return sha256.Sum256(b)
}

// startTyping and stopTyping tell that she types, and what she has typed so far if the service shows it. [2.3]
func startTyping(f form, _ target, s *directory.Service) (chat.Action, *desk.Once, error) {
	return chat.Type{Preview: previewOf(f, s)}, nil, nil
}

func stopTyping(form, target, *directory.Service) (chat.Action, *desk.Once, error) {
	return chat.StopTyping{}, nil, nil
}

// preview is what a refresh carries besides its question. [2.4]
func preview(f form, _ target, s *directory.Service) (chat.Action, *desk.Once, error) {
	if p := previewOf(f, s); p != "" {
		return chat.PreviewText{Preview: p}, nil, nil
	}
	return nil, nil, nil
}

func previewOf(f form, s *directory.Service) string {
	if !s.TypingPreview {
		return ""
	}
	return f.get("message")
}

// disconnect ends the chat for her. [2.5]
func disconnect(form, target, *directory.Service) (chat.Action, *desk.Once, error) {
	return chat.Disconnect{}, nil, nil
}

// updateData attaches data. Without any, nothing happens. [2.9]
func updateData(f form, _ target, _ *directory.Service) (chat.Action, *desk.Once, error) {
	if len(f.data.keys) == 0 {
		return nil, nil, nil
	}
	return chat.UpdateData{UserData: f.data.userData()}, nil, nil
}

// free says whether rates do not count for a client.
func (a *API) free(client netip.Addr) bool { return a.settings.FreeLoopback && client.IsLoopback() }

// logIgnored reports attached data beyond the limits: how much, never what. [5.2]
func (a *API) logIgnored(pairs int, s *directory.Service, chatID string) {
	if pairs > 0 {
		a.log.Warn("attached data beyond the limits was ignored", "service", s.Name, "chat", chatID, "pairs", pairs)
	}
}
