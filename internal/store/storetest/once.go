package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/halley-chat/halley/internal/store"
)

var onceTests = []test{
	{"a repeated batch gets the first answer (B5)", repeated},
	{"the same key for another request is refused (B5)", otherRequest},
	{"repeated at the same time, it happens once (B5)", repeatedTogether},
	{"a refused batch does not use up its key", refusedKey},
}

func once(key, answer string) *store.Once {
	return &store.Once{Key: key, Sum: sumOf(key), Answer: jsontext.Value(answer), At: start}
}

func repeated(f fixture) {
	if _, err := f.Answer(f.Context(), "k0", sumOf("k0")); !errors.Is(err, store.ErrNotFound) {
		f.Errorf("before: %v, want ErrNotFound", err)
	}
	b := note("c0", 1, 1)
	b.Expect = []store.Expect{{ChatID: "c0"}}
	b.Once = once("k0", `{"refId": 1}`)
	if r := f.must(b); r.Answered != nil {
		f.Errorf("the first was answered with %s", r.Answered)
	}
	before := f.world()
	b.Once = once("k0", `{"refId": 2}`) // decided anew, it would be another answer; and the chat has moved on
	if r := f.must(b); string(r.Answered) != `{"refId": 1}` || r.Notifications != nil {
		f.Errorf("the second got %+v", r)
	}
	f.same(before, f.world())
	if answer, err := f.Answer(f.Context(), "k0", sumOf("k0")); err != nil || string(answer) != `{"refId": 1}` {
		f.Errorf("Answer: %s, %v", answer, err)
	}
}

func otherRequest(f fixture) {
	b := note("c0", 1, 1)
	b.Once = once("k0", `1`)
	f.must(b)
	other := note("c0", 2, 1)
	other.Once = once("k0", `2`)
	other.Once.Sum[0]++
	f.refuse(other, store.ErrKeyReused)
	if _, err := f.Answer(f.Context(), "k0", other.Once.Sum); !errors.Is(err, store.ErrKeyReused) {
		f.Errorf("Answer: %v, want ErrKeyReused", err)
	}
}

func repeatedTogether(f fixture) {
	for round := range 10 {
		key := fmt.Sprintf("key %d", round)
		var first atomic.Int64
		var answered [16]jsontext.Value
		errs := together(len(answered), func(i int) error {
			r, err := f.Commit(f.Context(), store.Batch{Once: once(key, fmt.Sprint(i)), Notifications: []store.Notification{told("agent:dana", i)}})
			if err != nil {
				return err
			}
			if answered[i] = r.Answered; r.Answered == nil {
				answered[i] = jsontext.Value(fmt.Sprint(i))
				first.Add(1)
			}
			return nil
		})
		if countNil(f.T, errs, nil) != len(errs) || first.Load() != 1 {
			f.Fatalf("%d were first", first.Load())
		}
		for _, a := range answered {
			if !bytes.Equal(a, answered[0]) {
				f.Fatalf("answers differ: %s and %s", answered[0], a)
			}
		}
	}
	if n := len(f.world().Feeds["agent:dana"]); n != 10 {
		f.Errorf("%d notifications, want 10", n)
	}
}

func refusedKey(f fixture) {
	b := note("c0", 2, 1)
	b.Once = once("k0", `1`)
	f.refuse(b, store.ErrConflict)
	b = note("c0", 1, 1)
	b.Once = once("k0", `1`)
	if r := f.must(b); r.Answered != nil {
		f.Errorf("it was answered with %s", r.Answered)
	}
}
