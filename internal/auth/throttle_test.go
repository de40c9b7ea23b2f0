package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/halley-chat/halley/internal/directory"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

// wait returns how long a refusal asks to wait; -1 if err is none of that kind.
func wait(err error) time.Duration {
	if many, ok := errors.AsType[*TooManyError](err); ok {
		return many.RetryAfter
	}
	return -1
}

func TestRetryAfterIsNeverTooShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{0: "0", 1: "1", time.Second: "1", 1001 * time.Millisecond: "2"} {
		if got := (&TooManyError{RetryAfter: d}).Seconds(); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// F1: one account. Known and unknown names are treated alike, attempt by attempt.
func TestGuessingOneNameIsSlowedDownWhetherItExistsOrNot(t *testing.T) {
	t.Parallel()
	var seen [][]time.Duration
	for _, user := range []string{"dana", "nobody"} {
		var waits []time.Duration
		inBubble(t, func(t *testing.T, s store.Store) {
			a := newAuth(t, func(c *Config) { c.Store = s })
			for i := range 40 {
				// Each from an address of its own, as a botnet does.
				_, _, err := ask(a, request{user: user, password: fmt.Sprint(i), from: fmt.Sprintf("203.0.113.%d:1", i)})
				w := wait(err)
				if w < 0 && err.Error() != ErrUnauthenticated.Error() {
					t.Fatal(err)
				}
				waits = append(waits, w)
				if w > 0 {
					pass(w)
				}
			}
		})
		seen = append(seen, waits)
	}
	if !slices.Equal(seen[0], seen[1]) {
		t.Errorf("waits tell who exists:\n%v\n%v", seen[0], seen[1])
	}
	if free := slices.IndexFunc(seen[0], func(d time.Duration) bool { return d > 0 }); free != freePerName+1 {
		t.Errorf("closed at attempt %d, want %d", free+1, freePerName+2)
	}
	if last := slices.Max(seen[0]); last != maxClosed {
		t.Errorf("the longest wait is %v, want %v", last, maxClosed)
	}
}

// F1: while a name is closed the right password is refused too, or guessing would go on.
func TestAClosedNameRefusesTheRightPassword(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s store.Store) {
		a := newAuth(t, func(c *Config) { c.Store = s })
		for i := range freePerName + 1 {
			_, _, _ = ask(a, request{user: "dana", password: fmt.Sprint(i)})
		}
		_, _, err := ask(a, dana)
		if wait(err) <= 0 {
			t.Fatalf("got %v, want to be asked to wait", err)
		}
		pass(wait(err))
		mustAsk(t, a, dana)
	})
}

// F1: nobody can be locked out of her work by somebody who guesses.
func TestGuessingDoesNotDisturbWhoIsWorking(t *testing.T) {
	t.Parallel()
	a := newAuth(t)
	_, c := mustAsk(t, a, dana)
	for i := range 3 * freePerName {
		_, _, _ = ask(a, request{user: "dana", password: fmt.Sprint(i), from: "203.0.113.9:1"})
	}
	mustAsk(t, a, request{cookies: []string{c.Value}})
	mustAsk(t, a, dana) // a remembered pair
}

// F1: many accounts, one address; and the address alone is closed.
func TestGuessingFromOneAddressIsSlowedDown(t *testing.T) {
	t.Parallel()
	a := newAuth(t)
	refused := 0
	for i := range 3 * freePerAddress {
		_, _, err := ask(a, request{user: fmt.Sprint("user", i), password: "demo", from: "203.0.113.9:1"})
		if wait(err) > 0 {
			refused++
		}
	}
	if refused < freePerAddress {
		t.Errorf("%d of %d attempts were refused", refused, 3*freePerAddress)
	}
	if _, _, err := ask(a, request{user: "dana", password: "right-dana", from: "203.0.113.9:2"}); wait(err) <= 0 {
		t.Errorf("another port of the address: %v", err)
	}
	mustAsk(t, a, request{user: "dana", password: "right-dana", from: "203.0.113.10:1"})
}

func TestLoopbackIsExemptFromTheLimitPerAddressOnly(t *testing.T) {
	t.Parallel()
	a := newAuth(t, func(c *Config) { c.TrustLoopback = true })
	for i := range 3 * freePerAddress {
		if _, _, err := ask(a, request{user: fmt.Sprint("user", i), password: "demo", from: "127.0.0.1:1"}); wait(err) > 0 {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	for i := range freePerName + 1 {
		_, _, _ = ask(a, request{user: "dana", password: fmt.Sprint(i), from: "127.0.0.1:1"})
	}
	if _, _, err := ask(a, request{user: "dana", password: "right-dana", from: "127.0.0.1:1"}); wait(err) <= 0 {
		t.Errorf("a closed name is open from loopback: %v", err)
	}
}

// F1: ten thousand at once are ten thousand attempts, not one.
func TestAttemptsAtOnceAreAllCounted(t *testing.T) {
	t.Parallel()
	a := newAuth(t)
	var mu sync.Mutex
	checked := 0
	var asking sync.WaitGroup
	for i := range 200 {
		asking.Go(func() {
			_, _, err := ask(a, request{user: "dana", password: fmt.Sprint(i), from: fmt.Sprintf("203.0.113.%d:1", i)})
			if errors.Is(err, ErrUnauthenticated) {
				mu.Lock()
				checked++
				mu.Unlock()
			}
		})
	}
	asking.Wait()
	// One more per second that the test takes, as the name opens again.
	if checked > freePerName+3 {
		t.Errorf("%d passwords were checked, %d are free", checked, freePerName)
	}
}

// An unknown user costs what a known one costs: both verify a hash of the same parameters.
func TestUnknownUsersCostTheSameWork(t *testing.T) {
	t.Parallel()
	a := newAuth(t)
	known := a.hashes[a.cfg.Directory.UserByName("dana").ID]
	if a.decoy.memory != known.memory || a.decoy.passes != known.passes || a.decoy.threads != known.threads || len(a.decoy.key) != len(known.key) {
		t.Errorf("the decoy is m=%d,t=%d,p=%d, users have m=%d,t=%d,p=%d", a.decoy.memory, a.decoy.passes, a.decoy.threads, known.memory, known.passes, known.threads)
	}
}

func TestAFullLineOfPasswordChecksSaysSo(t *testing.T) {
	t.Parallel()
	a := newAuth(t)
	for range cap(a.line) {
		a.line <- struct{}{}
	}
	if _, _, err := ask(a, dana); wait(err) <= 0 {
		t.Fatalf("got %v, want to be asked to wait", err)
	}
	for range cap(a.line) {
		<-a.line
	}
	mustAsk(t, a, dana)
}

func TestFloodsOfNamesForgetStrangersFirst(t *testing.T) {
	t.Parallel()
	now := time.Now()
	dana := key{255}
	th := newThrottle(0, dana)
	th.begin(dana, now)
	th.fail(dana, now)
	for i := range 2 * maxStrangers {
		th.begin(key{1, byte(i), byte(i >> 8), byte(i >> 16)}, now)
	}
	if th.begin(dana, now) == 0 {
		t.Error("a flood of invented names has opened a closed one")
	}
	if th.strangers.Len() > maxStrangers {
		t.Errorf("%d strangers are remembered", th.strangers.Len())
	}
}

// However attempts and pauses are mixed, the number of passwords checked in a time is bounded.
func TestThrottleBoundsAttempts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		free := rapid.IntRange(0, 10).Draw(t, "free")
		th := newThrottle(free)
		start := time.Now()
		now, made := start, 0
		for _, pause := range rapid.SliceOfN(rapid.IntRange(0, 1800), 1, 200).Draw(t, "pauses") {
			now = now.Add(time.Duration(pause) * time.Second)
			if th.begin(key{}, now) == 0 {
				th.fail(key{}, now)
				made++
			}
		}
		// Eleven doublings from a second to a quarter of an hour, and then one per quarter; and those that were forgotten.
		if most := free + 11 + int(now.Sub(start)/maxClosed) + int(now.Sub(start)/th.decay); made > most+1 {
			t.Fatalf("%d attempts in %v with %d free, want at most %d", made, now.Sub(start), free, most)
		}
	})
}

// F1: behind one address may be a call centre, where somebody mistypes every hour, and hundreds log in rightly in between.
func TestFailuresOnABusyAddressAreForgotten(t *testing.T) {
	t.Parallel()
	th := newThrottle(freePerAddress)
	now := time.Now()
	for hour := range 2 * freePerAddress {
		for range 60 {
			now = now.Add(time.Minute)
			if wait := th.begin(key{}, now); wait > 0 {
				t.Fatalf("hour %d: a right password waits %v", hour, wait)
			}
			th.forgive(key{}, false)
		}
		if wait := th.begin(key{}, now); wait > 0 {
			t.Fatalf("hour %d: a mistyped password waits %v", hour, wait)
		}
		th.fail(key{}, now)
	}
}

// F1: a counter is closed by what was wrong, not by what is still being checked.
func TestOnlyAWrongAttemptCloses(t *testing.T) {
	t.Parallel()
	const free = 3
	th := newThrottle(free)
	now := time.Now()
	for i := range free {
		if wait := th.begin(key{}, now); wait > 0 {
			t.Fatalf("attempt %d at once waits %v", i, wait)
		}
	}
	if wait := th.begin(key{}, now); wait != undecided {
		t.Errorf("one more than is free at once waits %v, want %v", wait, undecided)
	}
	for range free {
		th.forgive(key{}, false)
	}
	for range free + 1 { // the last one is beyond the free ones
		if wait := th.begin(key{}, now); wait > 0 {
			t.Fatalf("after right ones one waits %v", wait)
		}
		if closed := th.of(key{}).closed; !closed.IsZero() {
			t.Fatalf("closed until %v by an attempt under way", closed)
		}
		th.fail(key{}, now)
	}
	if wait := th.begin(key{}, now); wait != firstClosed {
		t.Errorf("after %d failures one waits %v, want %v", free+1, wait, firstClosed)
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct {
		address  string
		loopback bool
	}{
		"203.0.113.9:1":          {"203.0.113.9", false},
		"[::ffff:203.0.113.9]:1": {"203.0.113.9", false},
		"127.0.0.1:1":            {"127.0.0.1", true},
		"[::1]:1":                {"::1", true},
		"[2001:db8:1:2:3::4]:1":  {"2001:db8:1:2::/64", false},
		"[2001:db8:1:2:5::6]:1":  {"2001:db8:1:2::/64", false},
		"[fe80::1%eth0]:1":       {"fe80::/64", false},
		"@":                      {"@", false},
		"":                       {"", false},
	} {
		if got, loopback := clientAddress(in); got != want.address || loopback != want.loopback {
			t.Errorf("%q: %q, %t", in, got, loopback)
		}
	}
}

func BenchmarkAuthenticateByCookie(b *testing.B) {
	a, c := benched(b)
	q := request{cookies: []string{c}}.http()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(discard{}, q); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAuthenticateByRememberedPair(b *testing.B) {
	a, _ := benched(b)
	q := dana.http()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(discard{http.Header{}}, q); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

func benched(b *testing.B) (*Auth, string) {
	b.Helper()
	s, err := sqlite.Open(b.Context(), b.TempDir(), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	d, err := directory.New(directory.Directory{Users: []*directory.User{{ID: directory.UserID("dana"), Name: "dana", PasswordHash: cheapHash("right-dana")}}})
	if err != nil {
		b.Fatal(err)
	}
	a := New(Config{Store: s, Directory: d, Logger: slog.New(slog.DiscardHandler)})
	_, c, err := ask(a, dana)
	if err != nil {
		b.Fatal(err)
	}
	return a, c.Value
}
