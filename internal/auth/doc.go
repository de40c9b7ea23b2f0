// Package auth says who a request comes from (agent-api 1.3).
//
// # The scheme
//
// A client shows one of two things, or both:
//
//   - HTTP Basic, on the first request or on each of them. The name may contain @.
//   - The cookie JSESSIONID, which the first authenticated answer sets and which stands for a log-in: one client, known until it logs out or is
//     idle for [Config.IdleTimeout].
//
// The cookie's value is the user's id and 32 random bytes. The store keeps only its SHA-256, taken together with the user's password hash:
// who reads the database cannot log in with what she finds, and a changed password or a removed user ends every log-in made before.
// The cookie has path /, HttpOnly and SameSite=Lax, and Secure where the client speaks TLS to us or to a proxy in front of us.
//
// What holds when both are shown:
//
//	Basic              cookie                  what follows
//	right              none                    the user's shared log-in: clients without a cookie jar do not pile up log-ins
//	right              unknown, or another's   a log-in of its own with a new id, so a cookie planted before log-in is worth nothing (F2)
//	any, same name     valid                   the cookie's log-in; the password is not hashed, so each poll may carry it
//	wrong              else                    refused
//	none               valid                   the cookie's log-in
//	none               else                    refused
//
// Refusals are all alike, [ErrUnauthenticated], whether there is such a user or not, and both cost the same work: an unknown name is checked
// against a decoy hash.
//
// # Passwords
//
// Passwords are hashed with argon2id (19 MiB, two passes). At most one hash per core is computed at a time, others wait in a short
// line, and beyond that the client is asked to come back: a flood of log-ins cannot use up the memory, nor the time of those who are logged in already.
// Equal attempts that arrive together share one computation. A pair that was right is remembered in memory as a MAC under a key that is drawn at
// start, until it has not been used for [rememberFor]; a client that sends Basic with each poll costs one hash, not thousands.
// Memory forgets everything at a restart, which is also the only way in which the configured users change.
//
// # Guessing
//
// Failed attempts are counted per name, known or not, and per client address (an IPv6 /64 counts as one). Past a few free ones each further failure
// closes the account, or the address, for twice as long as the one before, up to [maxClosed]; see throttle.go. While it is closed even the right password
// is refused with [TooManyError]. A working agent notices nothing of it: neither her cookie nor a remembered pair asks the throttle, so nobody
// can lock her out by guessing.
//
// # Life of a log-in
//
// Log-ins live in memory and in the store. The row is written when the log-in is made; the time it was last seen follows lazily, so a
// request costs no write. After a restart a row is read when its cookie shows up. The sweeper ends what is idle and says so to whoever asked with
// [Auth.OnEnd]; the agent API then ends the CometD sessions of that log-in.
package auth
