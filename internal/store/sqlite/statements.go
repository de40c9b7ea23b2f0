package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// statements are what the writer runs, prepared on its connection.
type statements struct {
	answered, keepAnswer                *sql.Stmt
	logEnd, putChat, addEvent           *sql.Stmt
	agentVersion, putAgent              *sql.Stmt
	waits, enter, leave                 *sql.Stmt
	binSize, putBin, leaveBin           *sql.Stmt
	setTimer, clearTimer, clearTimerAt  *sql.Stmt
	growFeed, addNotification           *sql.Stmt
	leaseHolder, takeLease, giveLease   *sql.Stmt
	putLogin, deleteLogin               *sql.Stmt
	pruneFeed, pruneAnswers, pruneLogin *sql.Stmt

	sessionState, insertSession, replaceSession, moveSession             *sql.Stmt
	deleteSession, endSession, endSessionsOf                             *sql.Stmt
	subscriptions, addSubscription, endSubscription, forgetSubscriptions *sql.Stmt
	addDelivery, expireSessions, pruneDeliveries, pruneSessions          *sql.Stmt
	noteBeat                                                             *sql.Stmt

	all []*sql.Stmt
}

func prepareWrites(ctx context.Context, conn *sql.Conn) (*statements, error) {
	var s statements
	for _, p := range []struct {
		stmt **sql.Stmt
		sql  string
	}{
		{&s.answered, selectAnswer},
		{&s.keepAnswer, `INSERT INTO answer (key, sum, at, answer, crc) VALUES (?, ?, ?, ?, ?)`},

		{&s.logEnd, `SELECT seq FROM chat WHERE id = ?`},
		{&s.putChat, `INSERT INTO chat (id, service, seq, phase, key_hash, started, ended, crc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
			ON CONFLICT (id) DO UPDATE SET service = ?2, seq = ?3, phase = ?4, key_hash = ?5, started = ?6, ended = ?7, crc = ?8`},
		{&s.addEvent, `INSERT INTO event (chat_id, seq, idx, at, actor_kind, actor_user, kind, body, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`},

		{&s.agentVersion, `SELECT version FROM agent WHERE user_id = ?`},
		{&s.putAgent, `INSERT INTO agent (user_id, version, state, crc) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT (user_id) DO UPDATE SET version = ?2, state = ?3, crc = ?4`},

		{&s.waits, `SELECT 1 FROM work WHERE chat_id = ?`},
		{&s.enter, `INSERT INTO work (chat_id, queue, since, priority, crc) VALUES (?1, ?2, ?3, ?4, ?5)
			ON CONFLICT (chat_id) DO UPDATE SET queue = ?2, since = ?3, priority = ?4, crc = ?5`},
		{&s.leave, `DELETE FROM work WHERE chat_id = ?`},

		{&s.binSize, `SELECT count(*) FROM bin WHERE workbin = ?`},
		{&s.putBin, `INSERT INTO bin (chat_id, workbin, by_user, at, crc) VALUES (?1, ?2, ?3, ?4, ?5)
			ON CONFLICT (chat_id) DO UPDATE SET workbin = ?2, by_user = ?3, at = ?4, crc = ?5`},
		{&s.leaveBin, `DELETE FROM bin WHERE chat_id = ? AND workbin = ?`},

		{&s.setTimer, `INSERT INTO timer (kind, key, at, data, crc) VALUES (?1, ?2, ?3, ?4, ?5)
			ON CONFLICT (kind, key) DO UPDATE SET at = ?3, data = ?4, crc = ?5`},
		{&s.clearTimer, `DELETE FROM timer WHERE kind = ? AND key = ?`},
		{&s.clearTimerAt, `DELETE FROM timer WHERE kind = ? AND key = ? AND at = ?`},

		{&s.growFeed, `INSERT INTO feed_head (subscriber, n) VALUES (?1, ?2) ON CONFLICT (subscriber) DO UPDATE SET n = n + ?2 RETURNING n`},
		{&s.addNotification, `INSERT INTO feed (subscriber, n, at, topic, data, crc) VALUES (?, ?, ?, ?, ?, ?)`},

		{&s.leaseHolder, `SELECT holder, until FROM lease WHERE name = ?`},
		{&s.takeLease, `INSERT INTO lease (name, holder, until) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET holder = ?2, until = ?3`},
		{&s.giveLease, `DELETE FROM lease WHERE name = ? AND holder = ?`},

		{&s.putLogin, `INSERT INTO login (token_hash, user_id, csrf, created, seen, crc) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
			ON CONFLICT (token_hash) DO UPDATE SET user_id = ?2, csrf = ?3, created = ?4, seen = ?5, crc = ?6`},
		{&s.deleteLogin, `DELETE FROM login WHERE token_hash = ?`},

		// The oldest ?2 rows are looked at, and those before the first that is not old are deleted.
		{&s.pruneFeed, `WITH oldest AS MATERIALIZED (SELECT id, at FROM feed ORDER BY id LIMIT ?2)
			DELETE FROM feed WHERE id <= (SELECT max(id) FROM oldest)
				AND id < coalesce((SELECT min(id) FROM oldest WHERE at >= ?1), 0x7fffffffffffffff)`},
		{&s.pruneAnswers, `WITH oldest AS MATERIALIZED (SELECT id, at FROM answer ORDER BY id LIMIT ?2)
			DELETE FROM answer WHERE id <= (SELECT max(id) FROM oldest)
				AND id < coalesce((SELECT min(id) FROM oldest WHERE at >= ?1), 0x7fffffffffffffff)`},
		{&s.pruneLogin, `DELETE FROM login WHERE token_hash IN (SELECT token_hash FROM login WHERE seen < ?1 LIMIT ?2)`},

		{&s.sessionState, `SELECT id, term, version, turn, confirmed, expires, ended IS NOT NULL FROM session WHERE key = ?`},
		{&s.insertSession, `INSERT INTO session (key, handle, subscriber, user_id, login, term, version, turn, confirmed, expires, begun, details)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`},
		{&s.replaceSession, `UPDATE session SET handle = ?2, subscriber = ?3, user_id = ?4, login = ?5, term = ?6, version = ?7,
			turn = ?8, confirmed = ?9, expires = ?10, ended = NULL, details = ?11 WHERE id = ?1`},
		{&s.moveSession, `UPDATE session SET turn = ?3, confirmed = ?4, expires = ?5
			WHERE key = ?1 AND ended IS NULL AND term = ?2 AND (turn, confirmed) <= (?3, ?4)`},
		{&s.deleteSession, `DELETE FROM session WHERE key = ?1
			AND NOT EXISTS (SELECT 1 FROM subscription WHERE session = session.id) AND NOT EXISTS (SELECT 1 FROM delivery WHERE session = session.id)`},
		{&s.endSession, `UPDATE session SET ended = ?2, login = '', details = '' WHERE key = ?1 AND ended IS NULL`},
		{&s.endSessionsOf, `UPDATE session SET ended = ?2, login = '', details = '' WHERE login = ?1 AND ended IS NULL`},
		{&s.subscriptions, `SELECT id, channel, after FROM subscription WHERE session = ? AND until IS NULL`},
		{&s.addSubscription, `INSERT INTO subscription (session, channel, after) VALUES (?, ?, ?)`},
		{&s.endSubscription, `UPDATE subscription SET until = ?2 WHERE id = ?1`},
		{&s.forgetSubscriptions, `DELETE FROM subscription WHERE session = ?1 AND until IS NOT NULL
			AND id <= (SELECT id FROM subscription WHERE session = ?1 AND until IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET ?2)`},
		{&s.addDelivery, `INSERT INTO delivery (session, at, after, upto, steps) SELECT id, ?2, ?3, ?4, ?5 FROM session WHERE key = ?1`},
		{&s.expireSessions, `UPDATE session SET ended = expires, login = '', details = '' WHERE id IN
			(SELECT id FROM session WHERE ended IS NULL AND expires < ?1 LIMIT ?2)`},
		{&s.pruneDeliveries, `WITH oldest AS MATERIALIZED (SELECT id, at FROM delivery ORDER BY id LIMIT ?2)
			DELETE FROM delivery WHERE id <= (SELECT max(id) FROM oldest)
				AND id < coalesce((SELECT min(id) FROM oldest WHERE at >= ?1), 0x7fffffffffffffff)`},
		{&s.pruneSessions, `DELETE FROM session WHERE id IN (SELECT id FROM session WHERE ended < ?1 OR id IN
			(SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY subscriber ORDER BY begun DESC, id DESC) AS n FROM session WHERE ended IS NOT NULL)
				WHERE n > 1000) LIMIT ?2)`},
		{&s.noteBeat, noteBeat},
	} {
		stmt, err := conn.PrepareContext(ctx, p.sql)
		if err != nil {
			s.close()
			return nil, fmt.Errorf("prepare %q: %w", p.sql, err)
		}
		*p.stmt = stmt
		s.all = append(s.all, stmt)
	}
	return &s, nil
}

func (s *statements) close() {
	for _, stmt := range s.all {
		stmt.Close()
	}
}

const (
	selectEpoch  = `SELECT value FROM meta WHERE key = 'epoch'`
	selectAnswer = `SELECT sum, at, answer, crc FROM answer WHERE key = ?`
)

// queries are what the readers run, prepared on their handle, which prepares them anew on each of its connections.
type queries struct {
	epoch, answer, events, chat, logEnds, counts, feed, heads, agents, allAgents, waiting, bin, due, login, session, deliveries *sql.Stmt
}

func (q *queries) prepare(ctx context.Context, db *sql.DB) error {
	for _, p := range []struct {
		stmt **sql.Stmt
		sql  string
	}{
		{&q.epoch, selectEpoch},
		{&q.answer, selectAnswer},
		{&q.events, `SELECT seq, idx, at, actor_kind, actor_user, kind, body, crc FROM event WHERE chat_id = ? AND seq > ? ORDER BY seq LIMIT ?`},
		{&q.chat, `SELECT service, seq, phase, key_hash, started, ended, crc FROM chat WHERE id = ?`},
		{&q.logEnds, `SELECT id, seq FROM chat WHERE id IN (SELECT value FROM json_each(?))`},
		{&q.counts, `SELECT phase, n FROM chat_count WHERE n > 0`},
		{&q.feed, `SELECT n, at, topic, data, crc FROM feed WHERE subscriber = ? AND n > ? ORDER BY n LIMIT ?`},
		{&q.heads, `SELECT subscriber, n FROM feed_head WHERE subscriber IN (SELECT value FROM json_each(?))`},
		{&q.agents, `SELECT user_id, version, state, crc FROM agent WHERE user_id IN (SELECT value FROM json_each(?)) ORDER BY user_id`},
		{&q.allAgents, `SELECT user_id, version, state, crc FROM agent ORDER BY user_id`},
		{&q.waiting, `SELECT chat_id, queue, since, priority, crc FROM work ORDER BY since, chat_id`},
		{&q.bin, `SELECT chat_id, by_user, at, crc FROM bin WHERE workbin = ? ORDER BY at, chat_id`},
		{&q.due, `SELECT at, kind, key, data, crc FROM timer ORDER BY at, kind, key LIMIT ?`},
		{&q.login, `SELECT user_id, csrf, created, seen, crc FROM login WHERE token_hash = ?`},
		{&q.session, `SELECT handle, subscriber, user_id, login, term, version, turn, confirmed, expires,
			(SELECT json_group_object(channel, after) FROM subscription WHERE session = session.id AND until IS NULL), details
			FROM session WHERE key = ?1 AND ended IS NULL AND (expires IS NULL OR expires > ?2)`},
		{&q.deliveries, `SELECT handle, begun, expires, ended, turn, confirmed,
			(SELECT json_group_array(json_object('channel', channel, 'after', after, 'until', until) ORDER BY id) FROM subscription WHERE session = session.id),
			(SELECT json_group_array(json_object('at', at, 'after', after, 'steps', json(steps)) ORDER BY id) FROM delivery
				WHERE session = session.id AND upto > ?4 AND after < ?5)
			FROM session WHERE subscriber = ?1 AND (ended IS NULL OR ended >= ?2) AND begun <= ?3 ORDER BY begun, id`},
	} {
		stmt, err := db.PrepareContext(ctx, p.sql)
		if err != nil {
			return fmt.Errorf("prepare %q: %w", p.sql, err)
		}
		*p.stmt = stmt
	}
	return nil
}
