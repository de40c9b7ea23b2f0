package customerapi

import (
	"bytes"
	"errors"
	"maps"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/halley-chat/halley/internal/chat"
)

// parts writes a multipart body with CRLF line ends. Each part is its headers, a blank line and its content.
func parts(boundary string, parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--" + boundary + "\r\n" + strings.ReplaceAll(p, "\n", "\r\n") + "\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return b.String()
}

// 1.3, one line per sentence.
func TestForm(t *testing.T) {
	t.Parallel()
	const text = "Content-Disposition: form-data; name=\"message\"\n\n"
	for _, tt := range []struct {
		name, query, contentType, body string
		values, data                   map[string]string
		err                            error
	}{
		{
			name: "form encoded", contentType: formEncoded, body: "nickname=Pat+Lowe&message=caf%C3%A9%0A%F0%9F%93%A6",
			values: map[string]string{"nickname": "Pat Lowe", "message": "café\n📦"},
		},
		{
			name: "with a charset", contentType: "application/x-www-form-urlencoded; charset=UTF-8", body: "message=a",
			values: map[string]string{"message": "a"},
		},
		{
			name: "capitals in the content type", contentType: "Application/X-WWW-Form-URLEncoded", body: "message=a",
			values: map[string]string{"message": "a"},
		},
		{
			name: "multipart", contentType: "multipart/form-data; boundary=x", body: parts("x", text+"Hello\nPat", "Content-Disposition: form-data; name=\"nickname\"\n\nPat"),
			values: map[string]string{"message": "Hello\r\nPat", "nickname": "Pat"},
		},
		{
			name: "a part of any type is a parameter", contentType: "multipart/form-data; boundary=x",
			body:   parts("x", "Content-Disposition: form-data; name=\"message\"\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: binary\n\n100%+"),
			values: map[string]string{"message": "100%+"},
		},
		{
			name: "a part with a file name is a file", contentType: "multipart/form-data; boundary=x",
			body: parts("x", "Content-Disposition: form-data; name=\"message\"; filename=\"a.txt\"\n\nHello", "Content-Disposition: form-data; name=\"file\"\n\nHello"),
		},
		{
			name: "multipart under the wrong name", contentType: formEncoded, body: parts("5f2a", text+"Hello"),
			values: map[string]string{"message": "Hello"},
		},
		{
			name: "multipart with the wrong boundary in a form-encoded header", contentType: formEncoded + "; boundary=y", body: parts("x", text+"Hello"),
			values: map[string]string{"message": "Hello"},
		},
		{
			name: "multipart whose header names no boundary", contentType: multipartForm, body: parts("x", text+"Hello"),
			values: map[string]string{"message": "Hello"},
		},
		{name: "dashes alone are no multipart", contentType: formEncoded, body: "--message=a&text=b", values: map[string]string{"text": "b"}},
		{name: "dashes and lines are no multipart", contentType: formEncoded, body: "--x\r\nmessage=a&text=b", values: map[string]string{"text": "b"}},
		{name: "multipart without an end", contentType: "multipart/form-data; boundary=x", body: "--x\r\n" + text + "Hello", err: errBody},
		{name: "no multipart at all", contentType: "multipart/form-data; boundary=x", body: "message=a", err: errBody},
		{name: "no boundary anywhere", contentType: multipartForm, body: "message=a", err: errBody},
		{name: "empty multipart", contentType: multipartForm},
		{name: "nothing", contentType: ""},
		{name: "query only", query: "message=a&nickname=b", values: map[string]string{"message": "a", "nickname": "b"}},
		{
			name: "the body wins over the query", query: "message=query&nickname=query", contentType: formEncoded, body: "message=body",
			values: map[string]string{"message": "body", "nickname": "query"},
		},
		{
			name: "empty counts as absent", contentType: formEncoded, query: "secureKey=k", body: "alias=&secureKey=&userId=&text=&message&nickname=Pat",
			values: map[string]string{"secureKey": "k", "nickname": "Pat"},
		},
		{name: "the last one wins", contentType: formEncoded, body: "message=a&message=b", values: map[string]string{"message": "b"}},
		{name: "Subject", contentType: formEncoded, body: "Subject=Late", values: map[string]string{"subject": "Late"}},
		{name: "no other capitals", contentType: formEncoded, body: "Message=a&SECUREKEY=b&unknown=c"},
		{
			name: "user data", contentType: formEncoded, body: "userData[a]=1&userData%5Bb%5D=2&userData%5b%c3%a9%5d=3&userData[a][b]=4&userData[x]=&userData[a]=5",
			data: map[string]string{"a": "5", "b": "2", "é": "3", "a.b": "4", "x": ""},
		},
		{
			name: "user data in parts", contentType: "multipart/form-data; boundary=x",
			body: parts("x", "Content-Disposition: form-data; name=\"userData[a]\"\n\n1", "Content-Disposition: form-data; name=\"userData%5Bb%5D\"\n\n2"),
			data: map[string]string{"a": "1", "b": "2"},
		},
		{name: "device tokens are not kept", contentType: formEncoded, body: "userData[push_notification_deviceid]=a&userData[GCTI_GMS_PushDeviceId]=b"},
		{name: "no escapes", contentType: formEncoded, body: "message=100%&nickname=%zz%4&text=%", values: map[string]string{"message": "100%", "nickname": "%zz%4", "text": "%"}},
		{name: "semicolons are text", contentType: formEncoded, body: "message=a;b=c", values: map[string]string{"message": "a;b=c"}},
		{name: "equals signs are text", contentType: formEncoded, body: "message==a=", values: map[string]string{"message": "=a="}},
		{name: "not UTF-8", contentType: formEncoded, body: "message=caf%E9&userData[%FF]=%FE", values: map[string]string{"message": "caf\uFFFD"}, data: map[string]string{"\uFFFD": "\uFFFD"}},
		{name: "NUL", contentType: formEncoded, body: "message=a%00b", values: map[string]string{"message": "a\x00b"}},
		{name: "only separators", contentType: formEncoded, body: "&&=&=a&&"},
		{name: "JSON", contentType: "application/json", body: `{}`, err: errContentType},
		{name: "text", contentType: "text/plain", body: "message=a", err: errContentType},
		{name: "nonsense", contentType: ";;;", body: "message=a", err: errContentType},
		{name: "a broken parameter of the content type", contentType: formEncoded + "; charset", body: "message=a", values: map[string]string{"message": "a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			kind, boundary, err := encodingOf(tt.contentType)
			var f form
			if err == nil {
				f, err = parseForm(tt.query, kind, boundary, []byte(tt.body))
			}
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err == nil && (!maps.Equal(f.values, tt.values) || !maps.Equal(f.data.values, tt.data)) {
				t.Errorf("values %q, data %q", f.values, f.data.values)
			}
		})
	}
}

// The grammar of structured parameters. [1.3]
func TestDataKey(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"userData[a]":         "a",
		"userData[a][b][c]":   "a.b.c",
		"userData[a.b]":       "a.b",
		"userData[ a ]":       " a ",
		"userData[__proto__]": "__proto__", // fault B8: a key like any other
		"userData[a/b]":       "a/b",
		"userData":            "",
		"userData[]":          "",
		"userData[":           "",
		"userData]":           "",
		"userData[a":          "",
		"userData[a]b":        "",
		"userData[a][]":       "",
		"userData[a]]":        "",
		"userData[[a]]":       "",
		"userData[a]x[b]":     "",
		"userdata[a]":         "",
		"xuserData[a]":        "",
		"":                    "",
	} {
		if got, ok := dataKey(name); got != want || ok != (want != "") {
			t.Errorf("%q: %q %t, want %q", name, got, ok, want)
		}
	}
}

// 5.2, fault B8: too much data is cut down to what a chat keeps, and what is dropped is counted. What she says about herself comes first.
func TestDataLimits(t *testing.T) {
	t.Parallel()
	f := form{values: map[string]string{}}
	for i := range 10_000 {
		f.set("userData[A"+strings.Repeat("x", i%10)+string(rune('!'+i%90))+strings.Repeat("y", i/90)+"]", "v")
	}
	f.set("subject", "Late parcel")
	if n := len(f.data.keys); n != chat.MaxKeys {
		t.Errorf("%d keys kept", n)
	}
	d := dataOf(f)
	if len(d.keys) != chat.MaxKeys || d.values["Subject"] != "Late parcel" || d.values[f.data.keys[0]] != "v" {
		t.Errorf("%d keys, subject %q", len(d.keys), d.values["Subject"])
	}
	if d.ignored != f.data.ignored+1 || d.ignored == 0 {
		t.Errorf("ignored %d, and %d before", d.ignored, f.data.ignored)
	}

	f = form{values: map[string]string{}}
	f.set("userData["+strings.Repeat("é", 255)+"]", strings.Repeat("📦", 4096))
	f.set("userData["+strings.Repeat("é", 256)+"]", "v")
	f.set("userData[a]", strings.Repeat("📦", 4097))
	if len(f.data.keys) != 1 || f.data.ignored != 2 {
		t.Errorf("%d keys, %d ignored", len(f.data.keys), f.data.ignored)
	}
}

// Her own names win over userData of the same names. [2.1]
func TestDataNames(t *testing.T) {
	t.Parallel()
	f := form{values: map[string]string{}}
	f.readPairs("firstName=Pat&emailAddress=pat%40example.org&userData[FirstName]=Eve&userData[Subject]=Other&userData[order]=4711")
	want := map[string]string{"FirstName": "Pat", "EmailAddress": "pat@example.org", "Subject": "Other", "order": "4711"}
	if d := dataOf(f); !maps.Equal(d.values, want) {
		t.Errorf("%q", d.values)
	}
}

// The same parameters mean the same in every encoding. [1.3]
func TestEncodingsAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := append(slices.Collect(maps.Keys(parameters)), "userData[a]", "userData[a][b]", "userData[é]", "other")
		slices.Sort(names)
		var query strings.Builder
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for range rapid.IntRange(0, 8).Draw(t, "n") {
			name, value := rapid.SampledFrom(names).Draw(t, "name"), rapid.String().Draw(t, "value")
			query.WriteString("&" + url.QueryEscape(name) + "=" + url.QueryEscape(value))
			h := textproto.MIMEHeader{"Content-Disposition": {multipart.FileContentDisposition(name, "")}}
			h.Set("Content-Disposition", `form-data; name="`+name+`"`)
			p, err := w.CreatePart(h)
			if err != nil {
				t.Fatal(err)
			}
			p.Write([]byte(value))
		}
		w.Close()
		encoded, err := parseForm("", formEncoded, "", []byte(query.String()))
		if err != nil {
			t.Fatal(err)
		}
		inParts, err := parseForm("", multipartForm, w.Boundary(), body.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		inQuery, err := parseForm(query.String(), formEncoded, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []form{inParts, inQuery} {
			if !maps.Equal(encoded.values, other.values) || !maps.Equal(encoded.data.values, other.data.values) {
				t.Fatalf("%+v and %+v", encoded, other)
			}
		}
	})
}

func FuzzForm(f *testing.F) {
	f.Add("", formEncoded, "nickname=Pat+Lowe&userData%5Ba%5D=1&message=%C3%A9%0A")
	f.Add("secureKey=k", formEncoded, "alias=&message=100%")
	f.Add("", "multipart/form-data; boundary=x", parts("x", "Content-Disposition: form-data; name=\"message\"\n\nHello"))
	f.Add("", formEncoded, parts("5f2a", "Content-Disposition: form-data; name=\"userData%5Ba%5D\"\nContent-Type: text/plain\n\nHello"))
	f.Add("", "multipart/form-data", "--x\r\nContent-")
	f.Add("a=%&%=%zz", "application/x-www-form-urlencoded; charset=\"", "--\n--\r\n")
	f.Fuzz(func(t *testing.T, query, contentType, body string) {
		kind, boundary, err := encodingOf(contentType)
		if err != nil {
			return
		}
		form, err := parseForm(query, kind, boundary, []byte(body))
		if err != nil {
			if !errors.Is(err, errBody) {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		for name, value := range form.values {
			if parameters[name] == "" || value == "" || !utf8.ValidString(value) {
				t.Errorf("%q = %q", name, value)
			}
		}
		if len(form.data.keys) != len(form.data.values) || len(form.data.keys) > chat.MaxKeys {
			t.Errorf("%d keys, %d values", len(form.data.keys), len(form.data.values))
		}
		for key, value := range form.data.values {
			if key == "" || !utf8.ValidString(key) || !utf8.ValidString(value) || utf8.RuneCountInString(key) > chat.MaxKey {
				t.Errorf("%q = %q", key, value)
			}
		}
	})
}

func FuzzDataKey(f *testing.F) {
	for _, s := range []string{"userData[a]", "userData[a][b]", "userData[]", "userData[a", "userData[a]]", "nickname"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		key, ok := dataKey(name)
		if !ok {
			if key != "" {
				t.Errorf("%q is no key, but %q", name, key)
			}
			return
		}
		if key == "" || strings.ContainsAny(key, "[]") {
			t.Errorf("%q gives %q", name, key)
		}
		if again, ok := dataKey("userData[" + key + "]"); !ok || again != key {
			t.Errorf("%q gives %q, and that %q", name, key, again)
		}
	})
}

// What a browser has encoded comes back as it was.
func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"", "a b", "100%", "%41", "+", "é\n\x00", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := unescape(url.QueryEscape(s)); got != s {
			t.Errorf("%q became %q", s, got)
		}
		unescape(s)
	})
}
