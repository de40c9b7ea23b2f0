// Package agentapi is what an agent's desktop talks to: the REST API v2 and the CometD notifications beside it.
//
// A request goes down in one line:
//
//	Handler    path, origin, who is it (auth), one call per route, one answer per call
//	parameters the body as a JSON object, within limits
//	operations operationName → chat.Action; targets are looked up in the directory
//	desk       decides and commits
//
// and what comes back, be it a resource, a notification or a refusal, is written in two places only: [Encoder] knows how things look on the
// wire, outcome which HTTP status and statusCode a refusal has.
//
// Notifications never pass through this package's handlers: the desk has the [Encoder] render them into the commit that causes them, and the
// Bayeux server reads the agent's feed. Here the two are only introduced to each other.
//
// Numbers such as "agent-api 4.2" name the clauses of docs/protocol/agent-api.md, ids such as DC-7 those of docs/protocol/bayeux.md.
package agentapi
