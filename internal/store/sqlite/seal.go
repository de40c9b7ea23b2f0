package sqlite

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// sealedTables are the tables whose rows carry a checksum, with the columns that it is about, in order. The first ones, as many as named says, name the row.
var sealedTables = []struct {
	table, columns string
	named          int
}{
	{"answer", "key, sum, at, answer", 1},
	{"chat", "id, service, seq, phase, key_hash, started, ended", 1},
	{"event", "chat_id, seq, idx, at, actor_kind, actor_user, kind, body", 2},
	{"agent", "user_id, version, state", 1},
	{"work", "chat_id, queue, since, priority", 1},
	{"bin", "chat_id, workbin, by_user, at", 1},
	{"timer", "kind, key, at, data", 2},
	{"feed", "subscriber, n, at, topic, data", 2},
	{"login", "token_hash, user_id, csrf, created, seen", 1},
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal returns the columns of a row with their checksum, as they are written: CRC-32C, which finds every change of up to 32 bits in a row.
func seal(table string, columns ...any) []any {
	return append(columns, checksum(table, columns))
}

func checksum(table string, columns []any) int64 {
	b := append(make([]byte, 0, 512), table...)
	number := func(mark byte, n uint64) { b = binary.LittleEndian.AppendUint64(append(b, mark), n) }
	for _, c := range columns {
		switch v := c.(type) {
		case int64:
			number('n', uint64(v))
		case string:
			number('t', uint64(len(v)))
			b = append(b, v...)
		case []byte:
			number('t', uint64(len(v)))
			b = append(b, v...)
		default: // NULL
			number('-', 0)
		}
	}
	return int64(crc32.Checksum(b, castagnoli))
}

// rowError is a row that is not as it was written.
type rowError struct{ table, row, what string }

func (e *rowError) Error() string { return fmt.Sprintf("table %s, %s: %s", e.table, e.row, e.what) }

const notAsWritten = "its checksum does not fit: it is not as it was written"

// mustFit checks what was read of a row. named is how many columns name it. A row without a checksum is older than these.
func mustFit(crc sql.Null[int64], table string, named int, columns ...any) error {
	if !crc.Valid || crc.V == checksum(table, columns) {
		return nil
	}
	return &rowError{table, nameOf(columns[:named]), notAsWritten}
}

// mustFollow checks that no row is missing between two of a log or a feed.
func mustFollow(last, n int64, table, of string) error {
	if n == last+1 {
		return nil
	}
	return &rowError{table, nameOf([]any{of, last + 1}), fmt.Sprintf("it is missing: %d follows %d", n, last)}
}

func nameOf(columns []any) string {
	name := "row"
	for _, c := range columns {
		if b, ok := c.([]byte); ok {
			name += fmt.Sprintf(" %x", b)
		} else {
			name += fmt.Sprintf(" %v", c)
		}
	}
	return name
}

// nullable is a column that may be NULL.
func nullable(n sql.Null[int64]) any {
	if !n.Valid {
		return nil
	}
	return n.V
}
