package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// interruptedName is the file that is in a data folder while a backup is restored into it: with it the folder is not opened, since the database
// and the journal may not be of one another.
const interruptedName = "halley.restoring"

// RestoreOptions say what a restore may do.
type RestoreOptions struct {
	Replace bool // keep the database that is there under another name, and put the restored one in its place
}

// Restored says what Restore did.
type Restored struct {
	Kept string // the folder with the database that was there; empty: there was none
}

// Restore puts the database of a backup into a data folder. No server may use the folder: that is store.ErrLocked. If it has a database, that is an
// error (fs.ErrExist) and stays as it is, unless opt.Replace is set; then it is kept in a folder of its own within.
//
// The history that clients remember is another one, so feeds get a new epoch, and there are no CometD sessions any more: clients are told to shake hands, and
// positions from before are too old (RP-5). Nor are there log-ins: one that was ended since the backup must not come back to life.
//
// The backup is checked like Check does before anything is changed. Whatever happens in between, the folder has the old database or the new one, or refuses
// to be opened and says that the restore has to be done again.
func Restore(ctx context.Context, backup, dir string, opt RestoreOptions) (_ Restored, err error) {
	if _, err := os.Stat(backup); err != nil {
		return Restored{}, fmt.Errorf("there is no such backup: %w", err)
	}
	if err := mustHaveWholeJournal(backup); err != nil {
		return Restored{}, err
	}
	f, err := claimFolder(dir)
	if err != nil {
		return Restored{}, err
	}
	defer func() { err = errors.Join(err, f.release()) }()
	there, err := f.databaseFiles()
	if err != nil {
		return Restored{}, err
	}
	if len(there) > 0 && !opt.Replace {
		return Restored{}, fmt.Errorf("%w: choose another folder, or keep that database under another name with --replace",
			&fs.PathError{Op: "make", Path: f.database(), Err: fs.ErrExist})
	}
	fresh := f.database() + ".part"
	if err := removeIfThere(fresh); err != nil { // of a restore that was interrupted
		return Restored{}, err
	}
	if err := prepare(ctx, backup, fresh, f.epochs(ctx)); err != nil {
		return Restored{}, errors.Join(err, removeIfThere(fresh))
	}
	if err := f.mark(); err != nil {
		return Restored{}, err
	}
	var r Restored
	if len(there) > 0 {
		if r.Kept, err = f.setAside(there); err != nil {
			return r, err
		}
	}
	if err := putInPlace(fresh, f.database()); err != nil {
		return r, err
	}
	return r, f.unmark()
}

// prepare makes of a backup the database to restore.
func prepare(ctx context.Context, backup, fresh string, not map[int64]bool) error {
	if err := copyDatabase(ctx, backup, fresh); err != nil {
		return err
	}
	if err := renew(ctx, fresh, not); err != nil {
		return fmt.Errorf("prepare %s: %w", backup, err)
	}
	return mustBeSound(ctx, fresh, backup)
}

// renew brings a copy to today's schema, and ends what was between the old server and its clients. not are the epochs that clients may know.
func renew(ctx context.Context, file string, not map[int64]bool) error {
	db, err := openHandle(file, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, _, err := schemaOf(ctx, db); err != nil {
		return err
	}
	if err := migrate(ctx, db); err != nil {
		return err
	}
	var epoch int64
	if err := db.QueryRowContext(ctx, selectEpoch).Scan(&epoch); err != nil {
		return fmt.Errorf("read the epoch: %w", err)
	}
	not[epoch] = true
	for not[epoch] {
		epoch = 1 + rand.Int64N(1<<22-1)
	}
	for _, statement := range []string{`DELETE FROM delivery`, `DELETE FROM subscription`, `DELETE FROM session`, `DELETE FROM login`, `DELETE FROM lease`} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if _, err := db.ExecContext(ctx, `UPDATE meta SET value = ? WHERE key = 'epoch'`, epoch); err != nil {
		return fmt.Errorf("write the new epoch: %w", err)
	}
	// Its journal must go into the file, since the file alone is moved.
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode(DELETE)"); err != nil {
		return fmt.Errorf("end its journal: %w", err)
	}
	return db.Close()
}

// epochs are those that the database in the folder has, if it can be read.
func (f *folder) epochs(ctx context.Context) map[int64]bool {
	known := map[int64]bool{}
	if _, err := os.Stat(f.database()); err != nil {
		return known
	}
	db, err := openToRead(f.database())
	if err != nil {
		return known
	}
	defer db.Close()
	var epoch int64
	if db.QueryRowContext(ctx, selectEpoch).Scan(&epoch) == nil { // it may be damaged: that is why there is a restore
		known[epoch] = true
	}
	return known
}

// databaseFiles are the database of the folder and what belongs to it, as far as they are there.
func (f *folder) databaseFiles() (there []string, err error) {
	for _, of := range []string{"", "-wal", "-shm", "-journal"} {
		switch _, err := os.Lstat(f.database() + of); {
		case err == nil:
			there = append(there, fileName+of)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("look for a database: %w", err)
		}
	}
	return there, nil
}

// setAside moves files into a new folder within this one.
func (f *folder) setAside(files []string) (kept string, err error) {
	if kept, err = os.MkdirTemp(f.path, time.Now().UTC().Format("replaced-20060102T150405Z-")); err != nil {
		return "", fmt.Errorf("make a folder for the database that is there: %w", err)
	}
	for _, name := range files {
		if err := os.Rename(filepath.Join(f.path, name), filepath.Join(kept, name)); err != nil {
			return kept, fmt.Errorf("keep the database that is there: %w", err)
		}
	}
	return kept, errors.Join(syncFolder(kept), syncFolder(f.path))
}

func (f *folder) interrupted() string { return filepath.Join(f.path, interruptedName) }

// mark keeps the folder from being opened until unmark.
func (f *folder) mark() error {
	if err := os.WriteFile(f.interrupted(), nil, 0o600); err != nil {
		return fmt.Errorf("note that a backup is restored: %w", err)
	}
	return syncFolder(f.path)
}

func (f *folder) unmark() error {
	if err := os.Remove(f.interrupted()); err != nil {
		return fmt.Errorf("note that the backup is restored: %w", err)
	}
	return syncFolder(f.path)
}

// mustBeWhole refuses a folder in which a restore was interrupted.
func (f *folder) mustBeWhole() error {
	switch _, err := os.Lstat(f.interrupted()); {
	case err == nil:
		return fmt.Errorf("a restore into %s was interrupted: run halley restore with --replace again", f.path)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("look whether a restore was interrupted: %w", err)
	}
	return nil
}

func removeIfThere(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a part of a restore: %w", err)
	}
	return nil
}
