package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// SQLite takes the first frame of its journal that does not fit for the journal's end, as it must after a power loss: the last transaction, which nobody was
// told of, may be torn. Were it a frame in the middle that has been damaged, everything behind it would be dropped without a word.
//
// The two can be told apart. A transaction is written only when the one before it is on disk (synchronous=FULL). So a frame that follows the end of a
// transaction proves that everything before it once was whole.

// Sizes in the journal, and its first word, whose last bit is the order of the bytes in checksums.
const (
	journalHeader = 32
	frameHeader   = 24
	journalMagic  = 0x377f0682
)

// mustHaveWholeJournal returns store.ErrDamaged if the journal of a database that nobody uses has lost a transaction that was on disk. It costs as much as
// reading the journal, which is what SQLite does with it next. What it can't tell is damage to the very last transaction.
func mustHaveWholeJournal(database string) error {
	name := database + "-wal"
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	defer f.Close()
	if err := readJournal(f); err != nil {
		if errors.Is(err, errLost) {
			return damaged(name, err)
		}
		return fmt.Errorf("read the journal %s: %w", name, err)
	}
	return nil
}

// errLost is a journal in which something is damaged that was whole.
var errLost = errors.New("transactions that were on disk are damaged")

// pair is a checksum of SQLite's.
type pair [2]uint32

// add continues the checksum over b, whose length is a multiple of eight.
func (s pair) add(order binary.ByteOrder, b []byte) pair {
	for ; len(b) >= 8; b = b[8:] {
		s[0] += order.Uint32(b) + s[1]
		s[1] += order.Uint32(b[4:]) + s[0]
	}
	return s
}

func pairAt(b []byte) pair { return pair{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])} }

func readJournal(r io.Reader) error {
	header := make([]byte, journalHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		return endOrError(err)
	}
	magic, size := binary.BigEndian.Uint32(header), int(binary.BigEndian.Uint32(header[8:]))
	order := binary.ByteOrder(binary.LittleEndian)
	if magic&1 == 1 {
		order = binary.BigEndian
	}
	sum := pair{}.add(order, header[:24])
	if magic&^1 != journalMagic || sum != pairAt(header[24:]) || size < 512 || size > 1<<16 {
		// The header is on disk before anything follows it.
		switch n, err := io.ReadFull(r, make([]byte, 1)); {
		case n > 0:
			return fmt.Errorf("%w: its header does not fit", errLost)
		default:
			return endOrError(err)
		}
	}
	salt := pairAt(header[16:])
	frame := make([]byte, frameHeader+size)
	broken := 0     // the first frame that does not fit; 0: none so far
	closed := false // the frame before ends a transaction
	for number := 1; ; number++ {
		if _, err := io.ReadFull(r, frame); err != nil {
			return endOrError(err)
		}
		fits := pairAt(frame[8:]) == salt && sum.add(order, frame[:8]).add(order, frame[frameHeader:]) == pairAt(frame[16:])
		switch {
		case !fits && broken == 0:
			broken = number
		case fits && broken > 0 && closed:
			return fmt.Errorf("%w: from frame %d on, and frame %d is of a later one", errLost, broken, number)
		}
		// What the frame says of itself, so that what follows it can be told to do so, also if it is damaged.
		sum = pairAt(frame[16:])
		closed = binary.BigEndian.Uint32(frame[4:]) != 0
	}
}

// endOrError tells the end of a file from a failure to read it.
func endOrError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
