package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/halley-chat/halley/internal/store"
)

// Backup writes all that is in the database of a data folder, as of one moment, into a new file that only its owner can read, and returns its name.
// If to is a folder, the file gets a name with the time. What was answered before Backup began is in it.
//
// A server may run on the folder meanwhile, and goes on writing; its journal grows for as long as it takes. The copy is checked like Check does before
// it gets its name: damaged data is store.ErrDamaged, and there is no file. A file that exists is never written over.
func Backup(ctx context.Context, dir, to string) (string, error) {
	from := filepath.Join(dir, fileName)
	if _, err := os.Stat(from); err != nil {
		return "", fmt.Errorf("there is no database to back up: %w; name the folder with --data", err)
	}
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		to = filepath.Join(to, time.Now().UTC().Format("halley-20060102T150405Z.db"))
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: choose another name", &fs.PathError{Op: "make", Path: to, Err: fs.ErrExist})
	}
	if err := whileUnused(dir, func() error { return mustHaveWholeJournal(from) }); err != nil {
		return "", err
	}
	part := to + ".part"
	if err := copyDatabase(ctx, from, part); err != nil {
		return "", err
	}
	if err := mustBeSound(ctx, part, from); err != nil {
		return "", errors.Join(err, os.Remove(part))
	}
	return to, putInPlace(part, to)
}

// copyDatabase writes what a database holds into a new file and makes that safe on disk. If it fails there is no such file.
func copyDatabase(ctx context.Context, from, to string) (err error) {
	// SQLite would make the file readable for everybody; it takes an empty one.
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: another backup to this name is under way, or was interrupted; in that case remove the file", err)
	}
	if err != nil {
		return fmt.Errorf("make the copy: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	db, err := openToRead(from)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		if troubleOf(err) == ofTheData {
			return damaged(from, err)
		}
		return fmt.Errorf("copy %s to %s: %w", from, to, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("make %s safe on disk: %w", to, err)
	}
	return nil
}

// mustBeSound is Check of a copy that nobody else uses, as an error about the file that it was made of.
func mustBeSound(ctx context.Context, file, of string) error {
	db, err := openToRead(file)
	if err != nil {
		return err
	}
	defer db.Close()
	found, err := checkDatabase(ctx, db, of)
	if err != nil || len(found) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s: %s (findings in all: %d)", store.ErrDamaged, found[0].Where, found[0].What, len(found))
}

// putInPlace gives a complete file its name, for good.
func putInPlace(part, name string) error {
	if err := os.Rename(part, name); err != nil {
		return fmt.Errorf("give the file its name: %w", err)
	}
	return syncFolder(filepath.Dir(name))
}
