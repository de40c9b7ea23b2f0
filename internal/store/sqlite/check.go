package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"

	"github.com/halley-chat/halley/internal/store"
)

// Finding is something that is wrong with the data.
type Finding struct {
	Where string // the file, and the table and row where known
	What  string // what was found
	Do    string // what to do about it
}

// maxFindings is how many findings Check returns: one page of evidence is enough to act on.
const maxFindings = 100

// Check reads the whole database of a data folder and returns what is not as it was written: nil if everything is. Also nothing that
// contradicts the rules of the contract is passed over: logs and feeds without gaps, heads and counts that fit them, work and workbins of chats that exist, sessions that
// have not come further than their feeds.
//
// A server may run on the folder meanwhile; nothing is written. It takes about as long as reading the file does. The error says
// that there was nothing to check, or that ctx ended.
func Check(ctx context.Context, dir string) ([]Finding, error) {
	file := filepath.Join(dir, fileName)
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("there is no database to check: %w", err)
	}
	var found []Finding
	switch err := whileUnused(dir, func() error { return mustHaveWholeJournal(file) }); {
	case errors.Is(err, store.ErrDamaged):
		found = append(found, Finding{file + "-wal", err.Error(), whenDamaged})
	case err != nil:
		return nil, err
	}
	db, err := openToRead(file)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	more, err := checkDatabase(ctx, db, file)
	return append(found, more...), err
}

// openToRead opens a database that a server may be using, in a way that can't change it: not even the journal is copied into it at the end.
func openToRead(file string) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: file, RawQuery: "mode=ro"}
	base, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	db := sql.OpenDB(connector{base, setup[:1]})
	db.SetMaxOpenConns(1)
	return db, nil
}

func checkDatabase(ctx context.Context, db *sql.DB, file string) ([]Finding, error) {
	c := &check{ctx: ctx, file: file}
	// One transaction, so that what is compared is of one moment.
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", file, err)
	}
	defer tx.Rollback() //nolint:errcheck // it only reads
	c.tx = tx
	for _, step := range []func() error{c.schema, c.structure, c.rows, c.logs, c.feeds, c.counts, c.references, c.places} {
		err := step()
		switch {
		case errors.Is(err, errForeign):
			c.found = append(c.found, Finding{file, err.Error(), "name the data folder of a server"})
			return c.found, nil
		case errors.Is(err, errEmpty):
			c.found = append(c.found, Finding{file, err.Error(), "start the server once, or restore a backup with halley restore --replace"})
			return c.found, nil
		case errors.Is(err, errEnough):
			return c.found, nil
		case troubleOf(err) == ofTheData:
			c.found = append(c.found, Finding{file, err.Error(), whenDamaged})
			return c.found, nil
		case err != nil:
			return nil, fmt.Errorf("check %s: %w", file, err)
		}
	}
	return c.found, nil
}

// check is one under way. Its steps end with errEnough when there is nothing more to find.
type check struct {
	ctx   context.Context
	tx    *sql.Tx
	file  string
	found []Finding
}

// report adds a finding about a row of a table.
func (c *check) report(table, row, what string) error {
	where := c.file
	if table != "" {
		where += ", table " + table
	}
	if row != "" {
		where += ", " + row
	}
	c.found = append(c.found, Finding{where, what, whenDamaged})
	if len(c.found) >= maxFindings {
		return errEnough
	}
	return nil
}

// each calls do with each row of a query.
func (c *check) each(query string, do func(scan func(...any) error) error, args ...any) error {
	rows, err := c.tx.QueryContext(c.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// schema: it is a database of ours, of today's form. An older one is looked at by SQLite alone: the next start moves what it holds into today's form.
func (c *check) schema() error {
	is, knows, err := schemaOf(c.ctx, c.tx)
	switch {
	case err != nil:
		return err
	case is > knows:
		c.found = append(c.found, Finding{c.file, newerSchema(is, knows).Error(), "check it with that version"})
		return errEnough
	case is < knows:
		if err := c.structure(); err != nil {
			return err
		}
		return errEnough
	}
	return nil
}

// structure lets SQLite compare tables with their indexes, and pages with one another.
func (c *check) structure() error {
	return c.each(fmt.Sprintf("PRAGMA integrity_check(%d)", maxFindings), func(scan func(...any) error) error {
		var line string
		if err := scan(&line); err != nil || line == "ok" {
			return err
		}
		return c.report("", "", line)
	})
}

// rows: each is as it was written.
func (c *check) rows() error {
	for _, of := range sealedTables {
		n := strings.Count(of.columns, ",") + 1
		columns, to := make([]any, n), make([]any, n+1)
		for i := range columns {
			to[i] = &columns[i]
		}
		var crc sql.Null[int64]
		to[n] = &crc
		err := c.each("SELECT "+of.columns+", crc FROM "+of.table, func(scan func(...any) error) error {
			if err := scan(to...); err != nil {
				return err
			}
			wrong, ok := errors.AsType[*rowError](mustFit(crc, of.table, of.named, columns...))
			if !ok {
				return nil
			}
			return c.report(wrong.table, wrong.row, wrong.what)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// logs: the events of each chat are numbered without gaps, up to its head; so is what of them is in the transcript.
func (c *check) logs() error {
	var id string
	var seq, index int64 // of the event before
	err := c.each(`SELECT chat_id, seq, idx FROM event ORDER BY chat_id, seq`, func(scan func(...any) error) error {
		var of string
		var n, idx int64
		if err := scan(&of, &n, &idx); err != nil {
			return err
		}
		if of != id {
			id, seq, index = of, 0, 0
		}
		var err error
		if n != seq+1 {
			err = c.report("event", "chat "+of, fmt.Sprintf("event %d follows event %d", n, seq))
		}
		if idx != 0 && idx != index+1 {
			err = errors.Join(err, c.report("event", fmt.Sprintf("chat %s, event %d", of, n), fmt.Sprintf("index %d follows index %d", idx, index)))
		}
		seq = n
		if idx != 0 {
			index = idx
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.each(`SELECT coalesce(c.id, l.id), c.seq, l.seq
		FROM chat c FULL JOIN (SELECT chat_id AS id, max(seq) AS seq FROM event GROUP BY chat_id) l ON l.id = c.id
		WHERE c.seq IS NOT l.seq AND NOT (c.seq = 0 AND l.seq IS NULL)`, func(scan func(...any) error) error {
		var of string
		var head, last sql.Null[int64]
		if err := scan(&of, &head, &last); err != nil {
			return err
		}
		return c.report("chat", "chat "+of, fmt.Sprintf("its row says that its log ends at event %d; it ends at %d", head.V, last.V))
	})
}

// feeds: the notifications of each subscriber are numbered without gaps up to the head. Pruning takes them from the front.
func (c *check) feeds() error {
	return c.each(`SELECT coalesce(h.subscriber, f.subscriber), coalesce(h.n, 0), coalesce(f.low, 0), coalesce(f.high, 0), coalesce(f.count, 0)
		FROM feed_head h FULL JOIN (SELECT subscriber, min(n) AS low, max(n) AS high, count(*) AS count FROM feed GROUP BY subscriber) f
			ON f.subscriber = h.subscriber
		WHERE f.count IS NOT NULL AND (f.high IS NOT h.n OR f.high - f.low + 1 <> f.count OR f.low < 1)`, func(scan func(...any) error) error {
		var name string
		var head, low, high, count int64
		if err := scan(&name, &head, &low, &high, &count); err != nil {
			return err
		}
		return c.report("feed", "feed of "+name, fmt.Sprintf("%d notifications from %d to %d; its head says %d", count, low, high, head))
	})
}

// counts: what is counted by triggers is what is there.
func (c *check) counts() error {
	return c.each(`SELECT coalesce(k.phase, c.phase), coalesce(k.n, 0), coalesce(c.n, 0)
		FROM (SELECT phase, n FROM chat_count WHERE n <> 0) k FULL JOIN (SELECT phase, count(*) AS n FROM chat GROUP BY phase) c ON c.phase = k.phase
		WHERE k.n IS NOT c.n`, func(scan func(...any) error) error {
		var phase string
		var counted, are int64
		if err := scan(&phase, &counted, &are); err != nil {
			return err
		}
		return c.report("chat_count", "phase "+phase, fmt.Sprintf("%d chats are counted, there are %d", counted, are))
	})
}

// places: no session has come further than its feed: it would miss what comes next.
func (c *check) places() error {
	return c.each(`SELECT s.handle, s.confirmed - (e.value << 31), coalesce(h.n, 0)
		FROM session s JOIN meta e ON e.key = 'epoch' LEFT JOIN feed_head h ON h.subscriber = s.subscriber
		WHERE s.confirmed > (e.value << 31) + coalesce(h.n, 0)`, func(scan func(...any) error) error {
		var handle string
		var place, head int64
		if err := scan(&handle, &place, &head); err != nil {
			return err
		}
		return c.report("session", "session "+handle, fmt.Sprintf("its place is %d, and its feed ends at %d", place, head))
	})
}

// references: what waits, and what was put aside, is a chat that exists.
func (c *check) references() error {
	for _, of := range []struct{ table, what string }{{"work", "it waits in a queue"}, {"bin", "it is in a workbin"}} {
		err := c.each("SELECT chat_id FROM "+of.table+" WHERE chat_id NOT IN (SELECT id FROM chat)", func(scan func(...any) error) error {
			var id string
			if err := scan(&id); err != nil {
				return err
			}
			return c.report(of.table, "chat "+id, of.what+", and there is no such chat")
		})
		if err != nil {
			return err
		}
	}
	return nil
}
