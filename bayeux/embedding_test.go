package bayeux_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/bayeux"
	"github.com/halley-chat/halley/bayeuxclient"
)

// statusWriter is what middlewares do with a ResponseWriter.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// The promises of docs/embedding.md: behind a mux, a middleware and an
// http.Server with short time-outs, connects are held for longer than those, and
// sockets live.
func TestEmbedded(t *testing.T) {
	for _, transport := range []string{bayeuxclient.WebSocket, bayeuxclient.LongPolling} {
		t.Run(transport, func(t *testing.T) {
			srv, err := bayeux.New(bayeux.Options{Timeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			mux := http.NewServeMux()
			logged := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				p := bayeux.Principal{User: "dana"}
				srv.ServeHTTP(&statusWriter{ResponseWriter: w}, r.WithContext(bayeux.WithPrincipal(r.Context(), p)))
			})
			mux.Handle("/cometd", logged)
			mux.Handle("/cometd/", logged)
			web := httptest.NewUnstartedServer(mux)
			const short = time.Second
			web.Config.ReadHeaderTimeout, web.Config.ReadTimeout, web.Config.WriteTimeout = short, short, short
			srv.Track(web.Config)
			web.Start()
			defer web.Close()
			defer func() { _ = srv.Shutdown(context.Background()) }()

			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			states := make(chan bayeuxclient.State, 100)
			c, err := bayeuxclient.Dial(ctx, bayeuxclient.Options{
				URL: web.URL + "/cometd", Transports: []string{transport},
				OnState: func(s bayeuxclient.State) { states <- s },
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close(ctx) }()
			got := make(chan bayeuxclient.Message, 1)
			if _, err := c.Subscribe(ctx, "/news", func(m bayeuxclient.Message) { got <- m }); err != nil {
				t.Fatal(err)
			}
			for srv.Stats().Held == 0 {
				if ctx.Err() != nil {
					t.Fatal("the connect is never held")
				}
				<-time.After(time.Millisecond)
			}
			<-time.After(2 * short) // longer than every time-out of the http.Server
			if err := srv.Publish(ctx, "/news", jsontext.Value("1")); err != nil {
				t.Fatal(err)
			}
			select {
			case <-got:
			case <-ctx.Done():
				t.Fatal("the message does not arrive")
			}
			for len(states) > 0 {
				if s := <-states; s.Err != nil {
					t.Errorf("the client saw a break: %v", s.Err)
				}
			}
		})
	}
}
