// Package conformance checks that a server speaks Bayeux as the CometD server does, and better where that loses or breaks things. It knows nothing of how a
// server is made: it has clients of its own that see each header, status, byte and frame.
//
// Each [Check] is a line of a numbered list, or a part of one; it runs on the transports it names: long-polling (L), websocket (W), callback-polling (J).
// Rules are named by the ids of docs/protocol/bayeux.md. A check is marked R where it demands what the reference does, D where it demands something better,
// and O where the reference has no such option. The same suite judges the reference: there each R check must pass, and each D check must find just the
// difference that is documented.
//
// A [Target] is a server's URL, or a command that starts servers with the options that the checks need. Many checks need a server that behaves as
// examples/openserver does: anyone may create, subscribe and publish, but for channels that refuse, drop, delay or answer.
package conformance
