package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/halley-chat/halley/internal/config"
	"github.com/halley-chat/halley/internal/store"
	"github.com/halley-chat/halley/internal/store/sqlite"
)

// dataFolder is where the commands that work on the data find it: as serve does.
type dataFolder struct {
	Config string `placeholder:"FILE" help:"YAML file of the server, which may name the data folder."`
	Data   string `default:"./halley-data" help:"Folder of the database."`
}

func (d *dataFolder) find(w world, given []string) (string, error) {
	given = slices.DeleteFunc(slices.Clone(given), func(flag string) bool { return !config.IsSetting(flag) })
	cfg, err := config.Load(config.Sources{File: d.Config, Env: w.env, Flags: config.Config{Data: d.Data}, Given: given})
	if err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	return cfg.Data, nil
}

// backup copies the data while a server runs, or while none does.
type backup struct {
	To string `arg:"" name:"file" help:"File to make, or a folder, in which it is named by the time."`
	dataFolder
}

func (b *backup) run(ctx context.Context, w world, given []string) error {
	dir, err := b.find(w, given)
	if err != nil {
		return err
	}
	ctx, stop := w.untilSignal(ctx, func() {})
	defer stop()
	file, err := sqlite.Backup(ctx, dir, b.To)
	switch {
	case errors.Is(err, fs.ErrExist):
		return usageError{err}
	case err != nil:
		return fmt.Errorf("back up %s: %w", dir, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("look at the backup: %w", err)
	}
	_, err = fmt.Fprintf(w.out, "%s: %d bytes, checked\n", file, info.Size())
	return err
}

// restore puts a backup in the place of the data.
type restore struct {
	From    string `arg:"" name:"file" help:"Backup to restore."`
	Replace bool   `help:"Keep the database that is in the data folder under another name, and put the restored one in its place."`
	dataFolder
}

func (r *restore) run(ctx context.Context, w world, given []string) error {
	dir, err := r.find(w, given)
	if err != nil {
		return err
	}
	ctx, stop := w.untilSignal(ctx, func() {})
	defer stop()
	done, err := sqlite.Restore(ctx, r.From, dir, sqlite.RestoreOptions{Replace: r.Replace})
	switch {
	case errors.Is(err, fs.ErrExist):
		return usageError{err}
	case errors.Is(err, store.ErrLocked):
		return fmt.Errorf("restore: %w", err)
	case err != nil:
		return fmt.Errorf("restore %s: %w", r.From, err)
	}
	if done.Kept != "" {
		if _, err := fmt.Fprintf(w.out, "the database that was there is kept in %s\n", done.Kept); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w.out, "%s holds the backup; everybody logs in anew\n", dir)
	return err
}
