// Command chatroom is a room in which everybody who opens its page can talk: what it takes to build something with the library.
package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/halley-chat/halley/bayeux"
)

//go:embed page
var page embed.FS

// policy lets everybody listen and speak in the room. Channels of their own are not for clients to make.
type policy struct{ bayeux.DefaultPolicy }

func (policy) CanCreate(context.Context, *bayeux.Session, string, *bayeux.Message) error {
	return &bayeux.Refusal{Reason: "only_the_room"}
}

// polite sees each message before it is delivered, and refuses what the page would not send.
func polite(_ context.Context, _ *bayeux.Session, m *bayeux.Message) error {
	var said struct{ Name, Text string }
	if json.Unmarshal(m.Data, &said) != nil || said.Name == "" || said.Text == "" || len(said.Name) > 40 || len(said.Text) > 1000 {
		return &bayeux.Refusal{Reason: "a_name_and_a_text_please"}
	}
	return nil
}

// handler serves the page, and the room at /cometd.
func handler(srv *bayeux.Server) (http.Handler, error) {
	files, err := fs.Sub(page, "page")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(files))
	mux.Handle("/cometd", srv)
	mux.Handle("/cometd/", srv) // clients post to paths below, too
	return mux, errors.Join(srv.Channel("/room", bayeux.ChannelOptions{}), srv.Listen("/room", polite))
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "`address` to listen on")
	flag.Parse()
	srv, err := bayeux.New(bayeux.Options{Policy: policy{}})
	if err != nil {
		log.Fatal(err)
	}
	h, err := handler(srv)
	if err != nil {
		log.Fatal(err)
	}
	hs := &http.Server{Addr: *listen, Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	go func() {
		defer stop()
		log.Printf("the room is on http://%s", *listen)
		log.Print(hs.ListenAndServe())
	}()
	<-ctx.Done()
	_ = srv.Shutdown(context.Background()) // first: it answers the connects that net/http would wait for
	_ = hs.Shutdown(context.Background())
}
