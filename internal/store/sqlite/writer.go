package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

// groupSize is how many changes share a transaction at most. More would not save much of the fsync any more, and make the first wait for the last.
const groupSize = 128

// change is something to write.
type change interface {
	// check reads what the change depends on and says whether there is anything to write. A refusal is an error that is not the database's. It is called
	// again if the group has to be done again, and starts afresh then.
	check(*transaction) (write bool, err error)
	// write writes.
	write(*transaction) error
}

// transaction is that of a group, as a change sees it.
type transaction struct {
	*statements
	ctx context.Context // never ends: a change whose turn has come is carried to its end
}

// turn is a change in line.
type turn struct {
	change
	err   error // of the change; valid when done is closed
	taken atomic.Bool
	done  chan struct{}
}

// take decides between the writer, who begins with the change, and the caller, who goes away: only the first gets true.
func (t *turn) take() bool { return t.taken.CompareAndSwap(false, true) }

// writer owns the connection that writes, and the one goroutine that uses it.
type writer struct {
	db      *sql.DB
	conn    *sql.Conn // nil: the last one was given up
	prepped *statements
	stats   stats

	mu    sync.RWMutex // held for reading while something is put in line
	ended bool
	line  chan *turn
	done  chan struct{}
}

func newWriter(db *sql.DB, waiting int) *writer {
	return &writer{db: db, line: make(chan *turn, waiting), done: make(chan struct{})}
}

func (w *writer) start() {
	go func() {
		defer close(w.done)
		w.run()
	}()
}

// stop refuses further changes and waits until those in line are done.
func (w *writer) stop() {
	w.mu.Lock()
	w.ended = true
	close(w.line)
	w.mu.Unlock()
	<-w.done
}

// do puts a change in line and waits for its outcome, as Commit promises.
func (w *writer) do(ctx context.Context, c change) error {
	t := &turn{change: c, done: make(chan struct{})}
	if err := w.queue(ctx, t); err != nil {
		return err
	}
	select {
	case <-t.done:
	case <-ctx.Done():
		if t.take() {
			return ctx.Err()
		}
		<-t.done
	}
	return t.err
}

func (w *writer) queue(ctx context.Context, t *turn) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// The writer goes on emptying the line until it is closed, so waiting here with the lock held keeps nobody from closing it for long.
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.ended {
		return store.ErrClosed
	}
	select {
	case w.line <- t:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run writes group after group until the line is closed and empty.
func (w *writer) run() {
	group := make([]*turn, 0, groupSize)
	for t := range w.line {
		group = append(group[:0], t)
	gather:
		for len(group) < groupSize {
			select {
			case t, open := <-w.line:
				if !open {
					break gather
				}
				group = append(group, t)
			default:
				break gather
			}
		}
		w.serve(group)
		clear(group)
	}
	w.giveUp()
}

// serve carries out the changes of a group whose callers still wait, and answers them.
func (w *writer) serve(group []*turn) {
	taken := group[:0]
	for _, t := range group {
		if t.take() {
			taken = append(taken, t)
		}
	}
	if len(taken) == 0 {
		return
	}
	begun := time.Now()
	w.stats.begin(begun)
	wrote, err := w.transact(taken)
	if err != nil {
		// What a change was told within the transaction, be it a refusal because of another change in the group, never became true.
		for _, t := range taken {
			t.err = err
		}
	}
	w.stats.count(taken, wrote, err, time.Since(begun))
	for _, t := range taken {
		close(t.done)
	}
}

// transact does the group in one transaction. The error concerns all of it; what concerns one change is in its turn. wrote says whether there was
// anything to write.
func (w *writer) transact(group []*turn) (wrote bool, err error) {
	ctx := context.Background()
	if w.conn == nil {
		if err := w.connect(ctx); err != nil {
			return false, err
		}
	}
	wrote, err = w.attempt(ctx, group, w.plainly)
	if troubleOf(err) == ofTheBatch {
		wrote, err = w.attempt(ctx, group, w.guarded)
	}
	if err != nil {
		// What state the connection is in is anybody's guess. The next group gets a new one: that is how writing recovers by itself.
		w.giveUp()
	}
	return wrote, err
}

// attempt does the group in one transaction, each change in the given way, whose error undoes everything.
func (w *writer) attempt(ctx context.Context, group []*turn, way func(*transaction, *turn) (bool, error)) (wrote bool, err error) {
	if _, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return false, fmt.Errorf("begin a transaction: %w", err)
	}
	defer func() {
		// A failure may have ended the transaction already, so the error of ending it says nothing new.
		if err != nil || !wrote {
			w.conn.ExecContext(ctx, "ROLLBACK") //nolint:errcheck // see above
		}
	}()
	t := &transaction{w.prepped, ctx}
	for _, turn := range group {
		did, err := way(t, turn)
		if err != nil {
			return false, err
		}
		wrote = wrote || did
	}
	if !wrote {
		return false, nil
	}
	if _, err := w.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return false, fmt.Errorf("commit: %w", err)
	}
	return true, nil
}

// plainly does a change with nothing to undo it alone.
func (w *writer) plainly(tx *transaction, t *turn) (wrote bool, err error) {
	write, err := t.check(tx)
	if troubleOf(err) != none {
		return false, err
	}
	if t.err = err; err != nil || !write {
		return false, nil
	}
	if err := t.write(tx); err != nil {
		return false, err
	}
	return true, nil
}

// guarded does a change behind a savepoint. What the database does not take of it is its own error.
func (w *writer) guarded(tx *transaction, t *turn) (wrote bool, err error) {
	if _, err := w.conn.ExecContext(tx.ctx, "SAVEPOINT change"); err != nil {
		return false, fmt.Errorf("set a savepoint: %w", err)
	}
	wrote, err = w.plainly(tx, t)
	if troubleOf(err) == ofTheBatch {
		t.err, wrote, err = err, false, nil
		if _, err := w.conn.ExecContext(tx.ctx, "ROLLBACK TO change"); err != nil {
			return false, fmt.Errorf("go back to a savepoint: %w", err)
		}
	}
	if err != nil {
		return false, err
	}
	if _, err := w.conn.ExecContext(tx.ctx, "RELEASE change"); err != nil {
		return false, fmt.Errorf("release a savepoint: %w", err)
	}
	return wrote, nil
}

// connect makes the connection that writes, and prepares its statements.
func (w *writer) connect(ctx context.Context) error {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	prepped, err := prepareWrites(ctx, conn)
	if err != nil {
		return errors.Join(err, discard(conn))
	}
	w.conn, w.prepped = conn, prepped
	return nil
}

// giveUp ends the connection.
func (w *writer) giveUp() {
	if w.conn == nil {
		return
	}
	w.prepped.close()
	discard(w.conn) //nolint:errcheck // nothing of it is used any more
	w.conn, w.prepped = nil, nil
}

// discard closes a connection, where Close would put it back into its pool.
func discard(c *sql.Conn) error {
	err := c.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) {
		return nil
	}
	return err
}
