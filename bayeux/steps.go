package bayeux

import (
	"cmp"
	"slices"
	"time"
)

// Steps of a session wait for the saver.
const (
	mostSteps = 64                     // of one session; above, the oldest of one kind are joined
	joinSteps = 100 * time.Millisecond // those that follow each other faster are one
)

// step notes what became of a stretch of the stream. s.mu is held.
func (s *Session) step(kind StepKind, after, to int64, t Transport) {
	if s.kept == nil || after >= to {
		return
	}
	s.kept.add(Step{Kind: kind, After: after, To: to, At: time.Now(), Transport: t})
	s.news()
}

func (k *keeping) add(st Step) {
	if n := len(k.steps); n > 0 && k.steps[n-1].goesOn(st) && st.At.Sub(k.steps[n-1].At) < joinSteps {
		k.steps[n-1].To, k.steps[n-1].At = st.To, st.At
		return
	}
	if len(k.steps) == mostSteps {
		k.shorten()
	}
	k.steps = append(k.steps, st)
}

// goesOn reports whether next is of the same kind and begins where st ends.
func (st Step) goesOn(next Step) bool {
	return st.Kind == next.Kind && st.Transport == next.Transport && st.To == next.After
}

// shorten makes room for one more: it joins the oldest two that fit, else it drops the oldest.
func (k *keeping) shorten() {
	for i := range k.steps {
		for j := i + 1; j < len(k.steps); j++ {
			if k.steps[i].goesOn(k.steps[j]) {
				k.steps[j].After = k.steps[i].After
				k.steps = slices.Delete(k.steps, i, i+1)
				return
			}
			if k.steps[j].Kind == k.steps[i].Kind {
				break // what was done again is not joined with what came after
			}
		}
	}
	k.steps = slices.Delete(k.steps, 0, 1)
}

// putBack returns steps that could not be written.
func (k *keeping) putBack(steps []Step) {
	newer := k.steps
	k.steps = slices.Clone(steps)
	for _, st := range newer {
		k.add(st)
	}
}

// takePage takes what was read of the stream; it is on its way over t from now on. s.mu is held.
func (s *Session) takePage(t Transport) []*event {
	if p := s.cur.page; p != nil {
		s.cur.via = t
		s.step(StepPushed, p.after, p.to, t)
	}
	return s.cur.take()
}

// confirmPlace says that the stream arrived up to m, with the results of cursor.confirm. s.mu is held.
func (s *Session) confirmPlace(m mark) (names []string, upTo int64) {
	c := s.cur
	from, open := c.confirmed, c.underWay > 0 || c.guessed
	names, upTo = c.confirm(m)
	if c.confirmed > from {
		if open {
			s.step(StepConfirmed, from, c.confirmed, cmp.Or(c.via, s.via()))
		}
		s.news()
	}
	return names, upTo
}

// rewind takes what is under way for lost, and returns how many messages that may have been. s.mu is held.
func (s *Session) rewind() int {
	if c := s.cur; c.underWay > 0 {
		s.step(StepLost, c.confirmed, c.sent, c.via)
	}
	return s.cur.rewind()
}
