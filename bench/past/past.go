// Package past writes what a server would have kept from years of work, as finished chats, through SQL: in minutes instead of weeks.
package past

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/halley-chat/halley/internal/store/sqlite"
)

// atATime is how many messages a transaction has.
const atATime = 100_000

// What is written: chats that are over, with ?5 messages each, one a second up to now. Their ids are spread, as real ones are. One message in ten still
// has its notice, with one of two hundred agents: a server has not pruned the last day's. ?1 and ?2 bound the numbers of the messages, ?3 is how
// many there will be, ?4 is now.
var statements = []string{
	numbers + `INSERT INTO chat (id, service, seq, phase, key_hash, started, ended)
		SELECT printf('%016X', i / ?5 * 2654435761), 'load', ?5, 'finished', zeroblob(32), ?4 - (?3 - i) * 1000000, ?4 - (?3 - i) * 1000000
		FROM number WHERE i % ?5 = 0`,
	numbers + `INSERT INTO event (chat_id, seq, idx, at, actor_kind, actor_user, kind, body)
		SELECT printf('%016X', i / ?5 * 2654435761), i % ?5 + 1, i % ?5 + 1, ?4 - (?3 - i) * 1000000, 'customer', '', 'message-sent', ` + body + `
		FROM number`,
	numbers + `INSERT INTO feed (subscriber, n, at, topic, data)
		SELECT printf('agent:user-%d', i / 10 % 200), i / 2000 + 1, ?4, '/v2/me/chats', printf(
			'{"messageType":"MessageLogUpdated","notificationType":"NewMessages","chatPath":"/chats/%016X","messages":[%s]}', i / ?5 * 2654435761, ` + body + `)
		FROM number WHERE i % 10 = 0 AND ?3 > 0`,
}

const (
	numbers = `WITH RECURSIVE number (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < ?2) `
	body    = `printf('{"from":{"id":"%016X","type":"Customer","nickname":"Pat","visibility":"All"},"text":"%s %d.","visibility":"All"}', i / ?5,
		'Where is my parcel? It was to come on Monday, and the tracking page has not changed since. The order number is', i)`
	heads = `INSERT INTO feed_head (subscriber, n) SELECT subscriber, max(n) FROM feed GROUP BY subscriber`
)

// Fill makes a data folder with finished chats of so many messages each, and returns the size of its database in bytes.
func Fill(ctx context.Context, folder string, chats, messagesEach int) (int64, error) {
	messages := chats * messagesEach
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
	if _, err := conn.ExecContext(ctx, "PRAGMA journal_mode(WAL); PRAGMA synchronous(OFF); PRAGMA cache_size(-512000)"); err != nil {
		return 0, err
	}
	began := time.Now()
	for done := 0; done < messages; done += atATime {
		for _, text := range statements {
			if _, err := conn.ExecContext(ctx, text, done, min(done+atATime, messages), messages, began.UnixMicro(), messagesEach); err != nil {
				return 0, err
			}
		}
		if done%1_000_000 == 0 {
			fmt.Fprintf(os.Stderr, "%d messages after %v\n", done, time.Since(began).Round(time.Second))
		}
	}
	if _, err := conn.ExecContext(ctx, heads+"; PRAGMA synchronous(FULL); PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return 0, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
