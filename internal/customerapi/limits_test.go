package customerapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// 5.2: ten at once, and one more each six seconds.
func TestGate(t *testing.T) {
	t.Parallel()
	g := newGate(10, time.Minute)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 10 {
		if wait := g.admit("a", now); wait != 0 {
			t.Fatalf("request %d: wait %s", i, wait)
		}
	}
	if wait := g.admit("a", now); wait != 6*time.Second {
		t.Errorf("the eleventh: wait %s", wait)
	}
	if wait := g.admit("b", now); wait != 0 {
		t.Errorf("another key: wait %s", wait)
	}
	if wait := g.admit("a", now.Add(5*time.Second)); wait != time.Second {
		t.Errorf("five seconds later: wait %s", wait)
	}
	if wait := g.admit("a", now.Add(6*time.Second)); wait != 0 {
		t.Errorf("six seconds later: wait %s", wait)
	}
	if wait := newGate(0, time.Minute).admit("a", now); wait != 0 {
		t.Errorf("without a limit: wait %s", wait)
	}
}

// Fault C5: a million addresses cost no more memory than the bound, are limited all the same, and do not harm who was there before.
func TestGateIsBounded(t *testing.T) {
	t.Parallel()
	g := newGate(2, time.Minute)
	g.max = 100
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	g.admit("regular", now)
	admitted := 0
	for i := range 10_000 {
		now = now.Add(time.Millisecond)
		if g.admit(fmt.Sprint("flood", i), now) == 0 {
			admitted++
		}
		if n := len(g.current) + len(g.previous); n > 2*g.max {
			t.Fatalf("%d keys are kept", n)
		}
	}
	if admitted > g.max+2 {
		t.Errorf("%d of the flood were admitted", admitted)
	}
	if wait := g.admit("regular", now); wait != 0 {
		t.Errorf("who was there before waits %s", wait)
	}
	now = now.Add(2 * time.Minute)
	if wait := g.admit("newcomer", now); wait != 0 || len(g.current)+len(g.previous) != 1 {
		t.Errorf("after the flood: wait %s, %d keys", wait, len(g.current)+len(g.previous))
	}
}

// Whatever the times, never more than the burst plus what the rate allows is admitted: forgetting a key gives it nothing.
func TestGateRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := newGate(5, time.Minute)
		start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		now, admitted := start, 0
		for _, ms := range rapid.SliceOfN(rapid.IntRange(0, 90_000), 1, 60).Draw(t, "pauses in ms") {
			now = now.Add(time.Duration(ms) * time.Millisecond)
			if g.admit("a", now) == 0 {
				admitted++
			}
			if allowed := 5 + 5*now.Sub(start).Minutes() + 0.001; float64(admitted) > allowed {
				t.Fatalf("%d admitted in %s", admitted, now.Sub(start))
			}
		}
	})
}

// The address that counts is the connection's, as the server gives it. What a client says in a header is hearsay.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"203.0.113.7:4711": "203.0.113.7", "[::ffff:10.0.0.1]:4711": "10.0.0.1", "[2001:db8::1]:4711": "2001:db8::1", "203.0.113.7": "203.0.113.7",
		"@": "invalid IP",
	} {
		r := &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {"198.51.100.1"}}}
		if got := clientAddress(r).String(); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

// A household with IPv6 has more addresses than anybody can count; its network is one client.
func TestHousehold(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"203.0.113.7": "203.0.113.7", "2001:db8:0:1::7": "2001:db8:0:1::/64", "fe80::1%eth0": "fe80::/64", "::1": "::/64",
	} {
		if got := household(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}
