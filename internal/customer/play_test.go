package customer

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halley-chat/halley/internal/chat"
)

// play is Play on a stage where dana reacts, in a bubble of its own time.
func play(t *testing.T, script *Script, o PlayOptions, react func(string) []chat.Action, check func(s *stage, c *Client, err error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.ready()
		ctx, stop := context.WithCancel(t.Context())
		attended := make(chan struct{})
		go func() { defer close(attended); s.attend(ctx, react) }()
		c := s.client()
		err := Play(ctx, c, script, o)
		check(s, c, err)
		stop()
		<-attended
	})
}

// The demo: she tells her story turn by turn, each after an answer, thanks, and leaves.
func TestDemo(t *testing.T) {
	t.Parallel()
	out, began := &page{}, time.Time{}
	var indices []int64
	script := DemoScript()
	var said []string
	react := func(text string) []chat.Action {
		if began.IsZero() {
			began = time.Now()
		}
		said = append(said, text)
		return saying("I see.")
	}
	play(t, script, PlayOptions{Seed: 1, Out: out, Observe: func(m Message) { indices = append(indices, m.Index) }}, react, func(s *stage, c *Client, err error) {
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, l := range script.Lines {
			if l.Text != "" {
				want = append(want, l.Text)
			}
		}
		if !slices.Equal(said, want) {
			t.Errorf("she said %q", said)
		}
		if took := time.Since(began); took < 10*time.Second || took > 2*time.Minute {
			t.Errorf("the conversation took %s", took)
		}
		if lines, ended := s.transcript(c); !ended || len(lines) != 2*len(want) {
			t.Errorf("ended %t: %q", ended, lines)
		}
		if !slices.IsSorted(indices) || len(slices.Compact(slices.Clone(indices))) != len(indices) {
			t.Errorf("she saw %d", indices)
		}
		got := out.lines()
		if got[0] != "Pat Lowe: (has joined)" || !slices.Contains(got, "Pat Lowe: "+want[0]) || !slices.Contains(got, "Dana: I see.") || got[len(got)-1] != "(the chat is over)" {
			t.Errorf("printed:\n%s", strings.Join(got, "\n"))
		}
	})
}

// Nobody answers: she polls every two seconds, so the server does not take her for gone, and stays.
func TestPatience(t *testing.T) {
	t.Parallel()
	script := SayScript("Where is my parcel?")
	script.Patience = 20 * time.Minute
	out := &page{}
	play(t, script, PlayOptions{Out: out}, func(string) []chat.Action { return nil }, func(s *stage, c *Client, err error) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := c.Refresh(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stayed := time.Duration(e.Messages[len(e.Messages)-1].UTCTime-e.Messages[0].UTCTime) * time.Millisecond
		if stayed < 20*time.Minute || stayed > 20*time.Minute+5*time.Second || !slices.Contains(out.lines(), "Pat Lowe: (is tired of waiting)") {
			t.Errorf("she stayed %s: %q", stayed, out.lines())
		}
	})
}

// What she waits for is a part of what the agent says; the case does not matter.
func TestWaitFor(t *testing.T) {
	t.Parallel()
	script := &Script{Nickname: "Pat", Lines: []Line{
		{Text: "Hello"},
		{WaitFor: "order NUMBER", Text: "4711"},
		{Think: time.Second},
		{Typing: time.Second},
		{WaitFor: Anything, Leave: true},
	}}
	var said []string
	react := func(text string) []chat.Action {
		said = append(said, text)
		if text == "Hello" {
			return []chat.Action{chat.SendMessage{Text: "Hello!"}, chat.SendStartTypingNotification{}, chat.SendMessage{Text: "Your Order Number, please?"}}
		}
		return saying("Thanks")
	}
	play(t, script, PlayOptions{}, react, func(s *stage, c *Client, err error) {
		if lines, ended := s.transcript(c); err != nil || !ended || !slices.Equal(said, []string{"Hello", "4711"}) {
			t.Errorf("%v: %q", err, lines)
		}
	})
}

// The agent ends the chat while she still has something to say, or has nothing more to say: the play is over.
func TestAgentEnds(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]*Script{
		"in the middle": {Nickname: "Pat", Lines: []Line{{Text: "Hello"}, {Think: time.Minute, Text: "And then?"}}},
		"at the end":    {Nickname: "Pat", Lines: []Line{{Text: "Hello"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := &page{}
			play(t, script, PlayOptions{Out: out}, func(string) []chat.Action {
				return []chat.Action{chat.Complete{Farewell: chat.Farewell{Text: "We are closing."}}}
			}, func(s *stage, c *Client, err error) {
				lines := out.lines()
				if err != nil || !slices.Contains(lines, "Dana: We are closing.") || lines[len(lines)-1] != "(the chat is over)" || slices.Contains(lines, "Pat: And then?") {
					t.Errorf("%v: %q", err, lines)
				}
			})
		})
	}
}

// When she is stopped she leaves in good manners, and the agent knows.
func TestStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		c := s.client()
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := Play(ctx, c, SayScript("Hello?"), PlayOptions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if _, ended := s.transcript(c); !ended {
			t.Error("the chat goes on")
		}
	})
}

// The network loses every other request or answer, the server is away for a while: everything is said once, in order.
func TestBadNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.ready()
		ctx, stop := context.WithCancel(t.Context())
		attended := make(chan struct{})
		go func() {
			defer close(attended)
			s.attend(ctx, func(string) []chat.Action { return saying("I see.") })
		}()
		var n atomic.Int64
		c := s.client()
		c.HTTP.Transport = transport(func(r *http.Request) (*http.Response, error) {
			switch i := n.Add(1); {
			case i == 1:
				return s.RoundTrip(r) // a request for a chat is not repeated
			case i%5 == 2:
				return nil, errors.New("connection refused")
			case i%5 == 3:
				_, _ = s.RoundTrip(r)
				return nil, errors.New("the answer was lost")
			case i%5 == 4:
				w := httptest.NewRecorder()
				http.Error(w, "<html>bad gateway", http.StatusBadGateway)
				return w.Result(), nil
			}
			return s.RoundTrip(r)
		})
		err := Play(ctx, c, DemoScript(), PlayOptions{Seed: 7})
		c.HTTP.Transport = s
		lines, ended := s.transcript(c)
		var said []string
		for _, l := range lines {
			if text, ok := strings.CutPrefix(l, "Pat Lowe: "); ok {
				said = append(said, text)
			}
		}
		var want []string
		for _, l := range DemoScript().Lines {
			if l.Text != "" {
				want = append(want, l.Text)
			}
		}
		if err != nil || !ended || !slices.Equal(said, want) {
			t.Errorf("%v, ended %t: %q", err, ended, said)
		}
		stop()
		<-attended
	})
}

// What cannot succeed is not tried for ever, and what is refused is not tried again.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		var tries atomic.Int64
		c := s.client()
		c.HTTP.Transport = transport(func(r *http.Request) (*http.Response, error) {
			if tries.Add(1) == 1 {
				return s.RoundTrip(r)
			}
			return nil, errors.New("connection refused")
		})
		if err := Play(t.Context(), c, SayScript("Hello"), PlayOptions{}); err == nil || tries.Load() != 1+maxTries {
			t.Errorf("%d tries: %v", tries.Load(), err)
		}

		c = s.client()
		c.Service = "nobody"
		var refused *Error
		if err := Play(t.Context(), c, SayScript("Hello"), PlayOptions{}); !errors.As(err, &refused) || refused.HTTP != http.StatusNotFound {
			t.Errorf("an unknown service: %v", err)
		}

		c = s.client()
		tries.Store(1)
		c.HTTP.Transport = transport(func(*http.Request) (*http.Response, error) {
			tries.Add(1)
			return nil, errors.New("connection refused")
		})
		if err := Play(t.Context(), c, SayScript("Hello"), PlayOptions{}); err == nil || tries.Load() != 2 {
			t.Errorf("a server that is not there, %d tries: %v", tries.Load()-1, err)
		}
	})
}

// The same seed takes the same time, another one another.
func TestSeed(t *testing.T) {
	t.Parallel()
	times := map[uint64][]time.Duration{}
	for _, seed := range []uint64{1, 1, 2} {
		p := newPlayer(nil, nil, PlayOptions{Seed: seed})
		var list []time.Duration
		for range 20 {
			d := p.about(2 * time.Second)
			if d < time.Second || d > 3*time.Second {
				t.Errorf("about two seconds are %s", d)
			}
			list = append(list, d)
		}
		if before := times[seed]; before != nil && !slices.Equal(before, list) {
			t.Errorf("seed %d: %v, then %v", seed, before, list)
		}
		times[seed] = list
	}
	if slices.Equal(times[1], times[2]) {
		t.Error("two seeds, one play")
	}
}

// Nothing that an agent or a script writes can work on the reader's terminal. Fault D6.
func TestPrintable(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"Grüße 📦\nzweite Zeile":   "Grüße 📦\nzweite Zeile",
		"\x1b[2J\r\x07\x00\u009b": "\uFFFD[2J\uFFFD\uFFFD\uFFFD\uFFFD",
		"a\u202Eb":                "a\uFFFDb",
	} {
		if got := printable(s); got != want {
			t.Errorf("%q became %q", s, got)
		}
	}
}
