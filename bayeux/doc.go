// Package bayeux is a server for the Bayeux protocol, the one that CometD
// clients speak: publish and subscribe, and messages from server to client,
// over websocket, long-polling and callback-polling.
//
// # A server in a few lines
//
//	srv, err := bayeux.New(bayeux.Options{})
//	http.Handle("/cometd", srv)
//	http.Handle("/cometd/", srv) // clients post to paths below, too
//	srv.Publish(ctx, "/desk/news", jsontext.Value(`{"text":"hello"}`))
//
// The zero Options are the protocol's documented defaults: everybody may shake
// hands, subscribe and publish outside of /meta, and up to a thousand messages
// wait in memory for a client that is between two polls.
//
// One Server may be mounted at several paths: they share its sessions, options and
// channels. For a mount with other options make another Server; where both are to
// tell their users the same, give both the same [Source].
//
// # Sessions
//
// A handshake makes a [Session]. It owns subscriptions, the messages that wait
// for the client, and a deadline: a client that neither connects nor sends
// anything for MaxInterval is forgotten, and is told to shake hands again when
// it comes back; with ResumeWindow it is parked first, and may go on for a while.
// A session belongs to the [Principal] that the embedding server put into the
// request's context with [WithPrincipal], and over HTTP to a browser cookie as
// well; requests that carry its id without these are treated as if the id did not
// exist.
//
// # Channels
//
// Messages travel on channels such as /desk/news. "/desk/*" matches one segment
// more, "/desk/**" any number. What is published on /service/... never reaches
// other clients: it is handed to the function named with [Server.Service], or
// with [Server.Call] for a remote call. [Server.Listen] sees, and may refuse,
// what clients publish elsewhere. All three take patterns, and templates such as
// /rooms/{id} whose variables [Param] tells. [Server.Channel] declares a channel that
// stays, or whose messages may wait for company. /meta/... is the protocol itself.
//
// # Who may do what
//
// A [Policy] answers four questions: may this peer shake hands, may this
// session create, subscribe to, or publish on that channel. Its fifth method,
// MayRead, decides at delivery what a subscription made through a pattern
// yields. Authorisers ([Server.Authorise]) refine the answer per channel.
// A *[Refusal] is a "no" and says what the client is told; any other error is a
// failure of the server, which the client hears as 500::internal_error and no
// other message is affected.
//
// # Sending
//
// [Server.Publish] reaches every subscriber of a channel, [Server.PublishUser]
// the sessions of one user, so that everybody may subscribe to the same name and
// get messages of her own, and [Session.Deliver] one session. A message is
// encoded once, whoever gets it. For a given channel all subscribers see the
// same order.
//
// What is sent leaves the session's memory only when there is reason to believe
// that it arrived: a response was written and the client came back with its
// next connect as one does who has read it; a websocket write succeeded or, with
// ConfirmByPing, its pong came back; with the ack extension, the client named
// the batch. On evidence of loss it is sent again, first and in order.
//
// # Durable streams
//
// With a [Source], a session whose principal has a user is a cursor over that
// user's numbered stream, or over the one that [Options.Stream] names. Whoever
// appends to the stream calls [Server.Wake]; the server reads what is new when the
// client can take it. A slow or absent client then costs no memory, and with the
// ack extension the batch number is the position in the stream, which only grows.
//
// With the extension replay a client names the position from which a subscription
// begins. [ErrTaken] lets a [Listener] put what clients publish into a stream.
//
// With a [SessionStore] such sessions outlive the server: after a restart, or a
// crash, a client goes on with its id, subscriptions and place in the stream.
//
// # Extensions
//
// [Options.Extensions] names those of the protocol that are on. An [Extension] is
// code of the embedding server that sees all messages, or those of one session,
// and may refuse, change or drop them, and add to the ext of replies.
//
// # Costs
//
// A session holds no goroutine, and neither does a held connect beyond that of
// its HTTP request; a websocket holds one that reads. Writers and stream readers
// exist only while there is something to write or to read. [Server.Shutdown]
// answers what is held, closes the sockets and waits for all of them.
//
// Numbers such as SS-10 or DEL-15 name the clauses of docs/protocol/bayeux.md.
package bayeux
