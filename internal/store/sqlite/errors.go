package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/halley-chat/halley/internal/store"
)

// trouble says whose fault an error of the database is.
type trouble int

const (
	none       trouble = iota // not the database's error at all
	ofTheBatch                // it would not take what it was given: a constraint, a size
	ofTheDisk                 // nothing can be written now; reads may still work
	ofTheData                 // what is on disk is not what was written
)

func troubleOf(err error) trouble {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return ofTheDisk
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return none
	}
	switch e.Code() & 0xff { // the upper bits are detail
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM, lib.SQLITE_NOMEM,
		lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_PROTOCOL, lib.SQLITE_NOLFS:
		return ofTheDisk
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return ofTheData
	}
	return ofTheBatch
}

// named gives an error of the database the kind under which callers know it.
func (s *Store) named(err error) error {
	if _, wrong := errors.AsType[*rowError](err); wrong {
		s.damage.Add(1)
		return damaged(s.folder.database(), err)
	}
	switch troubleOf(err) {
	case ofTheDisk:
		return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, s.folder.database(), err)
	case ofTheData:
		s.damage.Add(1)
		return damaged(s.folder.database(), err)
	}
	return err
}

// whenDamaged says how data is repaired: nothing that was lost can be guessed.
const whenDamaged = "stop the server and restore the file from a backup with halley restore"

func damaged(file string, err error) error {
	return fmt.Errorf("%w: %s: %w; %s", store.ErrDamaged, file, err, whenDamaged)
}
