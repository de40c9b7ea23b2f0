package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"

	"modernc.org/sqlite"
)

// setup is done to each new connection, in this order: first patience, since the next one may meet another connection's lock; then the journal, since the
// level of synchronous depends on it.
var setup = [...]string{
	"PRAGMA busy_timeout(5000)",
	"PRAGMA journal_mode(WAL)",
	"PRAGMA synchronous(FULL)", // a commit is an fsync: success means on disk
	"PRAGMA foreign_keys(ON)",
	"PRAGMA wal_autocheckpoint(8000)", // 32 MB of log before it is copied into the file
	"PRAGMA cache_size(-64000)",       // 64 MB
	"PRAGMA temp_store(MEMORY)",
}

// reading is added for the handle that reads. Each of its connections has a cache of its own, for what the system's cache holds too: four as large as
// the writer's would be most of the server's memory.
var reading = []string{"PRAGMA query_only(ON)", "PRAGMA cache_size(-8000)"}

// connector opens connections with their pragmas in our order; given in the driver's data source name they would be sorted by name.
type connector struct {
	driver.Connector
	pragmas []string
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	exec := conn.(driver.ExecerContext) //nolint:forcetypeassert // the driver's connections are
	for _, p := range c.pragmas {
		if _, err := exec.ExecContext(ctx, p, nil); err != nil {
			conn.Close()
			return nil, fmt.Errorf("%s: %w", p, err)
		}
	}
	return conn, nil
}

// openHandle returns a pool of at most n connections to the file. It opens none yet.
func openHandle(file string, n int, pragmas ...string) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: file, RawQuery: "_txlock=immediate"}
	base, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	db := sql.OpenDB(connector{base, append(setup[:], pragmas...)})
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}
