package customerapi

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/halley-chat/halley/internal/chat"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The whole story as the customer's client reads it, byte for byte apart from ids and times. [1.7, 2.1 to 2.5, 2.9, 2.15] On the way nothing of what
// was said and no key gets into the log, at whatever level. Faults C2 and K4.
func TestStory(t *testing.T) {
	t.Parallel()
	o := open(t)
	var told strings.Builder
	tell := func(what string, a answer) {
		t.Helper()
		fmt.Fprintf(&told, "%s\n%d %s\n\n", what, a.status, a.raw)
	}
	a := o.post(support+"/", "firstName", "Pat", "lastName", "Lowe", "emailAddress", "pat@example.org", "subject", "Late parcel", "text", "", "userData[TimeZone]", "60")
	tell("request chat", a)
	p := &pat{o: o, service: support, id: a.ChatID, key: a.SecureKey}
	tell("send, nobody there", p.do("send", "message", "Where is order 4711?", "messageType", "text"))
	tell("refresh, nothing new", p.do("refresh", "transcriptPosition", "3"))
	o.ready()
	o.joined(p)
	o.agent(p, chat.SendMessage{Text: "Hello Pat, how can I help?"})
	o.consulted(p)
	o.agent(p, chat.SendToAgents{Text: "the tea lady again"})
	tell("refresh", p.do("refresh", "transcriptPosition", "3", "message", ""))
	tell("startTyping", p.do("startTyping", "message", "My par", "transcriptPosition", "7"))
	tell("send with attributes and position", p.do("send", "message", "My parcel!\n📦", "messageType", "text", "eventAttributes", `{"general-properties":{"related-event-id":"3"}}`, "transcriptPosition", "7"))
	tell("stopTyping", p.do("stopTyping"))
	tell("updateData", p.do("updateData", "userData[order]", "4711"))
	o.agent(p, chat.SendURL{URL: "https://example.com/track"})
	o.agent(p, chat.SendCustomNotice{NoticeText: "survey"})
	tell("refresh from the last event", p.do("refresh", "transcriptPosition", "-1"))
	tell("refresh of everything", p.do("refresh"))
	tell("send without a message", p.do("send"))
	tell("send of too much", p.do("send", "message", strings.Repeat("x", chat.MaxText+1)))
	tell("unknown operation", p.do("dance"))
	tell("request chat without a name", o.post(support))
	tell("request chat at an unknown service", o.post("/genesys/2/chat/nobody", "nickname", "Pat"))
	tell("a wrong key", o.post(p.url("refresh"), "secureKey", "x"))
	tell("disconnect", p.do("disconnect"))
	tell("refresh after the end", p.do("refresh", "transcriptPosition", "11"))
	tell("send after the end", p.do("send", "message", "wait"))

	got := []byte(told.String())
	for _, v := range []struct{ pattern, with string }{
		{`"chatId":"` + p.id + `"`, `"chatId":"<chat>"`},
		{`"secureKey":"[0-9a-f]{32}"`, `"secureKey":"<key>"`},
		{`"userId":"[0-9A-F]{16}"`, `"userId":"<user>"`},
		{`"utcTime":[0-9]{13}`, `"utcTime":<time>`},
	} {
		got = regexp.MustCompile(v.pattern).ReplaceAll(got, []byte(v.with))
	}
	file := filepath.Join("testdata", "story.golden")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the story differs from %s; look at it, and run with -update if it is right:\n%s", file, got)
	}

	for _, secret := range []string{p.key, "4711", "tea lady", "pat@example.org", "Late parcel", "My par", "Lowe"} {
		if strings.Contains(o.log.String(), secret) {
			t.Errorf("the log tells %q:\n%s", secret, o.log)
		}
	}
}
