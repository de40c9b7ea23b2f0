package bayeux

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// steps is what the store has of a client's session, as text; positions without their epoch.
func (l *lasting) steps(c client) string {
	var all []string
	for _, st := range l.sh.stepsOf(c.id()) {
		all = append(all, fmt.Sprintf("%s %d-%d %s", st.Kind, st.After&countBits, st.To&countBits, st.Transport))
	}
	return strings.Join(all, ", ")
}

// DEL-13, DEL-15, AK-14: the record of a delivery: when it was pushed, over what, and what became of it.
func TestSteps(t *testing.T) {
	t.Parallel()
	const soon = `,"advice":{"timeout":20}`
	cases := map[string]struct {
		transport Transport
		ack       bool
		do        func(t *testing.T, l *lasting, r *reader)
		want      string
	}{
		"a poll": {LongPolling, false, func(t *testing.T, l *lasting, r *reader) {
			l.tell("/n", "1", "2")
			r.connect(soon)
			l.tell("/elsewhere", "x")
			pass(time.Second)
			r.connect(soon)
		}, "pushed 0-2 long-polling, confirmed 0-2 long-polling"},
		"a poll whose reply is lost": {LongPolling, false, func(t *testing.T, l *lasting, r *reader) {
			l.tell("/n", "1")
			r.connect(soon)
			r.id-- // as a client that got nothing
			r.connect(soon)
			r.connect(soon)
		}, "pushed 0-1 long-polling, lost 0-1 long-polling, pushed 0-1 long-polling, confirmed 0-1 long-polling"},
		"with ack": {LongPolling, true, func(t *testing.T, l *lasting, r *reader) {
			l.tell("/n", "1")
			before := r.last
			r.connect(soon)
			r.last = before
			l.tell("/n", "2")
			r.connect(soon)
			r.connect(soon)
		}, "pushed 0-1 long-polling, lost 0-1 long-polling, pushed 0-2 long-polling, confirmed 0-2 long-polling"},
		"a websocket": {WebSocket, false, func(t *testing.T, l *lasting, r *reader) {
			l.tell("/n", "1")
			r.next(1)
			synctest.Wait()
		}, "pushed 0-1 websocket, confirmed 0-1 websocket"},
		"a websocket that is cut": {WebSocket, false, func(t *testing.T, l *lasting, r *reader) {
			r.c.(*socketClient).hush()
			l.tell("/n", "1")
			r.next(1)
			l.cut()
			synctest.Wait()
			r.again()
			r.connect(soon)
			pass(time.Second)
		}, "pushed 0-1 websocket, lost 0-1 websocket, pushed 0-1 websocket, confirmed 0-1 websocket"},
		"confirmed after a crash": {LongPolling, true, func(t *testing.T, l *lasting, r *reader) {
			l.tell("/n", "1")
			r.connect(soon)
			pass(time.Second)
			l.kill()
			l.begin()
			l.tell("/n", "2")
			r.connect(soon)
			r.connect(soon)
		}, "pushed 0-1 long-polling, confirmed 0-1 long-polling, pushed 1-2 long-polling, confirmed 1-2 long-polling"},
		"the last words": {LongPolling, false, func(t *testing.T, l *lasting, r *reader) {
			l.tell("/n", "1")
			r.connect(soon)
			r.connect(soon)
			r.c.ask(`[{"channel":"/meta/disconnect","clientId":"<A>"}]`)
		}, "pushed 0-1 long-polling, confirmed 0-1 long-polling"},
		"at a stop": {LongPolling, false, func(t *testing.T, l *lasting, r *reader) {
			l.tell("/n", "1")
			r.connect(soon)
			l.stop()
			l.begin()
			r.connect(soon)
		}, "pushed 0-1 long-polling, confirmed 0-1 long-polling"},
		"a client that never comes": {LongPolling, false, func(t *testing.T, l *lasting, r *reader) {
			l.tell("/n", "1")
			pass(time.Minute)
		}, ""},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				l := startLasting(t, Options{WS: WSOptions{ConfirmByPing: true}})
				r := l.newReader(tt.transport, tt.ack, "/n")
				begin := time.Now()
				tt.do(t, l, r)
				pass(time.Second)
				if got := l.steps(r.c); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
				for _, st := range l.sh.stepsOf(r.c.id()) {
					if st.At.Before(begin) || st.At.After(time.Now()) {
						t.Errorf("%+v", st)
					}
				}
			})
		})
	}
}

// While the store cannot be written to, what waits is bounded, and still says of every entry what became of it.
func TestStepsAreBounded(t *testing.T) {
	t.Parallel()
	overDisk(t, Options{WS: WSOptions{ConfirmByPing: true}}, func(t *testing.T, l *lasting, transport Transport) {
		r := l.newReader(transport, false, "/n")
		pass(time.Second)
		l.sh.setBroken(true)
		const n = 50
		for i := range n {
			l.tell("/n", fmt.Sprint(i))
			r.next(1)
			pass(150 * time.Millisecond)
		}
		if got := len(l.session(r.c).kept.steps); got > mostSteps {
			t.Errorf("%d steps wait", got)
		}
		l.sh.setBroken(false)
		r.connect(`,"advice":{"timeout":20}`)
		pass(time.Second)
		at := map[StepKind]int64{}
		for _, st := range l.sh.stepsOf(r.c.id()) {
			if st.After != max(at[st.Kind], 3<<31) || st.Kind == StepLost {
				t.Fatalf("%+v after %d", st, at[st.Kind])
			}
			at[st.Kind] = st.To
		}
		if at[StepPushed] != 3<<31+n || at[StepConfirmed] != 3<<31+n {
			t.Errorf("%v", at)
		}
	})
}

// Joined or not, steps in order cover what they covered before.
func TestStepsProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := new(keeping)
		now := time.Unix(1, 0)
		reached := map[StepKind]int64{}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			kind := rapid.SampledFrom([]StepKind{StepPushed, StepConfirmed}).Draw(t, "kind")
			now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "ms")) * time.Millisecond)
			to := reached[kind] + rapid.Int64Range(1, 5).Draw(t, "length")
			k.add(Step{Kind: kind, After: reached[kind], To: to, At: now, Transport: WebSocket})
			reached[kind] = to
			if rapid.IntRange(0, 20).Draw(t, "failed") == 0 {
				steps := k.steps
				k.steps = nil
				k.putBack(steps)
			}
			if len(k.steps) > mostSteps {
				t.Fatalf("%d steps", len(k.steps))
			}
		}
		at := map[StepKind]int64{}
		for _, st := range k.steps {
			if st.After != at[st.Kind] || st.To <= st.After {
				t.Fatalf("%+v after %d", st, at[st.Kind])
			}
			at[st.Kind] = st.To
		}
		if at[StepPushed] != reached[StepPushed] || at[StepConfirmed] != reached[StepConfirmed] {
			t.Fatalf("%v, want %v", at, reached)
		}
	})
}
