package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date, each step in a transaction of its own. A schema that a newer version has made is refused: what this version would
// leave out of it could not be put in later.
func migrate(ctx context.Context, db *sql.DB) error {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("find the migrations: %w", err)
	}
	if err := mustBeOurs(ctx, db); err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, steps, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("prepare the migrations: %w", err)
	}
	is, knows, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the schema: %w", err)
	}
	if is > knows {
		return newerSchema(is, knows)
	}
	if is == knows {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the schema from version %d to %d: %w", is, knows, err)
	}
	return nil
}

func newerSchema(is, knows int64) error {
	return fmt.Errorf("its schema has version %d and this program knows versions up to %d: start the newer version of Halley that wrote it", is, knows)
}

// applicationID is what our files have in their header, from the schema with checksums on.
const applicationID = 0x48414c59

// querier is a connection, a pool or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// errEmpty is a file without anything in it.
var errEmpty = errors.New("it is empty")

// errForeign is a database that another program has made.
var errForeign = errors.New("it is a database, but not one of Halley's: choose another folder")

// mustBeOurs refuses what another program has made, before anything is written to it.
func mustBeOurs(ctx context.Context, db querier) error {
	var id, tables, ours int64
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return fmt.Errorf("read whose database it is: %w", err)
	}
	if id == applicationID {
		return nil
	}
	err := db.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE name IN ('goose_db_version', 'meta', 'event')) FROM sqlite_schema
		WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).Scan(&tables, &ours)
	switch {
	case err != nil:
		return fmt.Errorf("read whose database it is: %w", err)
	case id != 0 || ours < min(tables, 3): // one of ours that was interrupted at its first step has one table
		return errForeign
	}
	return nil
}

// schemaOf returns the version of a database's schema, and the one that this program makes.
func schemaOf(ctx context.Context, db querier) (is, knows int64, err error) {
	if err := mustBeOurs(ctx, db); err != nil {
		return 0, 0, err
	}
	var tables int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return 0, 0, fmt.Errorf("look what is in it: %w", err)
	}
	if tables == 0 {
		return 0, 0, errEmpty
	}
	if err := db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&is); err != nil {
		return 0, 0, fmt.Errorf("read the version of the schema: %w", err)
	}
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return 0, 0, fmt.Errorf("find the migrations: %w", err)
	}
	return is, int64(len(files)), nil
}
