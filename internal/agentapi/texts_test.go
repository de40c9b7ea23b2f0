package agentapi

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// oddTexts are taken, as JSON strings. What they say is kept byte for byte (B7); who shows it has to show it as text.
var oddTexts = map[string]string{
	"blanks": `"   "`, "line ends": `"\r\n\t\u2028"`, "zero width": `"\u200b\u200d\ufeff"`, "NUL": `"a\u0000b"`, "right to left": `"\u202eevil"`,
	"emojis": `"` + strings.Repeat("😀", 10_000) + `"`, "escaped emojis": `"\ud83d\ude00\uD83D\uDC69\u200d\ud83d\udcbb"`,
	"combining marks": `"e` + strings.Repeat("\u0301", 13_999) + `"`, "not normal": `"e\u0301 \u00e9 \u212b"`, "not a character": `"\uffff\ufffe"`,
	"markup": `"<script>alert(1)</script> &amp; \u003cb\u003e"`, "quotes": `"\"\\\/\b\f"`, "terminal": `"\u001b[31mred\u0007"`,
}

// refusedBodies are refused as a whole, for what is in them.
var refusedBodies = map[string]struct {
	body   string
	status int
}{
	"too long":              {`{"operationName":"SendMessage","text":"` + strings.Repeat("x", 14_001) + `"}`, 400},
	"65536 combining marks": {`{"operationName":"SendMessage","text":"e` + strings.Repeat("\u0301", 65_536) + `"}`, 400},
	"1 MB":                  {`{"operationName":"SendMessage","text":"` + strings.Repeat("x", 1<<20) + `"}`, 413},
	"lone surrogate":        {`{"operationName":"SendMessage","text":"\ud800"}`, 400},
	"surrogates in turn":    {`{"operationName":"SendMessage","text":"\udc00\ud800"}`, 400},
	"invalid UTF-8":         {"{\"operationName\":\"SendMessage\",\"text\":\"\xff\"}", 400},
	"raw NUL":               {"{\"operationName\":\"SendMessage\",\"text\":\"a\x00b\"}", 400},
	"200 levels (A1)":       {`{"operationName":"SendMessage","text":"x","deep":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, 400},
	"a property twice (A1)": {`{"operationName":"SendMessage","text":"x","text":"y"}`, 400},
	"a second object":       {`{"operationName":"SendMessage","text":"x"}{}`, 400},
	"surrogate as a key":    {`{"operationName":"AttachUserData","userData":{"\ud800":1}}`, 400},
	"surrogate as a value":  {`{"operationName":"AttachUserData","userData":{"a":["\ud800"]}}`, 400},
	"a key twice (B8)":      {`{"operationName":"AttachUserData","userData":{"a":{"b":1,"b":2}}}`, 400},
	"10000 keys (B8)":       {`{"operationName":"AttachUserData","userData":{` + manyKeys(10_000) + `}}`, 400},
	"a value of 5 KB (B8)":  {`{"operationName":"AttachUserData","userData":{"a":"` + strings.Repeat("x", 5000) + `"}}`, 400},
	"a value of 1 MB (B8)":  {`{"operationName":"AttachUserData","userData":{"a":"` + strings.Repeat("x", 1<<20) + `"}}`, 413},
	"a key of 300 (B8)":     {`{"operationName":"AttachUserData","userData":{"` + strings.Repeat("k", 300) + `":1}}`, 400},
	"100 levels (B8)":       {`{"operationName":"AttachUserData","userData":{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}}`, 400},
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"k%d":1,`, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// said is what a JSON string says.
func said(t *testing.T, quoted string) (text string) {
	t.Helper()
	if err := json.Unmarshal([]byte(quoted), &text); err != nil {
		t.Fatal(err)
	}
	return text
}

// TestTexts checks B7: a text is kept byte for byte, and so it comes to the agent who wrote it, to her colleague, to the customer, and back when it is read; or
// it is refused, and has no index.
func TestTexts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setUp(t, conferring)
		s.poll()
		dana, path := s.agents["dana"], "/api/v2/me/chats/"+s.pat.chatID
		index := s.pat.next
		for name, quoted := range oddTexts {
			want := said(t, quoted)
			for operation, field := range map[string]string{"SendMessage": "text", "SendToAgents": "text", "SendCustomNotice": "noticeText"} {
				dana.ok(path, `{"operationName":"`+operation+`","`+field+`":`+quoted+`}`)
				synctest.Wait()
				index++
				for who, raw := range map[string]jsontext.Value{
					"GET":  at[[]jsontext.Value](t, dana.get(fmt.Sprintf("%s/messages?startIndex=%d", path, index)), "messages")[0],
					"dana": pushed(t, dana), "omar": pushed(t, s.agents["omar"]),
				} {
					var m struct {
						Text       string `json:"text"`
						NoticeText string `json:"noticeText"`
						Index      int64  `json:"index"`
					}
					if err := json.Unmarshal(raw, &m); err != nil {
						t.Fatal(err)
					}
					if got := m.Text + m.NoticeText; got != want || m.Index != index {
						t.Errorf("%s, %s, %s: %d: %.100q, want %d: %.100q", name, operation, who, m.Index, got, index, want)
					}
				}
				events, _ := s.poll()
				if operation == "SendToAgents" {
					if len(events) > 0 {
						t.Errorf("%s: the customer has got what is for agents: %s", name, events)
					}
					continue
				}
				var seen struct {
					Text  string `json:"text"`
					Index int64  `json:"index"`
				}
				if len(events) != 1 || json.Unmarshal(events[0], &seen) != nil || seen.Text != want || seen.Index != index {
					t.Errorf("%s, %s: the customer gets %.200s", name, operation, events)
				}
			}
		}
		before := s.look()
		for name, c := range refusedBodies {
			if r := dana.post(path, c.body); r.status != c.status || r.code() != "10" {
				t.Errorf("%s: %d %.200s, want %d, 10", name, r.status, r.body, c.status)
			}
			s.unchanged(before, name)
		}
		dana.ok(path, `{"operationName":"SendMessage","text":"and what is fine"}`)
		if events, _ := s.poll(); s.pat.next != index+1 {
			t.Errorf("the next index should be %d: %s", index+1, events)
		}
	})
}

// pushed is the one message that has come to an agent's desktop since.
func pushed(t *testing.T, p *player) jsontext.Value {
	t.Helper()
	news := p.news()
	if len(news) != 1 {
		t.Fatalf("%d notifications, want one", len(news))
	}
	var data struct {
		Messages []jsontext.Value `json:"messages"`
	}
	if err := json.Unmarshal(news[0].Data, &data); err != nil || len(data.Messages) != 1 {
		t.Fatalf("%s: %v", news[0].Data, err)
	}
	return data.Messages[0]
}

// TestNames: nicknames, dispositions and keys are texts too (B7).
func TestNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setUp(t, talking)
		dana, path := s.agents["dana"], "/api/v2/me/chats/"+s.pat.chatID
		for name, quoted := range oddTexts {
			want := said(t, quoted)
			if len(want) > 255 {
				continue
			}
			dana.ok(path, `{"operationName":"SetDisposition","dispositionKey":`+quoted+`,"disposition":`+quoted+`}`)
			data := at[map[string]string](t, dana.get(path), "chat", "userData")
			if data[want] != want {
				t.Errorf("%s: %q", name, data)
			}
			dana.ok(path, `{"operationName":"DeleteUserData","keys":[`+quoted+`]}`)
			dana.ok(path, `{"operationName":"Consult","targetPath":"/users/`+s.real("<omar>")+`"}`)
			s.agents["omar"].ok(path, `{"operationName":"Accept","nickname":`+quoted+`}`)
			in := at[[]participant](t, dana.get(path), "chat", "participants")
			if got := in[len(in)-1].Nickname; got != want {
				t.Errorf("%s: nickname %q, want %q", name, got, want)
			}
			s.agents["omar"].ok(path, `{"operationName":"Leave"}`)
		}
		if data := at[map[string]string](t, dana.get(path), "chat", "userData"); len(data) != 1 {
			t.Errorf("what was deleted is there: %q", data)
		}
	})
}

// TestUserDataTypes checks B8: values keep their type and their spelling, keys may be any text, and everybody gets the same.
func TestUserDataTypes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setUp(t, conferring)
		dana, path := s.agents["dana"], "/api/v2/me/chats/"+s.pat.chatID
		want := map[string]string{"Subject": `"Late parcel"`}
		for i, value := range []string{
			`"x"`, `""`, `"7"`, `7`, `0`, `-0`, `1.50`, `1E+2`, `1e400`, `12345678901234567890`, `true`, `false`, `null`, `{}`, `[]`, `{"a":{"b":[1,null,{"c":"d"}]}}`,
			`"a\u0000b"`, `"<b>"`, `{"__proto__":{"isAdmin":true}}`, `"` + strings.Repeat("x", 4096) + `"`,
		} {
			want[fmt.Sprintf("k%d", i)] = value
		}
		for _, key := range []string{"__proto__", "constructor", "toString", "a/b", "a.b", "a b", "", "Ключ", "<b>", "$ref", "operationName", "k[0]", "e\u0301"} {
			want[key] = `{"polluted":true}`
		}
		var members []string
		for key, value := range want {
			quoted, err := jsontext.AppendQuote(nil, key)
			if err != nil {
				t.Fatal(err)
			}
			members = append(members, string(quoted)+":"+value)
		}
		dana.ok(path, `{"operationName":"AttachUserData","userData":{`+strings.Join(members, ",")+`}}`)
		synctest.Wait()
		var news struct {
			Chat struct {
				UserData map[string]jsontext.Value `json:"userData"`
			} `json:"chat"`
		}
		omar := s.agents["omar"]
		told := omar.news()
		if len(told) != 1 || json.Unmarshal(told[0].Data, &news) != nil {
			t.Fatalf("omar is told: %v", told)
		}
		for who, data := range map[string]map[string]jsontext.Value{
			"dana":         at[map[string]jsontext.Value](t, dana.get(path), "chat", "userData"),
			"omar":         at[map[string]jsontext.Value](t, omar.get(path), "chat", "userData"),
			"omar is told": news.Chat.UserData,
		} {
			if len(data) != len(want) {
				t.Errorf("%s: %d keys, want %d", who, len(data), len(want))
			}
			for key, value := range want {
				if got := string(data[key]); got != value && respelt(got) != respelt(value) {
					t.Errorf("%s: %q is %.100s, want %.100s", who, key, got, value)
				}
			}
		}
	})
}

// respelt makes the spellings of one string equal: which characters are escaped is nobody's business.
func respelt(value string) string {
	v := jsontext.Value(value)
	if err := v.Format(jsontext.CanonicalizeRawFloats(false), jsontext.CanonicalizeRawInts(false), jsontext.PreserveRawStrings(false)); err != nil {
		return err.Error() + value
	}
	return string(v)
}
