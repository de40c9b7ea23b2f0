package auth

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/halley-chat/halley/internal/store"
)

// The sweeper comes round ten times per idle time-out, within these bounds. What it finds idle is at most one round late, and after a crash
// a log-in counts as seen at most one round too early.
const (
	minRound = time.Second
	maxRound = time.Minute
)

// maxSaves is how many log-ins are being saved at a time.
const maxSaves = 32

// Start removes stored log-ins that became idle while no server ran, and returns when the sweeper runs.
func (a *Auth) Start(ctx context.Context) error {
	if a.cancel != nil {
		return nil
	}
	if err := a.prune(ctx); err != nil {
		return err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.cancel = cancel
	a.swept.Go(func() { a.sweepUntil(run) })
	return nil
}

// Stop saves when each log-in was last seen and returns when the sweeper has ended. Calling it twice, or without Start, is harmless.
func (a *Auth) Stop() {
	if a.cancel == nil {
		return
	}
	a.cancel()
	a.swept.Wait()
}

func (a *Auth) sweepUntil(run context.Context) {
	round := time.NewTicker(min(max(a.cfg.IdleTimeout/10, minRound), maxRound))
	defer round.Stop()
	for {
		select {
		case <-run.Done():
			a.saveSeen(run)
			return
		case <-round.C:
			a.sweep(run, time.Now())
		}
	}
}

func (a *Auth) sweep(ctx context.Context, now time.Time) {
	for _, name := range a.logins.idleAt(now) {
		if a.inUse(name) {
			a.logins.touch(name, now)
		} else {
			a.drop(ctx, name)
		}
	}
	a.saveSeen(ctx)
	if err := a.prune(ctx); err != nil {
		a.cfg.Logger.Warn("idle log-ins not pruned", "error", err)
	}
	// Each hash took 19 MiB, which the runtime would keep for a heap that has no use for it.
	if a.hashed.Swap(false) {
		debug.FreeOSMemory()
	}
}

// saveSeen writes when each log-in was last seen. Rows that are under way together share a commit.
func (a *Auth) saveSeen(ctx context.Context) {
	saving, going := errgroup.WithContext(context.WithoutCancel(ctx)) // Stop has them saved as well
	saving.SetLimit(maxSaves)
	for _, row := range a.logins.unsaved() {
		if going.Err() != nil {
			break // the next row would fail alike; all are tried again in the next round
		}
		saving.Go(func() error { return a.save(going, row) })
	}
	if err := saving.Wait(); err != nil {
		a.cfg.Logger.Warn("log-ins not saved; a restart would count them as idle for longer", "error", err)
	}
}

// prune deletes rows of log-ins that were idle when their clients last could have shown them, and which therefore never got into memory.
func (a *Auth) prune(ctx context.Context) error {
	// A row may lag one round behind what memory knows.
	before := time.Now().Add(-a.cfg.IdleTimeout - 2*maxRound)
	if _, err := a.cfg.Store.Prune(ctx, store.Horizons{Logins: before}); err != nil {
		return fmt.Errorf("prune idle log-ins: %w", err)
	}
	return nil
}
