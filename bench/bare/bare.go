// Package bare is the peer of the store in benchmarks: one loop of the SQL that the store runs for a command, and nothing else.
package bare

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/halley-chat/halley/internal/store/sqlite"
)

// What a command writes: as much text as an ordinary message makes.
var (
	EventBody  = `{"text":"` + strings.Repeat("hello ", 30) + `"}`
	NoticeData = `{"text":"` + strings.Repeat("hello ", 160) + `"}`
	TimerData  = `{"chatId":"a chat"}`
)

// Topic is that of the notice.
const Topic = "/v2/me/chats"

// ChatID is the chat that a caller writes to.
func ChatID(caller int) string { return fmt.Sprintf("chat-%02d", caller) }

// The statements of the store for such a command, without the checksums that it adds, and its pragmas.
const (
	logEnd  = `SELECT seq FROM chat WHERE id = ?`
	putChat = `INSERT INTO chat (id, service, seq, phase, key_hash, started, ended) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
		ON CONFLICT (id) DO UPDATE SET service = ?2, seq = ?3, phase = ?4, key_hash = ?5, started = ?6, ended = ?7`
	addEvent = `INSERT INTO event (chat_id, seq, idx, at, actor_kind, actor_user, kind, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	setTimer = `INSERT INTO timer (kind, key, at, data) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (kind, key) DO UPDATE SET at = ?3, data = ?4`
	growFeed = `INSERT INTO feed_head (subscriber, n) VALUES (?1, ?2) ON CONFLICT (subscriber) DO UPDATE SET n = n + ?2 RETURNING n`
	addRow   = `INSERT INTO feed (subscriber, n, at, topic, data) VALUES (?, ?, ?, ?, ?)`

	pragmas = `PRAGMA busy_timeout(5000); PRAGMA journal_mode(WAL); PRAGMA synchronous(FULL); PRAGMA foreign_keys(ON);
		PRAGMA wal_autocheckpoint(8000); PRAGMA cache_size(-64000); PRAGMA temp_store(MEMORY);`
)

// loop is a loop's connection with its statements.
type loop struct {
	conn                                                  *sql.Conn
	logEnd, putChat, addEvent, setTimer, growFeed, addRow *sql.Stmt
}

// Measure returns the commands per second of one loop, group in each transaction, over as many chats as there are callers.
func Measure(ctx context.Context, dir string, callers, group int, d time.Duration) (rate float64, err error) {
	dir, err = os.MkdirTemp(dir, "commit-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	// The store makes the schema.
	s, err := sqlite.Open(ctx, dir, sqlite.Options{})
	if err != nil {
		return 0, err
	}
	if err := s.Close(); err != nil {
		return 0, err
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "halley.db"))
	if err != nil {
		return 0, err
	}
	defer db.Close()
	b, err := prepare(ctx, db)
	if err != nil {
		return 0, err
	}
	defer b.conn.Close()

	commands := 0
	begun := time.Now()
	for time.Since(begun) < d {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if _, err := b.conn.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
			return 0, err
		}
		for range group {
			if err := b.command(ChatID(commands%callers), int64(commands/callers+1)); err != nil {
				return 0, err
			}
			commands++
		}
		if _, err := b.conn.ExecContext(context.Background(), "COMMIT"); err != nil {
			return 0, err
		}
	}
	return float64(commands) / time.Since(begun).Seconds(), nil
}

func prepare(ctx context.Context, db *sql.DB) (*loop, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	b := &loop{conn: conn}
	if _, err := conn.ExecContext(ctx, pragmas); err != nil {
		return nil, err
	}
	for _, p := range []struct {
		stmt **sql.Stmt
		sql  string
	}{
		{&b.logEnd, logEnd},
		{&b.putChat, putChat},
		{&b.addEvent, addEvent},
		{&b.setTimer, setTimer},
		{&b.growFeed, growFeed},
		{&b.addRow, addRow},
	} {
		if *p.stmt, err = conn.PrepareContext(ctx, p.sql); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// command runs the statements as the store does, without a context that could end: watching one costs the driver a goroutine per statement.
func (b *loop) command(id string, seq int64) error {
	ctx, now := context.Background(), time.Now()
	var end, n int64
	if err := b.logEnd.QueryRowContext(ctx, id).Scan(&end); err != nil && err != sql.ErrNoRows {
		return err
	}
	if end != seq-1 {
		return fmt.Errorf("chat %s ends at %d, not at %d", id, end, seq-1)
	}
	if _, err := b.putChat.ExecContext(ctx, id, "support", seq, "active", make([]byte, 32), now.UnixMicro(), nil); err != nil {
		return err
	}
	if _, err := b.addEvent.ExecContext(ctx, id, seq, seq, now.UnixMicro(), "customer", "", "measured", EventBody); err != nil {
		return err
	}
	if _, err := b.setTimer.ExecContext(ctx, "customer", id, now.Add(time.Minute).UnixMicro(), TimerData); err != nil {
		return err
	}
	if err := b.growFeed.QueryRowContext(ctx, "agent:"+id, 1).Scan(&n); err != nil {
		return err
	}
	_, err := b.addRow.ExecContext(ctx, "agent:"+id, n, now.UnixMicro(), Topic, NoticeData)
	return err
}
