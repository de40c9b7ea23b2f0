// Package bayeuxclient is a client for Bayeux 1.0 servers: CometD servers, and this project's package bayeux.
//
// A [Client] holds one session. [Dial] shakes hands and makes the first connect; from then on the client keeps the session alive
// by itself until [Client.Close]:
//
//	c, err := bayeuxclient.Dial(ctx, bayeuxclient.Options{URL: "https://desk.example/api/v2/notifications"})
//	if err != nil {
//		return err
//	}
//	defer c.Close(ctx)
//	_, err = c.Subscribe(ctx, "/v2/me/chats", func(m bayeuxclient.Message) {
//		fmt.Println(m.Channel, string(m.Data))
//	})
//
// # Breaks
//
// When a connection breaks, the client goes back to the server with the session it has, after a short, jittered pause. What the
// server queued in the meantime arrives then. Only when the server has forgotten the session (it says so: 402 with the advice to
// shake hands) does the client make a new one; it then subscribes again to all it was subscribed to and tells
// [Options.OnState] [Handshaken]: whatever was published in between is gone, so this is the moment to read the state afresh.
// With [Options.Replay], and a server that keeps its messages, nothing is gone: each subscription goes on where it was.
// With [Options.Ack] a message whose delivery was cut off is delivered again, once.
//
// A websocket that cannot be opened is replaced by long-polling, with the same session where the server allows it. Each handshake
// tries the transports anew, in the order of [Options.Transports].
//
// # Positions
//
// With [Options.Replay] messages of a server that keeps them have a [Message.ReplayID]. Whoever stores it can go on from there after a
// restart, with [Client.SubscribeFrom]. When the server has not kept what follows, OnState is told so (a *ReplyError with the code 400)
// and the subscription begins with the oldest that is kept.
//
// # Callbacks
//
// Message handlers, [Options.OnMessage] and [Options.OnState] are called by one goroutine, one at a time, in the order in which
// things arrived. A handler may call the client's methods, except Close, which waits for the handlers to end: use "go c.Close(ctx)"
// there. A slow handler holds up its own client only: at most [Options.MaxQueue] bytes wait for it, then the client stops taking
// messages from the server, which keeps them. A message is confirmed to the server when it was received, not when it was handled.
//
// # Requests
//
// Subscribe, Publish, Call and Batch wait, within their context, for a session that is connected. A publish is sent once: if the
// connection breaks before its reply, the error tells, and whether the server has it is not known. A subscribe is repeated until
// it is confirmed, refused, or its context ends.
package bayeuxclient
