package customerapi

import (
	"errors"
	"strconv"
	"strings"
)

// span is the part of the transcript that an answer carries.
type span struct {
	from int64 // the first index; negative: the last event only
	none bool
}

// spanOf reads a transcriptPosition (1.9). A poll without one, or with one that is no number, gets everything; any other operation gets what
// follows a positive one, and nothing else.
func spanOf(position string, poll bool) span {
	n, err := strconv.ParseInt(strings.TrimSpace(position), 10, 64)
	absent := err != nil && !errors.Is(err, strconv.ErrRange) // a number that is too big is still a number, and ParseInt returns the nearest
	switch {
	case absent && poll:
		return span{from: 1}
	case absent, n == 0, n < 0 && !poll:
		return span{none: true}
	}
	return span{from: n}
}
