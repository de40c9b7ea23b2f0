package doctor

import (
	"time"

	"golang.org/x/sys/unix"
)

func readSync() (syncState, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t) // with no mode set it only reads
	if err != nil {
		return syncState{}, err
	}
	return syncState{
		synchronized: state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0,
		maxError:     time.Duration(t.Maxerror) * time.Microsecond,
	}, nil
}
