package customerapi

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/halley-chat/halley/internal/chat"
)

// 6.6 test 1: with and without trailing slash, form and multipart, and the service's name as it may be written. [1.2, 1.3, 2.1]
func TestRequestChat(t *testing.T) {
	t.Parallel()
	o := open(t)
	for name, r := range map[string]*http.Request{
		"form":          formRequest(support, "nickname", "Pat Lowe"),
		"slash":         formRequest(support+"/", "nickname", "Pat Lowe"),
		"two slashes":   formRequest(support+"//", "nickname", "Pat Lowe"),
		"escaped":       formRequest("/genesys/2/chat/%73upport", "nickname", "Pat Lowe"),
		"odd name":      formRequest("/genesys/2/chat/%C3%9Cml%C3%A4ut%2Fdesk/", "nickname", "Pat Lowe"),
		"in the query":  httptest.NewRequest(http.MethodPost, support+"?nickname=Pat+Lowe", nil),
		"as the widget": formRequest(support+"/", "alias", "", "secureKey", "", "userId", "", "nickname", "", "firstName", "Pat", "lastName", "Lowe", "text", ""),
		"filled ids":    formRequest(support, "alias", "7", "secureKey", "x", "userId", "y", "chatId", "z", "nickname", "Pat Lowe"),
		"multipart": func() *http.Request {
			body := parts("x", "Content-Disposition: form-data; name=\"nickname\"\nContent-Type: application/octet-stream\n\nPat Lowe")
			r := httptest.NewRequest(http.MethodPost, support+"/", strings.NewReader(body))
			r.Header.Set("Content-Type", `multipart/form-data; boundary="x"`)
			return r
		}(),
	} {
		a := o.do(r)
		if a.status != http.StatusOK || a.StatusCode != 0 || a.ChatEnded || a.Alias != "1" || a.NextPosition != 2 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
		if want := []string{"1 ParticipantJoined Pat Lowe"}; !slices.Equal(a.seen(), want) || a.Messages[0].From.Type != "Client" || a.Messages[0].From.ParticipantID != 1 {
			t.Errorf("%s: %q", name, a.seen())
		}
		if len(a.SecureKey) != 32 || strings.Trim(a.SecureKey, "0123456789abcdef") != "" || len(a.ChatID) != 16 || len(a.UserID) != 16 {
			t.Errorf("%s: ids %s", name, a.raw)
		}
	}
}

// 2.1: what is wrong with a request for a chat, each missing field with its code. 6.6 test 2.
func TestRequestChatRefused(t *testing.T) {
	t.Parallel()
	o := open(t)
	long := strings.Repeat("📦", chat.MaxText)
	for _, tt := range []struct {
		url   string
		pairs []string
		codes []int // none: accepted
	}{
		{support, []string{"nickname", "Pat"}, nil},
		{support, []string{"firstName", "Pat", "lastName", "Lowe"}, nil},
		{support, nil, []int{161}},
		{support, []string{"subject", "Late parcel"}, []int{161}},
		{support, []string{"nickname", " \t"}, []int{161}},
		{support, []string{"firstName", "Pat"}, []int{103}},
		{support, []string{"lastName", "Lowe"}, []int{102}},
		{support, []string{"nickname", "Pat", "emailAddress", "pat@example.org"}, nil},
		{support, []string{"nickname", "Pat", "emailAddress", "pat"}, []int{364}},
		{support, []string{"nickname", "Pat", "emailAddress", "@example.org"}, []int{364}},
		{support, []string{"nickname", "Pat", "emailAddress", "pat@"}, []int{364}},
		{support, []string{"nickname", "Pat", "emailAddress", "pat lowe@example.org"}, []int{364}},
		{support, []string{"emailAddress", "pat"}, []int{161, 364}},
		{support, []string{"nickname", "Pat", "text", long}, nil},
		{support, []string{"nickname", "Pat", "text", long + "."}, []int{204}},
		{support, []string{"nickname", "Pat", "endpoint", "Environment:default"}, nil},
		{support, []string{"nickname", "Pat", "endpoint", "Environment:vip"}, []int{240}},
		{strict, []string{"firstName", "Pat", "lastName", "Lowe", "subject", "Parcel", "emailAddress", "p@x"}, nil},
		{strict, nil, []int{161, 102, 103, 104, 181}},
		{strict, []string{"nickname", "Pat"}, []int{102, 103, 104, 181}},
		{strict, []string{"firstName", "Pat", "subject", "Parcel"}, []int{103, 181}},
		{strict, []string{"nickname", "Pat", "firstName", "Pat", "lastName", "Lowe", "subject", " ", "emailAddress", "p"}, []int{104, 364}},
	} {
		a := o.post(tt.url, tt.pairs...)
		if !slices.Equal(a.codes(), tt.codes) {
			t.Errorf("%s %.80q: codes %d, want %d", tt.url, tt.pairs, a.codes(), tt.codes)
		}
		if tt.codes != nil && (a.status != http.StatusBadRequest || a.StatusCode != 2 || a.ChatEnded || a.ChatID != "") {
			t.Errorf("%s %.80q: %d %s", tt.url, tt.pairs, a.status, a.raw)
		}
	}
}

// The nickname is the one given, or made of both names, and cut. [2.1, 5.2]
func TestNickname(t *testing.T) {
	t.Parallel()
	o := open(t)
	for _, tt := range []struct {
		want  string
		pairs []string
	}{
		{"Pat", []string{"nickname", "Pat", "firstName", "Patricia", "lastName", "Lowe"}},
		{"Patricia Lowe", []string{"firstName", "Patricia", "lastName", "Lowe"}},
		{strings.Repeat("é", 255), []string{"nickname", strings.Repeat("é", 300)}},
		{"<script>alert(1)</script>", []string{"nickname", "<script>alert(1)</script>"}}, // fault D1: never escaped, it is text
	} {
		if a := o.post(support, tt.pairs...); a.Messages[0].From.Nickname != tt.want {
			t.Errorf("%.60q: %q", tt.pairs, a.Messages[0].From.Nickname)
		}
	}
}

// A text at the start is the first message. [2.1]
func TestFirstMessage(t *testing.T) {
	t.Parallel()
	o := open(t)
	a := o.post(support, "nickname", "Pat", "text", " Where is it? ")
	if want := []string{"1 ParticipantJoined Pat", "2 Message Pat:  Where is it? "}; !slices.Equal(a.seen(), want) || a.NextPosition != 3 {
		t.Errorf("%q, next %d", a.seen(), a.NextPosition)
	}
	if a = o.post(support, "nickname", "Pat", "text", " \n "); len(a.Messages) != 1 {
		t.Errorf("a blank text: %q", a.seen())
	}
}

// What the customer attaches reaches agents as strings, under the names that they know; updateData adds to it, and deletes nothing. [2.1, 2.9] Fault B8.
func TestUserData(t *testing.T) {
	t.Parallel()
	o := open(t)
	p := o.pat(
		"firstName", "Pat", "subject", "Late parcel",
		"userData[order]", "4711", "userData[FirstName]", "Eve", "userData[__proto__]", "{}", "userData[a][b]", "é\x00", "userData[a/b]", "null",
		"userData[push_notification_deviceid]", "secret", "userData[TimeZone]", "60",
	)
	attached := func() map[string]string {
		t.Helper()
		v, err := o.desk.View(t.Context(), dana, p.id)
		if err != nil {
			t.Fatal(err)
		}
		data := map[string]string{}
		for k, raw := range v.UserData {
			data[k] = string(raw)
		}
		return data
	}
	o.ready()
	o.joined(p)
	want := map[string]string{
		"FirstName": `"Pat"`, "Subject": `"Late parcel"`, "order": `"4711"`, "__proto__": `"{}"`, "a.b": `"é\u0000"`, "a/b": `"null"`, "TimeZone": `"60"`,
	}
	if got := attached(); !maps.Equal(got, want) {
		t.Errorf("at the start: %q", got)
	}

	before := p.must("refresh")
	p.must("updateData", "userData[order]", "4712", "userData[TimeZone]", "", "userData[ring]", "1")
	want["order"], want["TimeZone"], want["ring"] = `"4712"`, `""`, `"1"`
	if got := attached(); !maps.Equal(got, want) {
		t.Errorf("after updateData: %q", got)
	}
	if a := p.must("updateData"); a.NextPosition != before.NextPosition || len(a.Messages) != 0 {
		t.Errorf("updateData without data: %s", a.raw)
	}
	if got := attached(); !maps.Equal(got, want) {
		t.Errorf("after an empty updateData: %q", got)
	}

	// Fault B8: 10,000 keys are cut down to what fits, and the log says so without saying what.
	var many []string
	for i := range 10_000 {
		many = append(many, "userData[k"+strings.Repeat("x", i%7)+string(rune('a'+i%26))+strings.Repeat("y", i/182)+"]", "hush")
	}
	if a := o.post(p.url("updateData"), append(many[:2*3000], "secureKey", p.key)...); a.StatusCode != 0 {
		t.Fatalf("many keys: %d %s", a.status, a.raw)
	}
	if n := len(attached()); n != chat.MaxKeys {
		t.Errorf("%d keys", n)
	}
	if log := o.log.String(); !strings.Contains(log, "attached data beyond the limits was ignored") || strings.Contains(log, "hush") {
		t.Error("the log does not tell, or tells too much")
	}
}
