package bayeux_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/bayeux"
)

// visitor is as little of a client as can be shown.
type visitor struct {
	url string
	id  string
	http.Client
}

func visit(url string) *visitor {
	v := &visitor{url: url}
	v.Jar, _ = cookiejar.New(nil)
	var reply []struct{ ClientID string }
	_ = json.Unmarshal([]byte(v.post(`[{"channel":"/meta/handshake"}]`)), &reply)
	v.id = reply[0].ClientID
	v.post(`[{"channel":"/meta/connect","clientId":"ID","connectionType":"long-polling"}]`)
	return v
}

func (v *visitor) post(messages string) string {
	resp, err := v.Post(v.url, "application/json", strings.NewReader(strings.ReplaceAll(messages, "ID", v.id)))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return string(bytes.TrimSpace(b))
}

func Example() {
	srv, err := bayeux.New(bayeux.Options{})
	if err != nil {
		panic(err)
	}
	defer srv.Shutdown(context.Background())
	hs := httptest.NewServer(srv)
	defer hs.Close()

	v := visit(hs.URL)
	fmt.Println(v.post(`[{"channel":"/meta/subscribe","clientId":"ID","subscription":"/desk/*"}]`))
	if err := srv.Publish(context.Background(), "/desk/news", jsontext.Value(`{"text":"hello"}`)); err != nil {
		panic(err)
	}
	fmt.Println(v.post(`[{"channel":"/meta/connect","id":"3","clientId":"ID","connectionType":"long-polling"}]`))
	// Output:
	// [{"channel":"/meta/subscribe","subscription":"/desk/*","successful":true}]
	// [{"channel":"/desk/news","data":{"text":"hello"}},{"channel":"/meta/connect","id":"3","successful":true}]
}

// A service channel is handled by server code; what it returns goes to the sender.
func ExampleServer_Service() {
	srv, _ := bayeux.New(bayeux.Options{})
	defer srv.Shutdown(context.Background())
	hs := httptest.NewServer(srv)
	defer hs.Close()

	err := srv.Service("/service/echo", func(_ context.Context, from *bayeux.Session, m *bayeux.Message) (jsontext.Value, error) {
		return m.Data, nil
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(visit(hs.URL).post(`[{"channel":"/service/echo","id":"7","clientId":"ID","data":[1,2.50]}]`))
	// Output:
	// [{"channel":"/service/echo","data":[1,2.50]},{"channel":"/service/echo","id":"7","successful":true}]
}

// deskPolicy lets known people in, and publish below /desk only.
type deskPolicy struct{ bayeux.DefaultPolicy }

func (deskPolicy) CanHandshake(_ context.Context, p bayeux.Peer, _ *bayeux.Message) error {
	if p.Principal.User == "" {
		return &bayeux.Refusal{Text: "401::log_in_first"}
	}
	return nil
}

func (deskPolicy) CanPublish(_ context.Context, _ *bayeux.Session, channel string, _ *bayeux.Message) error {
	if !strings.HasPrefix(channel, "/desk/") {
		return &bayeux.Refusal{Reason: "not_yours"}
	}
	return nil
}

// The embedding server says who sent a request; the policy decides what she may do.
func ExamplePolicy() {
	srv, _ := bayeux.New(bayeux.Options{Policy: deskPolicy{}})
	defer srv.Shutdown(context.Background())
	user := "dana"
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		srv.ServeHTTP(w, r.WithContext(bayeux.WithPrincipal(r.Context(), bayeux.Principal{User: user})))
	}))
	defer hs.Close()

	v := visit(hs.URL)
	fmt.Println(v.post(`[{"channel":"/desk/news","clientId":"ID","data":1},{"channel":"/other","clientId":"ID","data":1}]`))
	user = ""
	fmt.Println(v.post(`[{"channel":"/meta/handshake"}]`))
	// Output:
	// [{"channel":"/desk/news","successful":true},{"channel":"/other","error":"403:not_yours:publish_denied","successful":false}]
	// [{"channel":"/meta/handshake","error":"401::log_in_first","successful":false,"advice":{"reconnect":"none","interval":0,"timeout":30000}}]
}

// notebook is the smallest Source: one list per user.
type notebook map[string][]bayeux.Entry

func (n notebook) Head(_ context.Context, user string) (int64, error) {
	return int64(len(n[user])), nil
}

func (n notebook) After(_ context.Context, user string, after int64, limit int) ([]bayeux.Entry, error) {
	rest := n[user][after:]
	return rest[:min(limit, len(rest))], nil
}

// With a Source, what a user must see is written first and pushed then. The ack
// number is the position in her stream.
func ExampleSource() {
	notes := notebook{}
	srv, _ := bayeux.New(bayeux.Options{Source: notes})
	defer srv.Shutdown(context.Background())
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		srv.ServeHTTP(w, r.WithContext(bayeux.WithPrincipal(r.Context(), bayeux.Principal{User: "dana"})))
	}))
	defer hs.Close()

	v := visit(hs.URL)
	v.post(`[{"channel":"/meta/subscribe","clientId":"ID","subscription":"/me/chats"}]`)

	notes["dana"] = append(notes["dana"], bayeux.Entry{N: 1, Channel: "/me/chats", Data: jsontext.Value(`"invited"`)})
	srv.Wake("dana", 1)

	fmt.Println(v.post(`[{"channel":"/meta/connect","id":"5","clientId":"ID","connectionType":"long-polling"}]`))
	// Output:
	// [{"channel":"/me/chats","data":"invited"},{"channel":"/meta/connect","id":"5","successful":true}]
}
