package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

var contextTests = []test{
	{"one that has ended", endedContext},
	{"a failed commit wrote nothing, a finished one everything", honest},
}

func endedContext(f fixture) {
	ctx, cancel := context.WithCancelCause(f.Context())
	cancel(nil)
	before := f.world()
	calls := map[string]func() error{
		"Commit":       func() error { _, err := f.Commit(ctx, note("c0", 1, 1)); return err },
		"Events":       func() error { _, err := f.Events(ctx, "c0", 0, 0); return err },
		"Feed":         func() error { _, err := f.Feed(ctx, "agent:dana", 0, 0); return err },
		"Heads":        func() error { _, err := f.Heads(ctx, worldFeeds); return err },
		"Standing":     func() error { _, err := f.Standing(ctx, "dana", "agent:dana"); return err },
		"Lease":        func() error { _, err := f.Lease(ctx, "x", "y", start, time.Hour); return err },
		"SaveLogin":    func() error { return f.SaveLogin(ctx, login("a")) },
		"DeleteLogins": func() error { return f.DeleteLogins(ctx, login("a").TokenHash) },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			f.Errorf("%s: %v, want context.Canceled", name, err)
		}
	}
	f.same(before, f.world())
	f.noLogin(login("a"))
	if ours, err := f.Lease(f.Context(), "x", "z", start, time.Hour); err != nil || !ours {
		f.Errorf("the lease is taken: %t, %v", ours, err)
	}
}

// honest ends the contexts of commits at moments of all kinds: in line, in the transaction, just after it. What Commit says is what happened.
func honest(f fixture) {
	const callers, each = 16, 60
	wrote := make([][]bool, callers)
	errs := together(callers, func(i int) error {
		random := rand.New(rand.NewPCG(uint64(i), 1))
		wrote[i] = make([]bool, each)
		for j := range each {
			ctx, cancel := context.WithTimeout(f.Context(), time.Duration(random.IntN(3000))*time.Microsecond)
			_, err := f.Commit(ctx, note(fmt.Sprintf("%d-%d", i, j), 1, 1))
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				return err
			}
			wrote[i][j] = err == nil
		}
		return nil
	})
	if countNil(f.T, errs, nil) != callers {
		f.FailNow()
	}
	for i := range wrote {
		for j, said := range wrote[i] {
			_, err := f.Chat(f.Context(), fmt.Sprintf("%d-%d", i, j))
			if said && err != nil || !said && !errors.Is(err, store.ErrNotFound) {
				f.Errorf("batch %d-%d: Commit said %t, reading says %v", i, j, said, err)
			}
		}
	}
}
