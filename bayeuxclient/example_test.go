package bayeuxclient_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/halley-chat/halley/bayeux"
	"github.com/halley-chat/halley/bayeuxclient"
)

// A client subscribes, publishes, and gets what it has published.
func Example() {
	server, err := bayeux.New(bayeux.Options{}) // any CometD server will do
	if err != nil {
		panic(err)
	}
	http := httptest.NewServer(server)
	defer http.Close()
	defer server.Shutdown(context.Background())

	ctx := context.Background()
	client, err := bayeuxclient.Dial(ctx, bayeuxclient.Options{URL: http.URL + "/cometd", Ack: true})
	if err != nil {
		panic(err)
	}
	defer client.Close(ctx)

	got := make(chan bayeuxclient.Message)
	if _, err := client.Subscribe(ctx, "/desk/**", func(m bayeuxclient.Message) { got <- m }); err != nil {
		panic(err)
	}
	if err := client.Publish(ctx, "/desk/news", map[string]string{"text": "hello"}); err != nil {
		panic(err)
	}
	m := <-got
	fmt.Println(m.Channel, string(m.Data))
	// Output: /desk/news {"text":"hello"}
}

// Several messages travel in one request.
func ExampleClient_Batch() {
	server, err := bayeux.New(bayeux.Options{})
	if err != nil {
		panic(err)
	}
	http := httptest.NewServer(server)
	defer http.Close()
	defer server.Shutdown(context.Background())

	ctx := context.Background()
	client, err := bayeuxclient.Dial(ctx, bayeuxclient.Options{URL: http.URL})
	if err != nil {
		panic(err)
	}
	defer client.Close(ctx)

	got := make(chan bayeuxclient.Message, 1)
	batch := client.Batch()
	batch.Subscribe("/rooms/1", func(m bayeuxclient.Message) { got <- m })
	batch.Publish("/rooms/1", "is anybody here?")
	if err := batch.Send(ctx); err != nil {
		panic(err)
	}
	fmt.Println(string((<-got).Data))
	// Output: "is anybody here?"
}
