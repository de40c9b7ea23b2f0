package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/halley-chat/halley/internal/chat"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

// What is written: chats that are over, with forty messages each, of a year up to yesterday; and the notices of the last of them, which a server has not
// pruned yet.
const (
	perChat   = 40
	chatsAT   = 500 // in one transaction
	feeds     = 200 // agents
	freshPart = 10  // one in so many messages still has its notice
)

var text = "Where is my parcel? It was to come on Monday, and the tracking page has not changed since. The order number is %d."

// fill makes a folder with so many messages and returns its size.
func fill(ctx context.Context, folder string, messages int) (int64, error) {
	s, err := sqlite.Open(ctx, folder, sqlite.Options{}) // makes the schema
	if err != nil {
		return 0, err
	}
	if err := s.Close(); err != nil {
		return 0, err
	}
	file := filepath.Join(folder, "halley.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	// What is lost with the power is written again.
	if _, err := conn.ExecContext(ctx, "PRAGMA journal_mode(WAL); PRAGMA synchronous(OFF); PRAGMA cache_size(-256000)"); err != nil {
		return 0, err
	}
	began := time.Now()
	for done := 0; done < messages; {
		n, err := fillSome(ctx, conn, done, messages, began)
		if err != nil {
			return 0, err
		}
		done += n
		if done%1_000_000 == 0 {
			fmt.Fprintf(os.Stderr, "%d messages after %v\n", done, time.Since(began).Round(time.Second))
		}
	}
	if _, err := conn.ExecContext(ctx, "PRAGMA synchronous(FULL); PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return 0, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// fillSome writes the next chats in one transaction.
func fillSome(ctx context.Context, conn *sql.Conn, done, messages int, now time.Time) (n int, err error) {
	// Contexts that could end cost the driver a goroutine per statement.
	run := context.WithoutCancel(ctx)
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if _, err := conn.ExecContext(run, "BEGIN"); err != nil {
		return 0, err
	}
	var putChat, addEvent, growFeed, addRow *sql.Stmt
	for stmt, text := range map[**sql.Stmt]string{
		&putChat: `INSERT INTO chat (id, service, seq, phase, key_hash, started, ended) VALUES (?, 'load', ?, ?, zeroblob(32), ?, ?)`,
		&addEvent: `INSERT INTO event (chat_id, seq, idx, at, actor_kind, actor_user, kind, body)
			VALUES (?, ?, ?, ?, 'customer', '', 'message-sent', ?)`,
		&growFeed: `INSERT INTO feed_head (subscriber, n) VALUES (?, 1) ON CONFLICT (subscriber) DO UPDATE SET n = n + 1 RETURNING n`,
		&addRow:   `INSERT INTO feed (subscriber, n, at, topic, data) VALUES (?, ?, ?, '/v2/me/chats', ?)`,
	} {
		if *stmt, err = conn.PrepareContext(run, text); err != nil {
			return 0, err
		}
		defer (*stmt).Close()
	}
	for i := 0; i < chatsAT && done+n < messages; i++ {
		number := (done + n) / perChat
		id := fmt.Sprintf("%016X", number*2654435761) // spread, as ids are
		at := now.Add(-time.Duration(messages-done-n) * time.Second).UnixMicro()
		if _, err := putChat.ExecContext(run, id, perChat, string(chat.Finished), at, at); err != nil {
			return 0, err
		}
		for seq := 1; seq <= perChat; seq++ {
			said := fmt.Sprintf(text, done+n)
			body := fmt.Sprintf(`{"from":{"id":"%016X","type":"Customer","nickname":"Pat","visibility":"All"},"text":%q,"visibility":"All"}`, number, said)
			if _, err := addEvent.ExecContext(run, id, seq, seq, at, body); err != nil {
				return 0, err
			}
			n++
			if (done+n)%freshPart != 0 {
				continue
			}
			subscriber, entry := fmt.Sprintf("agent:user-%d", number%feeds), 0
			if err := growFeed.QueryRowContext(run, subscriber).Scan(&entry); err != nil {
				return 0, err
			}
			data := fmt.Sprintf(`{"messageType":"MessageLogUpdated","notificationType":"NewMessages","chatPath":"/chats/%s","messages":[%s]}`, id, body)
			if _, err := addRow.ExecContext(run, subscriber, entry, now.UnixMicro(), data); err != nil {
				return 0, err
			}
		}
	}
	_, err = conn.ExecContext(run, "COMMIT")
	return n, err
}
