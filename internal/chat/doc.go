// Package chat is the conversation itself: what may happen in a chat, what has happened, and what each party sees of it.
//
// A chat is an append-only log of events. [State] is what the log amounts to, and three pure functions are all there is:
//
//	Decide(state, command, now) ([]Event, error)  // is it allowed, and what follows from it
//	state.Apply(event) State                      // what it changes
//	state.View(userID) Resource                   // what one agent sees: state, capabilities, participants, user data
//
// [Notices] turns a change into the notifications that each agent gets, in the documented order. Nothing here does I/O, reads a
// clock or draws a random number: times and ids come in with the command, so a replay of the log gives the same state always.
//
// What happened is one Go type per kind ([Body]). Events with an index are the transcript ([MessageOf]); the others say where the chat waits, who is
// invited, how each agent's projection moved ([Seat]), what data is attached. Who may see an event depends on its visibility and on the viewer's [Seat]:
// [Transcript] renders the log for an agent, [CustomerTranscript] for the customer.
//
// View is the only place that computes capabilities, and the list it gives is exactly the set of operations that Decide accepts.
package chat
