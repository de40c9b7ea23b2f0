//go:build linux

package disk

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Units in which a disk writes: of what was not yet safe, some arrive and others do not.
const (
	sector = 512
	page   = 4096
)

// Image makes the folder that the power loss leaves behind. What was not made safe arrives by chance: none of it, all, or parts, in pieces of a sector or a
// page, the later ones perhaps without the earlier ones.
func (d *Disk) Image(into string, random *rand.Rand) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.cut {
		return errors.New("the power is on")
	}
	if d.missed != nil {
		return d.missed
	}
	share := []float64{0, 0.5, 0.9, 1}[random.IntN(4)]
	lucky := func() bool { return random.Float64() < share }

	names := map[string]*node{}
	naming(d.safe).apply(names)
	for _, n := range d.late {
		if lucky() {
			n.apply(names)
		}
	}
	paths := make([]string, 0, len(names))
	for path := range names {
		paths = append(paths, path)
	}
	slices.Sort(paths) // a folder comes before what is in it
	for _, path := range paths {
		if parent := filepath.Dir(path); parent != d.root && names[parent] == nil {
			continue // nobody finds it
		}
		to := filepath.Join(into, strings.TrimPrefix(path, d.root))
		var err error
		switch n := names[path]; {
		case n.folder:
			err = os.Mkdir(to, 0o700)
		case strings.HasSuffix(path, "-shm"):
			// Written through a memory map: anything may be in it.
			junk := make([]byte, random.IntN(8)*page)
			for i := range junk {
				junk[i] = byte(random.Uint32())
			}
			err = os.WriteFile(to, junk, 0o600)
		default:
			err = os.WriteFile(to, n.left(random, lucky), 0o600)
		}
		if err != nil {
			return fmt.Errorf("make the image: %w", err)
		}
	}
	return nil
}

// left is what of a file is on disk.
func (n *node) left(random *rand.Rand, lucky func() bool) []byte {
	size := []int64{sector, page}[random.IntN(2)]
	var arrived []change
	for _, c := range n.late {
		pieces := []change{c}
		if !c.truncate {
			pieces = c.pieces(size)
		}
		for _, p := range pieces {
			if lucky() {
				arrived = append(arrived, p)
			}
		}
	}
	random.Shuffle(len(arrived), func(i, j int) { arrived[i], arrived[j] = arrived[j], arrived[i] })
	data := slices.Clone(n.kept)
	for _, c := range arrived {
		data = c.apply(data)
	}
	return data
}

// Seen compares the disk's notes with what the folder holds, after the process has ended by itself: an error says that something escaped it.
func (d *Disk) Seen() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.missed != nil {
		return d.missed
	}
	noted := &Disk{root: d.root}
	if err := noted.load(); err != nil {
		return err
	}
	for path := range noted.now {
		if d.now[path] == nil {
			return fmt.Errorf("%s was made unnoticed", path)
		}
	}
	for path, n := range d.now {
		is := noted.now[path]
		if is == nil {
			return fmt.Errorf("%s was removed unnoticed", path)
		}
		data := slices.Clone(n.kept)
		for _, c := range n.late {
			data = c.apply(data)
		}
		if !slices.Equal(data, is.kept) {
			return fmt.Errorf("%s was written unnoticed: %d bytes noted, %d there", path, len(data), len(is.kept))
		}
	}
	return nil
}
