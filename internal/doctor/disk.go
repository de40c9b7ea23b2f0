package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

// What a disk should be able to do.
const (
	slowSync     = 25 * time.Millisecond // median: each answered command waits for one
	verySlowSync = 150 * time.Millisecond
	longSync     = time.Second // the worst
	noSync       = 5 * time.Microsecond

	syncs    = 50
	syncTime = 5 * time.Second // in which they are done, or fewer

	lowSpace     = 2 << 30 // bytes
	veryLowSpace = 200 << 20
	lowFiles     = 1000
)

// volume is what the system tells of a file system.
type volume struct {
	free  uint64 // bytes, for us
	files uint64 // that can be made; 0: it does not count them
	kind  string // such as ext4; empty: not known
}

// kinds are file systems that are not fit for a database.
var kinds = map[string]Finding{
	"tmpfs":   {Problem, "disk.kind", "tmpfs: all data is gone with the next start of the machine", "put the data folder on a disk"},
	"ramfs":   {Problem, "disk.kind", "ramfs: all data is gone with the next start of the machine", "put the data folder on a disk"},
	"nfs":     {Problem, "disk.kind", "NFS: locks do not hold between machines, and two servers can spoil the database", "put the data folder on a local disk or a block device"},
	"smb":     {Problem, "disk.kind", "SMB: locks do not hold between machines, and two servers can spoil the database", "put the data folder on a local disk or a block device"},
	"9p":      {Problem, "disk.kind", "9p: the shared folder of a virtual machine promises neither locks nor fsync", "put the data folder on a disk of the virtual machine"},
	"fuse":    {Warning, "disk.kind", "FUSE: whether locks and fsync hold depends on the program behind it", "put the data folder on a local disk, or make sure of both"},
	"overlay": {Warning, "disk.kind", "overlay: all data is gone with the container", "mount a volume at the data folder"},
}

func examineDisk(ctx context.Context, r *report, folder string) {
	info, err := os.Stat(folder)
	switch {
	case err != nil:
		r.problem("disk", "name the server's data folder with --data", "%v", err)
		return
	case !info.IsDir():
		r.problem("disk", "name the server's data folder with --data", "%s is not a folder", folder)
		return
	}
	r.say(judgeRights(folder, info.Mode().Perm()))
	switch v, err := volumeOf(folder); {
	case errors.Is(err, errors.ErrUnsupported): // a system where this is not built
	case err != nil:
		r.problem("disk.space", "see to it that the file system answers", "%v", err)
	default:
		r.say(judgeKind(v.kind))
		r.say(judgeSpace(v))
	}
	times, err := measureSyncs(ctx, folder)
	if err != nil {
		do := "mend the disk, or mount it for writing"
		if errors.Is(err, fs.ErrPermission) {
			do = "run halley doctor as the server's user"
		}
		r.problem("disk.sync", do, "%v", err)
		return
	}
	r.say(judgeSyncs(times))
}

func judgeRights(folder string, mode fs.FileMode) Finding {
	do := "chmod 700 " + folder
	switch {
	case mode&0o022 != 0:
		return Finding{Problem, "disk.rights", fmt.Sprintf("others than the owner can write into %s (mode %#o)", folder, mode), do}
	case mode&0o055 != 0:
		return Finding{Warning, "disk.rights", fmt.Sprintf("others than the owner can look into %s (mode %#o), where chats and log-ins are", folder, mode), do}
	}
	return Finding{OK, "disk.rights", fmt.Sprintf("%s is its owner's alone (mode %#o)", folder, mode), ""}
}

func judgeKind(kind string) Finding {
	if bad, ok := kinds[kind]; ok {
		return bad
	}
	if kind == "" {
		kind = "of a kind that is not known here"
	}
	return Finding{OK, "disk.kind", "the file system is " + kind, ""}
}

func judgeSpace(v volume) Finding {
	const do = "make room: with no space left commands are refused"
	saw := fmt.Sprintf("%d MiB are free", v.free>>20)
	switch {
	case v.free < veryLowSpace:
		return Finding{Problem, "disk.space", saw, do}
	case v.free < lowSpace:
		return Finding{Warning, "disk.space", saw, do}
	case v.files != 0 && v.files < lowFiles:
		return Finding{Warning, "disk.space", fmt.Sprintf("%s, but only %d more files can be made", saw, v.files), do}
	}
	return Finding{OK, "disk.space", saw, ""}
}

// measureSyncs writes small blocks into a file of its own in the folder, as the database does when it commits, and measures how long each takes to be on disk.
func measureSyncs(ctx context.Context, folder string) (_ []time.Duration, err error) {
	f, err := os.CreateTemp(folder, ".doctor-*")
	if err != nil {
		return nil, fmt.Errorf("make a file in the data folder: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 4096)
	var times []time.Duration
	for begin := time.Now(); len(times) < syncs && (len(times) == 0 || time.Since(begin) < syncTime) && ctx.Err() == nil; {
		start := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, fmt.Errorf("write into the data folder: %w", err)
		}
		if err := f.Sync(); err != nil {
			return nil, fmt.Errorf("bring what was written to the disk: %w", err)
		}
		times = append(times, time.Since(start))
	}
	return times, ctx.Err()
}

func judgeSyncs(times []time.Duration) Finding {
	slices.Sort(times)
	median, worst := times[len(times)/2], times[len(times)-1]
	saw := fmt.Sprintf("fsync takes %v in the middle and %v at the worst (of %d)", round(median), round(worst), len(times))
	const do = "use a disk of its own, an SSD, or one with a battery behind its cache: each answered command waits for an fsync"
	switch {
	case median >= verySlowSync:
		return Finding{Problem, "disk.sync", saw, do}
	case median >= slowSync, worst >= longSync:
		return Finding{Warning, "disk.sync", saw, do}
	case median < noSync:
		return Finding{
			Warning, "disk.sync", saw + ", faster than any disk",
			"see to it that the volume or the virtual machine does not ignore flushes: what was answered may be lost with the power",
		}
	}
	return Finding{OK, "disk.sync", saw, ""}
}

// round makes a duration legible.
func round(d time.Duration) time.Duration {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond)
	case d < time.Second:
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(10 * time.Millisecond)
}
