package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

var closeTests = []test{
	{"afterwards everything is refused", afterClose},
	{"what is under way ends first", closeUnderLoad},
}

func afterClose(f fixture) {
	f.must(note("c0", 1, 1))
	for range 2 {
		if err := f.Close(); err != nil {
			f.Fatal(err)
		}
	}
	ctx := context.Background()
	for name, call := range map[string]func() error{
		"Commit":        func() error { _, err := f.Commit(ctx, store.Batch{}); return err },
		"Answer":        func() error { _, err := f.Answer(ctx, "k0", sumOf("k0")); return err },
		"Events":        func() error { _, err := f.Events(ctx, "c0", 0, 0); return err },
		"Chat":          func() error { _, err := f.Chat(ctx, "c0"); return err },
		"Counts":        func() error { _, err := f.Counts(ctx); return err },
		"Feed":          func() error { _, err := f.Feed(ctx, "agent:dana", 0, 0); return err },
		"Heads":         func() error { _, err := f.Heads(ctx, worldFeeds); return err },
		"Agents":        func() error { _, err := f.Agents(ctx); return err },
		"Standing":      func() error { _, err := f.Standing(ctx, "dana", "agent:dana"); return err },
		"Waiting":       func() error { _, err := f.Waiting(ctx); return err },
		"DueTimers":     func() error { _, _, err := f.DueTimers(ctx, far, 0); return err },
		"Lease":         func() error { _, err := f.Lease(ctx, "x", "y", start, time.Hour); return err },
		"SaveLogin":     func() error { return f.SaveLogin(ctx, login("a")) },
		"Login":         func() error { _, err := f.Login(ctx, login("a").TokenHash); return err },
		"DeleteLogins":  func() error { return f.DeleteLogins(ctx, login("a").TokenHash) },
		"InsertSession": func() error { return f.InsertSession(ctx, session("a"), start) },
		"Session":       func() error { _, err := f.Session(ctx, session("a").Key, start); return err },
		"AdoptSession":  func() error { return f.AdoptSession(ctx, session("a"), start) },
		"UpdateSession": func() error { return f.UpdateSession(ctx, session("a"), start) },
		"SaveSessions":  func() error { return f.SaveSessions(ctx, []store.Progress{{}}) },
		"EndSession":    func() error { return f.EndSession(ctx, session("a").Key, start) },
		"EndSessionsOf": func() error { return f.EndSessionsOf(ctx, "l1", start) },
		"Deliveries":    func() error { _, err := f.Deliveries(ctx, "agent:dana", start, far, 0, 1); return err },
		"Prune":         func() error { _, err := f.Prune(ctx, store.Horizons{}); return err },
	} {
		if err := call(); !errors.Is(err, store.ErrClosed) {
			f.Errorf("%s: %v, want ErrClosed", name, err)
		}
	}
}

// closeUnderLoad: each commit either succeeds or is refused, none hangs, and none fails in another way.
func closeUnderLoad(f fixture) {
	const callers = 32
	begun := make(chan struct{}, callers)
	closed := make(chan error, 1)
	go func() {
		for range callers {
			<-begun
		}
		closed <- f.Close()
	}()
	errs := together(callers, func(i int) error {
		for seq := int64(1); ; seq++ {
			if _, err := f.Commit(context.Background(), note(fmt.Sprint(i), seq, 1)); err != nil {
				return err
			}
			if seq == 1 {
				begun <- struct{}{}
			}
		}
	})
	countNil(f.T, errs, store.ErrClosed)
	if err := <-closed; err != nil {
		f.Error(err)
	}
}
