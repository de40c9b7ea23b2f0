// Package load plays a whole contact centre against a server: agents at their desktops (REST and CometD, as package bayeuxclient speaks it) and customers
// (REST), at a constant rate or as fast as it goes, with faults if wanted. It measures how long each step takes, and holds the server to its promise: every
// notification exactly once, in order, and the view built from notifications equal to what REST says.
//
// What must have come is no guess. An agent's notifications are rows of her feed, so an auditor with the replay extension reads the feed itself, and what
// each session got is compared with it, entry by entry (audit.go). That the feed is right is checked apart from it: message indexes without gaps, every
// referenceId answered, and REST at the end (view.go).
package load
