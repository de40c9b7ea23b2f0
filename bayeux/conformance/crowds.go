package conformance

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// crowdChecks are about many sessions, users and messages: 54, 55, 60, 62.
func crowdChecks() []Check {
	both := []Transport{L, W}
	return []Check{
		{
			N: 54, Title: "100 subscribers see what 8 publishers say in the same order", Rules: []string{"DEL-1", "DEL-2"}, On: both, Mark: D, Heavy: true,
			Run: func(l *Line) {
				all := heard(l, 100, 8, 12)
				for _, one := range all {
					if !slices.Equal(one, all[0]) {
						l.Fatalf("two orders: %v and %v", all[0], one)
					}
				}
			},
			Reference: func(l *Line) { heard(l, 100, 8, 12) }, // the orders may differ; whether they do is chance
		},

		{N: 55, Title: "messages to one user's sessions", Rules: []string{"DEL-7", "CH-8"}, On: both, Mark: O, Alone: true, Run: func(l *Line) {
			ann, bob := l.user("ann"), l.user("bob")
			literal, everything, nothing := ann.connected(), ann.connected(), ann.connected()
			literal.Subscribe("/me/mail")
			everything.Subscribe("/**", "/me/*", "/me/mail")
			other, otherEverything := bob.connected(), bob.connected()
			other.Subscribe("/me/mail")
			otherEverything.Subscribe("/**")
			ann.tell("/me/mail", 1)
			bob.tell("/me/mail", 2)
			ann.tell("/me/mail", 3)
			for c, want := range map[*Client][]string{literal: {"1", "3"}, everything: {"1", "3"}, other: {"2"}, otherEverything: {"2"}} {
				Same(l, "the messages", Datas(c.Receive(len(want))), want)
			}
			for _, c := range []*Client{literal, everything, other, otherEverything, nothing} {
				c.Nothing("for another user, twice, or without a subscription", 200*time.Millisecond)
			}
		}},
		{N: 55, Title: "what a session may not read does not reach its patterns", Rules: []string{"AZ-5"}, On: both, Mark: O, Alone: true, Run: func(l *Line) {
			literal, pattern, everything, b := l.Connected(), l.Connected(), l.Connected(), l.Connected()
			literal.Subscribe("/noread/a")
			pattern.Subscribe("/noread/*")
			everything.Subscribe("/**")
			b.Publish("/noread/a", 1)
			b.Publish("/read/a", 2)
			Same(l, "the messages of who named the channel", Datas(literal.Receive(1)), []string{"1"})
			Same(l, "the messages of who subscribed to everything", Datas(everything.Receive(1)), []string{"2"})
			pattern.Nothing("through a pattern", 200*time.Millisecond)
		}},

		{
			N: 60, Title: "idle sessions stay, and cost nothing more", Rules: []string{"SS-3", "CN-3"}, On: both, Mark: R, Alone: true, Heavy: true, Limit: 3 * time.Minute,
			Options: "--timeout 3000 --max-interval 10000 --max-sessions-per-browser -1", Run: idleCrowd,
		},

		{
			N: 62, Title: "a long catch-up comes in several answers", Rules: []string{"DEL-16"}, On: both, Mark: D,
			Run: func(l *Line) {
				answers := catchUp(l, 900, 10)
				for i, a := range answers {
					if n := len(a.Events()); n > 200 {
						l.Errorf("answer %d has %d messages", i, n)
					}
				}
			},
			Reference: func(l *Line) { Is(l, "the number of answers", len(catchUp(l, 900, 10)), 1) },
		},
		{
			N: 62, Title: "a large catch-up comes in several answers", Rules: []string{"DEL-16"}, On: both, Mark: D,
			Run: func(l *Line) {
				answers := catchUp(l, 60, 20<<10)
				for i, a := range answers {
					if n := len(Texts(a.Events())); n > 260<<10 {
						l.Errorf("answer %d has %d bytes of messages", i, n)
					}
				}
			},
			Reference: func(l *Line) { Is(l, "the number of answers", len(catchUp(l, 60, 20<<10)), 1) },
		},
	}
}

// idleCrowd lets many sessions do nothing for three time-outs.
func idleCrowd(l *Line) {
	const timeout = 3 * time.Second // as in the options
	l.suite.crowds.Lock()
	defer l.suite.crowds.Unlock()
	n := l.suite.Crowd
	if n <= 0 {
		n = defaultCrowd
	}
	var (
		arrived sync.WaitGroup
		doors   = make(chan struct{}, 50)
		full    = make(chan struct{}) // closed when all are there
		began   time.Time             // then
	)
	arrived.Add(n)
	enter := func() *Client {
		doors <- struct{}{}
		defer func() { <-doors }()
		defer arrived.Done()
		return l.Connected()
	}
	tasks := []func(){func() {
		arrived.Wait()
		if l.failed() {
			close(full) // everybody may go
			return
		}
		began = time.Now()
		close(full)
		l.Pause(timeout)
		before := resident(l.Server().PID())
		l.Pause(2 * timeout)
		after := resident(l.Server().PID())
		if after > before*3/2+16<<20 && !l.suite.Reference { // how a virtual machine keeps its heap is its own affair
			l.Errorf("%d sessions: %d MiB after one time-out, %d MiB after three", n, before>>20, after>>20)
		}
	}}
	for range n {
		tasks = append(tasks, func() {
			c := enter()
			for {
				c.Connect() // ends the check when the session has expired
				select {
				case <-full:
					if time.Since(began) > 3*timeout {
						return
					}
				default:
				}
			}
		})
	}
	l.Together(tasks...)
}

// resident is the memory of a process, in bytes; 0 where that is not known.
func resident(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(fields[1])
	return pages * os.Getpagesize()
}

// tell publishes to all sessions of the user.
func (u user) tell(channel string, data any) {
	u.connected().Publish("/service/user", M{"channel": channel, "data": data})
}

// heard lets publishers say n messages each, all at once, and returns what each of the subscribers heard. It demands that they heard everything.
func heard(l *Line, subscribers, publishers, n int) [][]string {
	all := make([][]string, subscribers)
	clients := make([]*Client, subscribers)
	var tasks []func()
	for i := range clients {
		tasks = append(tasks, func() {
			clients[i] = l.Connected()
			clients[i].Subscribe(l.Channel("/a"))
		})
	}
	l.Together(tasks...)
	tasks = nil
	for i, c := range clients {
		tasks = append(tasks, func() { all[i] = Datas(c.Receive(publishers * n)) })
	}
	for p := range publishers {
		tasks = append(tasks, func() {
			c := l.Connected()
			for i := range n {
				c.Publish(l.Channel("/a"), p*n+i)
			}
		})
	}
	l.Together(tasks...)
	for _, one := range all {
		if sorted := slices.Compact(slices.Sorted(slices.Values(one))); len(sorted) != publishers*n {
			l.Fatalf("of %d messages %d different ones came", publishers*n, len(sorted))
		}
	}
	return all
}

// catchUp lets n messages of the given size wait for a client that acknowledges what it gets, and returns the answers that brought them. It demands that all
// came, in order.
func catchUp(l *Line, n, size int) (answers []Answer) {
	a, b := acknowledging(l, 0)
	filling := strings.Repeat("x", size)
	for i := 0; i < n; {
		var ms []M
		for ; i < n && len(ms)*size < 40<<10 && len(ms) < 100; i++ {
			ms = append(ms, Publish(l.Channel("/k"), fmt.Sprintf("%05d%s", i, filling)))
		}
		b.Do(ms...)
	}
	for seen, got := any(1), 0; got < n; {
		answer := a.Connect(ack(seen), M{"advice": M{"timeout": 0}})
		for _, data := range Datas(answer.Events()) {
			if want := fmt.Sprintf("%05d", got); len(data) < 6 || data[1:6] != want {
				l.Fatalf("message %s is expected, got %s", want, short(data))
			}
			got++
		}
		if len(answer.Events()) == 0 {
			l.Fatalf("of %d messages %d came", n, got)
		}
		seen = answer.Reply().Object("ext")["ack"]
		answers = append(answers, answer)
	}
	return answers
}
