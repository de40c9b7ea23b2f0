// Package customer is the other end of the customer API: a [Client] for one customer's chat, and a scripted customer who types, writes, reads
// what the agent answers, and leaves.
//
// The script is data, [Play] is the person: she looks for answers every two seconds as a web page would, thinks and types for about as long
// as her script says, repeats what did not get through, and goes when the chat is over. [Run] plays a script against a server for the command
// line and the demo; tests and load generators use Client and Play directly.
package customer
